"""What a dry run says: the operations that the clock charges, and those that are computed here."""

from typing import Any

import pytest
from small import small_regions, small_scenario

from testbed.experiments.estimate import Estimate, estimate
from testbed.experiments.run import prepare
from testbed.experiments.scenario import Scenario
from testbed.learning.cost import TrainingCost

VIRTUAL = {"parameters": 150e6, "tokens_per_step": 1000}


def needs(scenario: Scenario) -> Estimate:
    return estimate(scenario.resolve(), 0, None)


def cost_and_num_tests(scenario: Scenario) -> tuple[TrainingCost, int]:
    resolved = scenario.resolve()
    data = resolved.data.dataset.load(None)
    return prepare(resolved, 0, data).workload.cost, len(data.test_labels)


def test_a_virtual_model_is_what_the_clock_charges_and_not_what_is_computed_here() -> None:
    one = needs(small_regions(run__horizon_rounds=6, virtual=VIRTUAL))
    ten = needs(small_regions(run__horizon_rounds=6, virtual=VIRTUAL | {"parameters": 1500e6}))
    assert one.flop == pytest.approx(6 * 150e6 * 1000 * 6 * 3)  # 6 P tokens, six steps of three regions
    assert ten.flop == pytest.approx(10 * one.flop)
    assert ten.flop_computed == one.flop_computed < one.flop


@pytest.mark.parametrize("settings", [{"algorithm__kind": "fedavg"}, {"algorithm__kind": "air-fedga"}])
def test_what_is_computed_of_a_federation_is_what_was_charged_of_jobs_that_were_read_and_the_evaluations(
    settings: dict[str, Any],
) -> None:
    scenario = small_scenario(run__horizon_s=100.0, **settings)
    cost, num_tests = cost_and_num_tests(scenario)
    result = scenario.run(0)
    # A row of `update` is a job that was read; all jobs of a client cost the same.
    flop_of = dict(zip(result.column("training", "client"), result.column("training", "flop"), strict=True))
    read = sum(flop_of[client] for client in result.column("update", "client"))
    versions = len(set(result.column("evaluation", "version")))
    found = needs(scenario)
    assert found.flop == result.column("training", "flop").sum()
    assert found.flop_computed >= read + versions * num_tests * cost.forward_flop_per_sample * (1 - 1e-12)
    assert found.flop_computed <= found.flop + versions * num_tests * cost.forward_flop_per_sample * (1 + 1e-12)


def test_views_of_a_version_are_computed_too() -> None:
    scenario = small_regions(run__horizon_rounds=6, run__evaluation_interval_rounds=6, virtual=None)
    cost, num_tests = cost_and_num_tests(scenario)
    found = needs(scenario)
    evaluations = (found.flop_computed - found.flop) / (num_tests * cost.forward_flop_per_sample)
    metrics = set(scenario.run(0).column("evaluation", "metric"))
    num_vectors = sum(metric.startswith("loss") for metric in metrics)
    # At the start all vectors are one; after six steps each view is a vector of its own.
    assert evaluations == pytest.approx(round(evaluations))
    assert 1 < evaluations <= 2 * num_vectors
