"""`testbed new` and `testbed validate`: scenario files."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from testbed import catalogue
from testbed.cli.options import DEFAULT_SCENARIO, JsonOption, ScenarioArgument, SetOption
from testbed.cli.output import answer
from testbed.cli.request import chosen_scenario
from testbed.errors import RequestError

__all__ = ["new", "validate"]


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The TOML file to write.")],
    source: Annotated[str, typer.Option("--from", metavar="NAME", help="A shipped scenario.")] = DEFAULT_SCENARIO,
) -> None:
    """Write a commented scenario file to start from."""
    from testbed.experiments.scenario import read_scenario

    text, _ = read_scenario(source)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text.replace(f'name = "{catalogue.canonical(source)}"', f'name = "{file.stem}"', 1))
    except FileExistsError:
        raise RequestError(f"{file} exists; it was left as it is") from None
    except OSError as error:
        raise RequestError(f"cannot write {file}: {error.strerror}") from None
    sys.stdout.write(f"wrote {file}; check it with: testbed validate {file}\n")


def validate(scenario: ScenarioArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Check a scenario; with --json, show it resolved with every default."""
    resolved = chosen_scenario(scenario, set_).resolve()
    if as_json:
        answer(True, resolved.document, lambda console: None)
        return
    sys.stdout.write(f"{scenario}: valid; runs {resolved.algorithm} for {resolved.run.length}\n")
