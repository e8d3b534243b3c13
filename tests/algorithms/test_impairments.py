"""What an imperfect uplink does to an aggregation, end to end: the records say what really arrived."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small import small_experiment

from algorithms.power_control.plan import ChannelState, Plan, SignalStatistics
from algorithms.power_control.zf_inversion import ZeroForcingInversion
from testbed.experiments.run import Experiment
from testbed.layout import FloatArray

BLOCKS: dict[str, Any] = {"channel__uplink__hold": "block", "channel__uplink__coherence_time_s": 0.2}
PERFECT: dict[str, Any] = {
    "channel__uplink__csi_error_variance": 0.0,
    "channel__uplink__phase_error_rad": 0.0,
    "channel__uplink__num_antennas": 1,
    "channel__uplink__combining": "egc",
    "channel__uplink__csi": "per-block",
}


def ran(**settings: Any) -> Experiment:
    experiment = small_experiment(**settings)
    experiment.run()
    return experiment


def column(experiment: Experiment, table: str, name: str) -> np.ndarray:
    return np.array([row[name] for row in experiment.simulation.records.rows(table)])


def test_stating_that_the_uplink_is_perfect_changes_nothing() -> None:
    for table in ("aggregation", "transfer", "span"):
        one, other = (list(ran(**s).simulation.records.rows(table)) for s in ({}, PERFECT))
        assert one == other


def test_with_unbiased_inversion_the_alignment_is_one_and_phase_errors_shrink_it_by_their_mean_cosine() -> None:
    unbiased = {"algorithm__power_control": "zf-inversion"}
    np.testing.assert_allclose(column(ran(**unbiased), "aggregation", "alignment"), 1.0, rtol=1e-12)
    shrunk = column(ran(**unbiased, channel__uplink__phase_error_rad=0.5), "aggregation", "alignment")
    standard_error = shrunk.std(ddof=1) / math.sqrt(len(shrunk))
    assert abs(shrunk.mean() - math.exp(-(0.5**2) / 2)) < 4 * standard_error
    assert standard_error < 0.02


def test_a_csi_error_costs_accuracy_of_the_sum_and_no_energy_beyond_the_budget() -> None:
    perfect, imperfect = ran(), ran(channel__uplink__csi_error_variance=0.1)
    errors = [np.median(column(e, "aggregation", "aggregation_nmse")) for e in (perfect, imperfect)]
    assert errors[1] > 1.3 * errors[0]
    assert column(imperfect, "transfer", "energy_tx_j").max() <= 10.0 * (1 + 1e-9)


def test_inverting_in_every_block_is_clipped_at_the_budget_and_following_none_misses_more() -> None:
    first, every = ran(**BLOCKS, channel__uplink__csi="first"), ran(**BLOCKS, channel__uplink__csi="per-block")
    assert first.simulation.records.num_rows("clipping") == 0
    wanted, used = (column(every, "clipping", name) for name in ("wanted_gain", "gain"))
    assert len(used) > 20
    assert (used < wanted).all()
    assert column(every, "transfer", "energy_tx_j").max() <= 10.0 * (1 + 2e-9)
    errors = [np.median(column(e, "aggregation", "aggregation_nmse")) for e in (first, every)]
    assert errors[0] > errors[1]


@pytest.mark.parametrize("combining", ["mrc", "egc", "aligned"])
def test_antennas_clean_the_sum(combining: str) -> None:
    many = ran(channel__uplink__num_antennas=8, channel__uplink__combining=combining)
    errors = [np.median(column(e, "aggregation", "aggregation_nmse")) for e in (ran(), many)]
    assert errors[1] < 0.7 * errors[0]


def test_antennas_stay_combined_for_the_group_that_was_planned_for_when_somebody_is_silenced() -> None:
    planned: list[float] = []

    class Silencer(ZeroForcingInversion):
        """Channel inversion for everybody, after which the first member keeps silent."""

        def plan(self, channel: ChannelState, statistics: SignalStatistics, weights: FloatArray) -> Plan:
            plan = super().plan(channel, statistics, weights)
            active = np.arange(len(weights)) != (0 if len(weights) > 1 else 1)
            planned.append(plan.receive_scale * float(np.sum((plan.gains * channel.amplitudes)[active])))
            return replace(plan, active=active)

    antennas = {"channel__uplink__num_antennas": 3, "channel__uplink__combining": "mrc"}
    alignments = column(ran(algorithm__power_control=Silencer(), **antennas), "aggregation", "alignment")
    assert min(alignments) < 0.95
    np.testing.assert_allclose(alignments, planned[: len(alignments)], rtol=1e-12)
