"""Testing every client on its own samples is a setting: any method takes it, and leaving it out changes nothing."""

from typing import Any

import numpy as np
import pytest
from personal import LOCAL_HEAD, SPLIT, keep_locally, split_experiment
from small import small_regions, small_scenario

from testbed.errors import RequestError
from testbed.experiments.run import execute
from testbed.experiments.store import run_id

METHODS = ["fedavg", "fedprox", "fedasync", "air-fedga", "fedbuff", "local-only"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_on_data_that_is_split_by_client(method: str) -> None:
    settings: dict[str, Any] = {"algorithm__kind": method, "data__client_split": SPLIT}
    result = execute(small_scenario(**settings).resolve(), 0)
    assert result.meta["status"] == "done"
    _, losses = result.series("loss")
    assert losses[-1] < losses[0]
    rows = result.tables["client_evaluation"].to_pylist()
    assert {row["client"] for row in rows} == set(range(6))
    times_s = {row["time_s"] for row in rows}
    assert times_s == {50.0 * k for k in range(9)}


@pytest.mark.parametrize("method", ["fedavg", "fedprox", "fedasync", "air-fedga", "local-only"])
def test_every_method_learns_when_some_tensors_stay_with_the_clients(method: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        keep_locally(patch)(LOCAL_HEAD)
        experiment = split_experiment(algorithm__kind=method)
        experiment.run()
    assert experiment.workload.num_entries == 64 * 32 + 32
    losses = [row["value"] for row in experiment.simulation.records.rows("evaluation") if row["metric"] == "loss"]
    assert losses[-1] < losses[0]


def test_regions_are_tested_by_client_and_so_are_their_views() -> None:
    """Of texts only classes can be split, so the regions learn digits here."""
    scenario = small_regions(
        data={"dataset": "digits", "partition": "iid", "client_split": SPLIT},
        model={"kind": "mlp", "hidden": [8]},
        algorithm__kind="diloco",
    )
    result = execute(scenario.resolve(), 0)
    metrics = {row["metric"] for row in result.tables["evaluation"].to_pylist()}
    assert {"accuracy", "accuracy_pooled"} <= metrics
    assert any(name.startswith("accuracy_") and name != "accuracy_pooled" for name in metrics)
    assert not any("class" in name for name in metrics)


def test_a_text_cannot_be_split_by_client() -> None:
    with pytest.raises(RequestError, match="a text cannot be split by client"):
        execute(small_regions(data__client_split=SPLIT).resolve(), 0)


def test_what_is_not_asked_for_is_not_stated_and_what_is_makes_another_run() -> None:
    plain = small_scenario().resolve().document
    assert "client_split" not in plain["data"]
    assert "keeps_optimizer_state" not in plain["training"]
    assert "betas" not in plain["training"]
    asked = [
        small_scenario(data__client_split=SPLIT),
        small_scenario(data__client_split={"train": 0.5, "validation": 0, "test": 0.5}),
        small_scenario(training__keeps_optimizer_state=True),
        small_scenario(training__optimizer="adam"),
        small_scenario(training__optimizer="adamw"),
    ]
    documents = [scenario.resolve().document for scenario in asked]
    assert documents[0]["data"]["client_split"] == SPLIT
    assert documents[2]["training"]["keeps_optimizer_state"] is True
    assert documents[3]["training"]["betas"] == [0.9, 0.999]
    ids = {run_id(document, 0) for document in [plain, *documents]}
    assert len(ids) == 6
    for unasked in ({"training__keeps_optimizer_state": False}, {"run__evaluates_validation": False}):
        stated = small_scenario(**unasked).resolve().document
        assert run_id(stated, 0) == run_id(plain, 0)


def test_validation_is_evaluated_where_it_is_asked_for_and_there() -> None:
    asked: dict[str, Any] = {"run__evaluates_validation": True}
    result = execute(small_scenario(**asked, data__client_split=SPLIT).resolve(), 0)
    tested, validated = (result.tables[f"client_{part}"].to_pylist() for part in ("evaluation", "validation"))
    for name in ("time_s", "version", "client"):
        assert [row[name] for row in validated] == [row[name] for row in tested]
    assert {row["num_samples"] for row in validated} <= {
        n + d for n in {r["num_samples"] for r in tested} for d in (-1, 0, 1)
    }
    nothing = {"train": 0.8, "validation": 0, "test": 0.2}
    for settings, reason in ((asked, "common set"), (asked | {"data__client_split": nothing}, r"clients \[0, 1, 2")):
        with pytest.raises(RequestError, match=f"evaluates_validation needs .*{reason}.*data.client_split"):
            execute(small_scenario(**settings).resolve(), 0)


def test_shares_that_leave_nothing_to_test_are_refused_by_the_name_of_the_table() -> None:
    with pytest.raises(RequestError, match=r"data\.client_split: train = 0\.5, validation = 0\.5, test = 0: must sum"):
        small_scenario(data__client_split={"train": 0.5, "validation": 0.5, "test": 0}).resolve()


def test_the_deal_is_the_same_with_a_split_and_without() -> None:
    plain, split = small_scenario().resolve(), small_scenario(data__client_split=SPLIT).resolve()
    sizes = []
    for scenario in (plain, split):
        rows = execute(scenario.with_horizon(50.0), 0).tables["client"].to_pylist()
        sizes.append(np.array([row["num_samples"] for row in rows]))
    assert (sizes[1] < sizes[0]).all()
    np.testing.assert_allclose(sizes[1], SPLIT["train"] * sizes[0], atol=1.01)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"training__optimizer": "adam", "training__momentum": 0.9}, "momentum belongs to sgd; adam has betas"),
        ({"training__betas": [0.9, 0.99]}, "betas and epsilon belong to adam and adamw"),
    ],
)
def test_settings_of_another_optimizer_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        small_scenario(**settings).resolve()


def test_where_methods_always_keep_the_state_it_cannot_be_asked_for() -> None:
    with pytest.raises(RequestError, match="always keep the optimiser's state"):
        small_regions(training__keeps_optimizer_state=True).resolve()
