"""What is said to people arrives as it was written."""

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
