"""What is said to people arrives as it was written."""

import errno

import pytest

from kg import console, main
from kg.errors import ModelError

BRACKETS = "context must be [items, dim], in /data/[/old] and [bold]x"


def test_brackets_are_no_markup(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    console.say(BRACKETS)
    assert capsys.readouterr().err == BRACKETS + "\n"

    def fails() -> None:
        raise ModelError(BRACKETS)

    monkeypatch.setattr(main, "register", lambda: None)
    monkeypatch.setattr(main, "app", fails)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"error: {BRACKETS}\n"


@pytest.mark.parametrize(
    ("error", "told", "code"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/proc/x"), "/proc/x", 1),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device", 1),
        (KeyboardInterrupt(), "", 130),
    ],
)
def test_what_the_machine_refuses_is_named_without_a_trace(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    told: str,
    code: int,
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(main, "register", lambda: None)
    monkeypatch.setattr(main, "app", fails)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == code
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said
