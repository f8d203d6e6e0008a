"""The commands `shopgraph scenario …`: what a placement shows, from files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kg.console import emit_json, out, say
from kg.errors import SettingsError

if TYPE_CHECKING:
    from api.scenarios.current import Scenarios
    from api.schemas.scenarios import NamedScenario, Scenario

app = typer.Typer(
    name="scenario", no_args_is_help=True, help="Placements: their weights, filters and merchandising rules."
)
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
NameOf = Annotated[str, typer.Argument(help="The scenario, for example home.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """The scenarios of the graph and how many rules each has.

    Example: shopgraph scenario list
    """
    found = _read()
    if as_json:
        emit_json([_plain(scenario) for scenario in found.values()])
        return
    for scenario in found.values():
        out.print(
            f"{scenario.name}: {len(scenario.rules or ()):,} rules. {scenario.note or ''}", markup=False
        )
    if not found:
        say("There are none. Save one: shopgraph scenario save home.json")


@app.command()
def show(name: NameOf) -> None:
    """A scenario as JSON, as `scenario save` takes it.

    Example: shopgraph scenario show home > home.json
    """
    from api.scenarios.store import found

    emit_json(_plain(found(_read(), name)))


@app.command()
def save(
    file: Annotated[Path, typer.Argument(help="A scenario as JSON.", exists=True, dir_okay=False)],
    name: Annotated[str | None, typer.Option(help="Its name, by default the file's.")] = None,
) -> None:
    """Save a scenario from a file, in place of the one of that name. Contradictions are refused.

    Example: shopgraph scenario save home.json
    """
    from functools import partial

    from api.scenarios import store as scenario_store
    from api.state.loading import load_snapshot
    from kg.driver import connect
    from kg.schema import make_keys
    from kg.settings import load_settings

    scenario, name = _from(file), name or file.stem
    with connect(load_settings()) as graph:
        make_keys(graph)
        work = partial(scenario_store.save, name=name, scenario=scenario, snapshot=load_snapshot(graph))
        saved = graph.transact("a scenario", work)
    say(f"Saved {saved.name} with {len(saved.rules or ()):,} rules. APIs obey within 2 s.")
    for note in saved.notes:
        say(note)


@app.command()
def delete(name: NameOf) -> None:
    """Delete a scenario with its rules.

    Example: shopgraph scenario delete home
    """
    from functools import partial

    from api.scenarios.store import drop
    from kg.driver import connect
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        graph.transact("deletion of a scenario", partial(drop, name=name))
    say(f"Deleted {name}.")


def _from(file: Path) -> "Scenario":
    import json

    from pydantic import ValidationError

    from api.schemas.scenarios import Scenario
    from kg.live.event_shape import reason_of

    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        shown = ("name", "notes")  # what `show` prints besides
        plain = {k: v for k, v in told.items() if k not in shown} if isinstance(told, dict) else told
        return Scenario.model_validate(plain)
    except ValidationError as error:
        raise SettingsError(f"{file}: {reason_of(error)}") from error
    except ValueError as error:
        raise SettingsError(f"{file} is not JSON: {error}") from error


def _plain(scenario: "NamedScenario") -> dict[str, object]:
    return scenario.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def _read() -> "Scenarios":
    from api.scenarios.current import read_scenarios
    from kg.driver import connect
    from kg.settings import load_settings

    with connect(load_settings()) as graph:
        return read_scenarios(graph)
