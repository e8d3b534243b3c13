"""When rounds will transmit: foretold to the last bit, or refused with the reason."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import small_experiment

from algorithms.over_the_air.foretelling import foretold_times_s, transmission_times_s, why_unforeseeable
from testbed.errors import RequestError
from testbed.experiments.run import Experiment

HORIZON = "air-fedavg-horizon"
RADIO = {"bandwidth_hz": "1 MHz", "power_w": 1, "noise_psd_w_per_hz": 1e-9}


def experiment_of(seed: int = 0, **changes: Any) -> Experiment:
    return small_experiment(seed, **{"algorithm__kind": "air-fedavg", "algorithm__power_control": HORIZON, **changes})


def starts_s(experiment: Experiment) -> list[float]:
    found = experiment.simulation.records.rows("span")
    return [row["start_s"] for row in found if (row["entity"], row["kind"]) == ("uplink", "transmit")]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"devices__slowdown": {"kind": "pareto", "shape": 1.2, "cap": 30}},
        {"devices__slowdown": "none", "data__partition": "iid", "training__batch_size": 8, "run__horizon_s": 60.0},
        {
            "channel__uplink__num_subchannels": 7,
            "channel__uplink__coherence_time_s": 0.31,
            "algorithm__payload": "delta",
        },
    ],
)
def test_foretold_times_are_the_times_at_which_rounds_transmit(seed: int, changes: dict[str, Any]) -> None:
    experiment = experiment_of(seed, **changes)
    foretold = foretold_times_s(experiment.world)
    experiment.run()
    assert len(foretold) > 3
    assert starts_s(experiment) == foretold


def test_a_round_that_ends_exactly_at_the_horizon_counts() -> None:
    experiment = experiment_of()
    foretold = foretold_times_s(experiment.world)
    end_s = foretold[2] + experiment.world.cell.airtime_s
    for horizon_s, number in ((end_s, 3), (np.nextafter(end_s, 0), 2)):
        cut = experiment_of(run__horizon_s=float(horizon_s), run__evaluation_interval_s=1.0)
        assert foretold_times_s(cut.world) == foretold[:number]
        cut.run()
        assert starts_s(cut) == foretold[:number]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.1, 50), min_size=1, max_size=6), st.floats(0.01, 5), st.floats(0, 500))
def test_rounds_follow_each_other_without_a_gap_and_end_by_the_horizon(
    times_s: list[float], airtime_s: float, horizon_s: float
) -> None:
    foretold = transmission_times_s(np.array(times_s), airtime_s, horizon_s)
    period_s = max(times_s) + airtime_s
    np.testing.assert_allclose(foretold, max(times_s) + period_s * np.arange(len(foretold)), rtol=1e-9)
    assert all(time_s + airtime_s <= horizon_s for time_s in foretold)
    assert (len(foretold) + 1) * period_s > horizon_s * (1 - 1e-9)


OBSTACLES: dict[str, dict[str, Any]] = {
    "selection other than all": {"algorithm__selection": {"kind": "random", "num_clients": 3}},
    "deadline_s may end": {"algorithm__deadline_s": 50.0},
    "devices come and go": {"fault": [{"device": 1, "start_s": 10.0, "end_s": 20.0}]},
    r"devices come and go \(availability": {
        "availability": {"kind": "bernoulli-blocks", "probability": 0.9, "block_s": 20.0}
    },
    "downlink takes depends": {"channel__downlink": {"kind": "broadcast", **RADIO}},
}


@pytest.mark.parametrize(("reason", "changes"), OBSTACLES.items())
def test_where_times_cannot_be_foretold_it_is_refused_with_the_reason_before_anything_runs(
    reason: str, changes: dict[str, Any]
) -> None:
    experiment = experiment_of(**changes)
    with pytest.raises(RequestError, match=rf"{HORIZON}.*{reason}.*per-round"):
        experiment.run()
    assert experiment.simulation.now_s == 0.0


@pytest.mark.parametrize("changes", OBSTACLES.values(), ids=OBSTACLES)
def test_the_per_round_form_that_was_asked_for_stays_inside_its_share_of_every_budget(changes: dict[str, Any]) -> None:
    rule = {"kind": HORIZON, "fallback": "per-round", "average_fraction": 0.3}
    experiment = experiment_of(**{"algorithm__power_control": rule, **changes})
    experiment.run()
    sent = [row for row in experiment.simulation.records.rows("transfer") if row["channel"] == "aircomp"]
    assert sent
    budget_j = experiment.world.cell.uplink.energy_budget_j
    assert all(row["energy_tx_j"] <= 0.3 * budget_j * (1 + 1e-9) for row in sent)


def test_absences_that_never_happen_are_no_obstacle() -> None:
    everybody = {"availability": {"kind": "bernoulli-blocks", "probability": 1.0, "block_s": 20.0}}
    nobody = {"availability": {"kind": "bernoulli-blocks", "probability": 0.0, "block_s": 20.0}}
    found = [
        why_unforeseeable(e.world, e.world.algorithm.selection, None)
        for e in (experiment_of(), experiment_of(**everybody), experiment_of(**nobody))
    ]
    assert found[:2] == [None, None]
    assert found[2] is not None


def test_dynamic_is_refused_because_it_decides_in_every_round_who_transmits() -> None:
    with pytest.raises(RequestError, match="selection other than all"):
        experiment_of(algorithm__kind="dynamic").run()
