"""`testbed list`: the parts a scenario can name, and their settings."""

import sys
from typing import Annotated, Any

import typer

from testbed import catalogue
from testbed.cli.options import JsonOption
from testbed.cli.output import answer
from testbed.errors import RequestError

__all__ = ["list_"]


def list_(
    kind: Annotated[str | None, typer.Argument(metavar="[KIND]", help="Only parts of this kind.")] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The settings of this part.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference of all settings.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the parts a scenario can name, or the settings of one."""
    if markdown:
        _reference(bool(kind or name or as_json))
        return
    from testbed.experiments.describe import part_line, part_settings
    from testbed.views.listings import catalogue_table, settings_table

    if kind and name:
        settings = part_settings(kind, name)
        rows: dict[str, Any] = {"kind": kind, "name": name, "settings": settings}
        answer(as_json, rows, lambda console: console.print(settings_table(f"{kind} {name}", settings)))
        return
    kinds = [catalogue.canonical(kind)] if kind else list(catalogue.KINDS)
    found = {name: [catalogue.examined(entry) for entry in catalogue.entries(name).values()] for name in kinds}
    document = {kind: [part_line(entry) for entry in parts] for kind, parts in found.items()}
    answer(as_json, document, lambda console: console.print(catalogue_table(found)))


def _reference(too_much: bool) -> None:
    from testbed.views.reference import reference_page

    if too_much:
        raise RequestError("--markdown prints all kinds: give neither a kind nor --json with it")
    sys.stdout.write(reference_page())
