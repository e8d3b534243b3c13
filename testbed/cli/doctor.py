"""`testbed doctor`: whether this machine has what runs need."""

from testbed.cli.options import DataOption, JsonOption, StoreOption
from testbed.cli.output import answer
from testbed.errors import RunFailure

__all__ = ["doctor"]


def doctor(data: DataOption = None, store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Check Python, torch, threads, package names, the data folder and a store of results."""
    from testbed.experiments.doctor import examine
    from testbed.views.listings import doctor_table

    findings = examine(data, store)
    document = {"findings": [finding.to_json() for finding in findings]}
    answer(as_json, document, lambda console: console.print(doctor_table(findings)))
    if any(finding.level == "error" for finding in findings):
        raise RunFailure("something needs mending")
