"""Laws of the methods of regions: limits in which two of them are one, conservation, and times worked out by hand."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from quadratics import START, A, Replay, quadratic, replay

AVERAGE = "average"
NESTEROV = {"kind": "nesterov", "learning_rate": 0.7, "momentum": 0.9}


def streaming(kind: str = "streaming-diloco", **settings: Any) -> dict[str, Any]:
    defaults = {
        "kind": kind,
        "sync_every": 4,
        "num_fragments": 2,
        "fragment_sync_delay": 1,
        "fragment_pattern": "sequential",
        "outer_optimizer": NESTEROV,
        "schedule": "apply-anchored",
        "compensation": {"kind": "blend", "alpha": 0.5},
    }
    return defaults | settings


def slots(num_syncs: int) -> dict[str, Any]:
    return {"kind": "adaptive-transmission", "num_syncs": num_syncs}


def equal(first: dict[int, npt.NDArray[Any]], second: dict[int, npt.NDArray[Any]], atol: float = 1e-6) -> None:
    assert first.keys() == second.keys()
    for step in first:
        np.testing.assert_allclose(first[step], second[step], rtol=0, atol=atol)


def large_batch(steps: int) -> dict[int, npt.NDArray[np.float64]]:
    """Gradient descent on the mean of all regions' functions."""
    theta, found = START.copy(), {0: START.copy()}
    for step in range(1, steps + 1):
        theta = theta - np.mean([quadratic(region, theta) for region in range(len(A))], axis=0)
        found[step] = theta
    return found


def test_averaging_after_every_step_is_descent_with_the_large_batch() -> None:
    equal(replay({"kind": "local-sgd", "sync_every": 1}, 8).mean, large_batch(8))
    equal(replay({"kind": "diloco", "sync_every": 1, "outer_optimizer": AVERAGE}, 8).mean, large_batch(8))


def test_data_parallelism_is_descent_with_the_large_batch() -> None:
    equal(replay({"kind": "ddp"}, 8).mean, large_batch(8))
    equal(replay({"kind": "ddp", "overlap_fraction": 0.5}, 8).mean, large_batch(8))


@pytest.mark.parametrize("outer", [AVERAGE, NESTEROV])
def test_streaming_one_fragment_without_delay_and_blend_is_diloco(outer: Any) -> None:
    whole = {"num_fragments": 1, "fragment_sync_delay": 0, "outer_optimizer": outer}
    diloco = replay({"kind": "diloco", "sync_every": 4, "outer_optimizer": outer}, 12)
    overwriting = replay(streaming(**whole, compensation={"kind": "blend", "alpha": 0.0}), 12)
    compensating = replay(
        streaming("cocodc", **whole, schedule=slots(1), compensation="curvature-norm"),
        12,
    )
    for played in (overwriting, compensating):
        equal(played.mean, diloco.mean)
        equal(played.anchor, diloco.anchor)


def test_with_everything_kept_local_the_replicas_train_alone_and_the_global_model_still_moves() -> None:
    kept = replay(streaming(compensation={"kind": "blend", "alpha": 1.0}), 12)
    theta, alone = START.copy(), {0: START.copy()}
    for step in range(1, 13):
        theta = theta - quadratic(0, theta)
        alone[step] = theta
    equal(kept.first, alone)
    assert not np.allclose(kept.anchor[12], START)


@pytest.mark.parametrize("compensation", ["carry", "curvature-const", "curvature-norm", "curvature-rate"])
def test_one_region_with_an_averaging_outer_optimizer_trains_on_as_if_nothing_were_exchanged(compensation: str) -> None:
    """G becomes what was sent, so D = G - s = 0, and the compensated fragment is the local one."""
    played = replay(
        streaming(
            "cocodc",
            outer_optimizer=AVERAGE,
            schedule=slots(2),
            compensation=compensation,
        ),
        16,
        num_regions=1,
    )
    theta = START.copy()
    for step in range(1, 17):
        theta = theta - quadratic(0, theta)
        np.testing.assert_allclose(played.first[step], theta, atol=1e-6)


def test_one_region_that_blends_loses_a_share_of_the_overlapped_steps() -> None:
    """th = alpha th + (1 - alpha) s at the apply step, s what was sent one step earlier."""
    played = replay(streaming(outer_optimizer=AVERAGE), 2, num_regions=1)
    first = START - quadratic(0, START)
    second = first - quadratic(0, first)
    expected = np.concatenate([0.5 * second[:2] + 0.5 * first[:2], second[2:]])
    np.testing.assert_allclose(played.first[2], expected, atol=1e-6)


def test_eager_updates_of_one_region_are_diloco() -> None:
    eager = replay({"kind": "eager", "sync_every": 3, "outer_optimizer": NESTEROV}, 12, num_regions=1)
    diloco = replay({"kind": "diloco", "sync_every": 3, "outer_optimizer": NESTEROV}, 12, num_regions=1)
    for step in (3, 6, 9, 12):
        np.testing.assert_allclose(eager.first[step], diloco.first[step], atol=1e-6)


def test_after_a_round_all_replicas_are_the_global_model() -> None:
    played = replay({"kind": "diloco", "sync_every": 3, "outer_optimizer": NESTEROV}, 9)
    for step in (3, 6, 9):
        assert played.first[step].tobytes() == played.anchor[step].tobytes()
        np.testing.assert_array_equal(played.mean[step], played.anchor[step])


def sent_bits(played: Replay) -> float:
    return float(sum(row["bits"] for row in played.rows("sync")))


def test_diloco_and_streaming_send_the_same_bits_in_a_round_and_e3m0_an_eighth_and_its_scales() -> None:
    charged = {"virtual": {"parameters": 1e6, "tokens_per_step": 1e-6}}
    diloco = replay({"kind": "diloco", "sync_every": 4}, 8, changes=charged)
    plain = replay(streaming(fragment_sync_delay=0), 8, changes=charged)
    small = replay(streaming(fragment_sync_delay=0, codec="e3m0"), 8, changes=charged)
    # A ring of two puts 2 (M - 1) / M of a payload on the network a region: in all, twice the payload.
    assert sent_bits(diloco) == pytest.approx(2 * 2 * 32e6, rel=1e-12)
    assert sent_bits(plain) == pytest.approx(sent_bits(diloco), rel=1e-12)
    assert sent_bits(small) == pytest.approx(sent_bits(plain) / 8 + 2 * 4 * 32, rel=1e-12)


def test_with_enough_delay_nobody_stalls_and_time_is_that_of_the_steps() -> None:
    slow = {"network.topology": {"kind": "uniform", "capacity_bit_per_s": 32.0, "delay_s": 0.1}}
    played = replay(streaming(sync_every=8, fragment_sync_delay=2), 16, changes=slow)  # T_s = 2 (16 / 64 + 0.1) = 0.7
    assert not [row for row in played.rows("span") if row["kind"] == "stall"]
    assert played.time_s[16] == pytest.approx(16.0, rel=1e-12)
    blocking = replay({"kind": "diloco", "sync_every": 8}, 16, changes=slow)
    assert blocking.time_s[16] == pytest.approx(16 + 2 * 2 * (32 / 64 + 0.1), rel=1e-9)


def test_the_order_of_the_regions_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    method = streaming(
        "cocodc",
        schedule=slots(3),
        sync_every=6,
        compensation="curvature-norm",
    )
    straight = replay(method, 18)
    crossed = replay(method, 18, step=lambda region, theta: quadratic(1 - region, theta))
    equal(straight.mean, crossed.mean)
    equal(straight.anchor, crossed.anchor)
    fragments = [[row["fragment"] for row in played.rows("sync")] for played in (straight, crossed)]
    assert fragments[0] == fragments[1]


def test_regions_of_unequal_speed_stall_as_worked_out_by_hand() -> None:
    """T_c = 1 s and 1.5 s, sent at step 4, T_s = 2 s, tau = 2: the collective runs from 6 to 8 s."""
    changes = {
        "regions.slowdown": {"kind": "listed", "by_device": [1.0, 1.5]},
        # One fragment of half a charged parameter is 16 bits; a ring of two takes 2 (16 / (2 B) + l) = 2 s.
        "network.topology": {"kind": "uniform", "capacity_bit_per_s": 16.0, "delay_s": 0.5},
    }
    played = replay(streaming(sync_every=8, fragment_sync_delay=2, schedule="send-anchored"), 7, changes=changes)
    (sync,) = played.rows("sync")
    assert (sync["send_step"], sync["apply_step"]) == (4, 6)
    assert (sync["asked_s"], sync["start_s"], sync["end_s"]) == pytest.approx((6.0, 6.0, 8.0))
    stalls = [(row["entity"], row["start_s"], row["end_s"]) for row in played.rows("span") if row["kind"] == "stall"]
    assert stalls == [("device-0", pytest.approx(6.0), pytest.approx(8.0))]


def test_data_parallelism_hides_the_stated_share_of_an_exchange() -> None:
    slow = {"network.topology": {"kind": "uniform", "capacity_bit_per_s": 320.0, "delay_s": 0.1}}
    exchange_s = 2 * (32 / 640 + 0.1)
    for overlap, hidden_s in ((0.0, 0.0), (0.5, 0.5 * exchange_s), (1.0, exchange_s)):
        played = replay({"kind": "ddp", "overlap_fraction": overlap}, 5, changes=slow)
        assert played.time_s[5] == pytest.approx(5 * (1 + exchange_s - hidden_s), rel=1e-9)
