"""FedAsync, tiers and OFDMA: their limits and what the records say of them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import small_experiment
from versions import run_and_keep_versions

from algorithms.aggregation.staleness import staleness_discount
from testbed.experiments.run import Experiment


def rows(experiment: Experiment, table: str) -> list[dict[str, Any]]:
    return list(experiment.simulation.records.rows(table))


@settings(deadline=None)
@given(st.sampled_from(["constant", "polynomial", "hinge"]), st.integers(0, 100), st.floats(0.1, 4), st.integers(0, 9))
def test_a_discount_is_one_when_fresh_never_grows_and_stays_positive(
    discount: Any, staleness: int, exponent: float, hinge_after: int
) -> None:
    now, later = (staleness_discount(tau, discount, exponent, hinge_after) for tau in (staleness, staleness + 1))
    assert staleness_discount(0, discount, exponent, hinge_after) == 1.0
    assert 0 < later <= now <= 1


@pytest.mark.parametrize("discount", ["constant", "polynomial", "hinge"])
def test_fedasync_mixes_with_a_times_the_discount_of_each_arrivals_own_staleness(discount: str) -> None:
    experiment = small_experiment(algorithm__kind="fedasync", algorithm__discount=discount, algorithm__hinge_after=2)
    experiment.run()
    versions = rows(experiment, "version")
    assert max(row["staleness"] for row in versions) > 2
    for row in versions:
        expected = 0.6 * staleness_discount(row["staleness"], discount, 0.5, 2)
        assert row["mixing_weight"] == pytest.approx(expected)
        assert row["num_members"] == 1


def test_one_tier_is_fedavg() -> None:
    tiers = run_and_keep_versions(
        small_experiment(algorithm__kind="tifl", algorithm__grouping="single", run__horizon_s=2000.0)
    )
    fedavg = run_and_keep_versions(small_experiment(algorithm__kind="fedavg", run__horizon_s=2000.0))
    assert len(tiers) == len(fedavg) > 3
    for (time_a, model_a), (time_b, model_b) in zip(tiers, fedavg, strict=True):
        assert time_a == time_b
        assert model_a.tobytes() == model_b.tobytes()


def test_ofdma_learns_the_same_as_tdma_at_other_times() -> None:
    tdma, ofdma = (
        run_and_keep_versions(
            small_experiment(algorithm__kind="fedavg", algorithm__access=access, run__horizon_s=2000.0)
        )
        for access in ("tdma", "ofdma")
    )
    assert [t for t, _ in tdma][1:4] != [t for t, _ in ofdma][1:4]
    for (_, model_a), (_, model_b) in zip(tdma[:4], ofdma[:4], strict=True):
        np.testing.assert_array_equal(model_a, model_b)


@pytest.mark.parametrize("algorithm", ["fedasync", "tifl"])
def test_asynchronous_baselines_learn(algorithm: str) -> None:
    experiment = small_experiment(algorithm__kind=algorithm, run__horizon_s=3000.0, training__local_steps=10)
    experiment.run()
    accuracy = [row["value"] for row in rows(experiment, "evaluation") if row["metric"] == "accuracy"]
    assert accuracy[-1] > 0.6 > 0.2 > accuracy[0]
