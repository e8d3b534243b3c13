"""A federation that does what a test says, once: for laws of single verbs."""

from collections.abc import Callable
from typing import Any, ClassVar

from personal import split_experiment

from algorithms.grouping.single import SingleGroup
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from testbed.experiments.run import Experiment
from testbed.simulation import Process

__all__ = ["Script", "assert_spans_start_where_their_causes_end", "play", "rows"]

Script = Callable[[Federation, Group], Process]


class _Scripted:
    reads_trained_values: ClassVar[bool] = False

    def __init__(self, script: Script) -> None:
        self.script, self.result = script, None

    def start(self, fed: Federation) -> None:
        (group,) = fed.form_groups(SingleGroup(), upload_s=0.0)
        fed.simulation.start(self.serve(fed, group), "the script")

    def serve(self, fed: Federation, group: Group) -> Process:
        self.result = yield from self.script(fed, group)
        if not fed.simulation.finished:
            fed.simulation.finish("script")


def play(script: Script, **settings: Any) -> tuple[Experiment, Any]:
    """Run a script in a federation of six; return the experiment and what the script returned."""
    experiment = split_experiment(**settings)
    method = _Scripted(script)
    experiment.world.algorithm = method  # type: ignore[attr-defined]
    experiment.run()
    return experiment, method.result


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    """Return the rows of a table."""
    return list(experiment.simulation.records.rows(table))


def assert_spans_start_where_their_causes_end(experiment: Experiment) -> None:
    """Walking causes backwards ends at time zero without a gap."""
    spans = rows(experiment, "span")
    ends_s = [row["end_s"] for row in spans]
    assert spans
    assert [row for row in spans if row["start_s"] != (ends_s[row["cause_id"]] if row["cause_id"] >= 0 else 0.0)] == []
