"""The accuracy that the code of GCFL reports, the best of what it keeps; and that of the version best in validation."""

import pyarrow as pa
import pytest
from graph_runs import graph_experiment

from graphs.cached_accuracy import cached_accuracy, last_accuracy, validated_accuracy
from testbed.errors import RequestError
from testbed.experiments.result import RunResult


def run_of(accuracies: dict[tuple[int, int], float], members: list[tuple[int, int, int]] | None = None) -> RunResult:
    """(version, client) -> accuracy; members (version, client, cluster)."""
    tables = {
        "client_evaluation": pa.table(
            {
                "version": [version for version, _ in accuracies],
                "client": [client for _, client in accuracies],
                "accuracy": list(accuracies.values()),
            }
        )
    }
    if members is not None:
        columns = dict(zip(("version", "client", "cluster"), map(list, zip(*members, strict=True)), strict=True))
        tables["split_membership"] = pa.table(columns)
    return RunResult("", {}, 0, {}, tables)


# Three clients; in version 2 the cluster of clients 0 and 1 comes apart from client 2.
ACCURACIES = {
    (0, 0): 0.9, (0, 1): 0.9, (0, 2): 0.9,
    (1, 0): 0.6, (1, 1): 0.2, (1, 2): 0.8,
    (2, 0): 0.7, (2, 1): 0.4, (2, 2): 1.0,
    (3, 0): 0.5, (3, 1): 0.5, (3, 2): 0.5,
}  # fmt: skip
AT_START = [(0, 0, 0), (0, 1, 0), (0, 2, 0)]


def test_without_a_split_it_is_the_last_accuracy() -> None:
    for run in (run_of(ACCURACIES), run_of(ACCURACIES, AT_START)):
        assert cached_accuracy(run) == last_accuracy(run) == pytest.approx(0.5)


def test_a_split_keeps_the_models_of_its_members_as_they_were_before() -> None:
    run = run_of(ACCURACIES, [*AT_START, (2, 0, 0), (2, 1, 0), (2, 2, 1)])
    assert cached_accuracy(run) == pytest.approx((0.6 + 0.5 + 0.8) / 3)
    only_two = run_of(ACCURACIES, [*AT_START, (3, 0, 0), (3, 1, 1)])
    assert cached_accuracy(only_two) == pytest.approx((0.7 + 0.5 + 0.5) / 3)


def test_it_is_never_below_the_last_accuracy_of_a_run() -> None:
    experiment = graph_experiment("gcfl", {"eps1": 1e9, "eps2": 0.0, "first_round": 2}, run__horizon_rounds=12)
    experiment.run()
    run = RunResult("", {}, 0, {}, experiment.simulation.records.tables())
    assert len(set(run.column("split_membership", "cluster"))) > 1
    assert cached_accuracy(run) >= last_accuracy(run)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(RequestError, match="no rows of client_evaluation"):
        last_accuracy(RunResult("", {}, 0, {}, {}))
    sparse = {key: value for key, value in ACCURACIES.items() if key[0] != 1}
    with pytest.raises(RequestError, match="version 1 was not evaluated"):
        cached_accuracy(run_of(sparse, [*AT_START, (2, 0, 0), (2, 1, 0), (2, 2, 1)]))
    with pytest.raises(RequestError, match="evaluates_validation = true"):
        validated_accuracy(run_of(ACCURACIES))


def validated(scores: dict[int, list[tuple[float, float]]]) -> RunResult:
    """Version -> accuracy and loss of the three clients in validation, beside `ACCURACIES` in the test."""
    run = run_of(ACCURACIES)
    rows = [(version, *score) for version, own in scores.items() for score in own]
    run.tables["client_validation"] = pa.table(
        dict(zip(("version", "accuracy", "loss"), map(list, zip(*rows, strict=True)), strict=True))
    )
    return run


def test_validation_chooses_by_accuracy_then_by_loss_then_the_first_and_never_by_the_test() -> None:
    low, middle, high = (0.1, 2.0), (0.5, 1.0), (0.9, 0.5)
    assert validated_accuracy(
        validated({0: [low] * 3, 1: [middle] * 3, 2: [low] * 3, 3: [high, high, low]})
    ) == pytest.approx(0.5)
    same = {0: [low] * 3, 1: [(0.5, 1.0)] * 3, 2: [(0.5, 0.9)] * 3, 3: [(0.5, 0.9)] * 3}
    assert validated_accuracy(validated(same)) == pytest.approx(2.1 / 3)


def test_what_a_run_chooses_by_validation_is_what_its_rows_say() -> None:
    experiment = graph_experiment("fedavg", run__horizon_rounds=8, run__evaluates_validation=True)
    experiment.run()
    tables = experiment.simulation.records.tables()
    run = RunResult("", {}, 0, {}, tables)
    rows = tables["client_validation"].to_pandas()
    best = rows.groupby("version").agg({"accuracy": "mean", "loss": "mean"}).sort_values(["accuracy", "loss"])
    version = best[best.accuracy == best.accuracy.max()].index[0]
    tested = tables["client_evaluation"].to_pandas()
    assert validated_accuracy(run) == pytest.approx(tested[tested.version == version].accuracy.mean())
