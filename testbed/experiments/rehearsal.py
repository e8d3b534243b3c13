"""The rehearsal of a sweep: every alternative is set up once and not run, so that none is refused half-way.

Settings alone cannot tell everything. Data that is not there, more groups than clients, a power control that needs
another payload: these show when a world is built and started, which costs a fraction of a second and trains nothing.
"""

from collections.abc import Sequence
from pathlib import Path

from testbed.errors import RequestError
from testbed.experiments.refusals import Words, refusal
from testbed.experiments.run import prepare, torch_threads
from testbed.experiments.scenario import data_folder
from testbed.experiments.sweep import PlannedRun
from testbed.learning.datasets.dataset import AnyDataset
from testbed.learning.metrics import check_metric

__all__ = ["check_plan"]


def check_plan(planned: Sequence[PlannedRun], metric: str, data_dir: Path | None) -> None:
    """Refuse a plan of which an alternative cannot start or will not record `metric`, before any of it is run.

    Parameters
    ----------
    planned : each alternative is set up under the first seed it has here.

    Raises
    ------
    RequestError : names every alternative that is refused, and why.
    """
    firsts: dict[Words, PlannedRun] = {}
    for run in planned:
        firsts.setdefault(run.words, run)
    refused: list[tuple[Words, str]] = []
    loaded: dict[str, AnyDataset] = {}
    for words, run in firsts.items():
        try:
            _rehearse(run, metric, data_dir, loaded)
        except RequestError as error:
            refused.append((words, str(error)))
    if refused:
        raise refusal(refused, list(firsts))


def _rehearse(run: PlannedRun, metric: str, data_dir: Path | None, loaded: dict[str, AnyDataset]) -> None:
    scenario = run.scenario.resolve()
    folder = data_folder(data_dir, scenario)
    source = f"{scenario.document['data']['dataset']} in {folder}"
    if source not in loaded:
        loaded[source] = scenario.data.dataset.load(folder)
    data = loaded[source]
    with torch_threads(scenario.run.num_threads):
        experiment = prepare(scenario, run.seed, data, kernel="none", data_dir=folder)
        check_metric(metric, experiment.workload.data, experiment.workload.evaluator.views)
        experiment.world.start()
