"""Laws of training in fragments, on the plain loops that give the published numbers."""

import numpy as np
import pytest
from quadratic_regions import CURVATURES, MINIMA, RATE, START, diloco, local_steps, train_in_fragments

from algorithms.compensation import Blend, Carry, ConstantCurvature, NormCurvature, Overwrite, RateCurvature
from algorithms.outer_optimizer import Average
from algorithms.schedules import AdaptiveTransmission, ApplyAnchored, FixedSlots, SendAnchored

WHOLE = (slice(0, 4),)


def test_one_step_a_round_and_averaging_is_gradient_descent_on_the_mean_loss() -> None:
    anchors, _ = diloco(20, 1, Average())
    parameters = START
    for anchor in anchors:
        parameters = parameters - RATE * (CURVATURES * (parameters - MINIMA)).mean(axis=0)
        np.testing.assert_allclose(anchor, parameters, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "schedule", [ApplyAnchored(), SendAnchored(), FixedSlots(), AdaptiveTransmission(num_syncs=1)], ids=str
)
@pytest.mark.parametrize("compensation", [Overwrite(), Blend(alpha=0), NormCurvature(), ConstantCurvature()], ids=str)
def test_one_fragment_without_a_delay_is_diloco(schedule, compensation) -> None:
    trace = train_in_fragments(15, schedule, compensation, sync_every=3, delay_steps=0, fragments=WHOLE)
    anchors, _ = diloco(5, 3)
    for round, anchor in enumerate(anchors, start=1):
        np.testing.assert_allclose(trace.anchors[3 * round - 1], anchor, rtol=0, atol=1e-14)
        for parameters in trace.locals[3 * round - 1]:
            np.testing.assert_allclose(parameters, anchor, rtol=0, atol=1e-14)


def test_with_alpha_one_regions_train_alone_and_the_global_parameters_move() -> None:
    trace = train_in_fragments(12, ApplyAnchored(), Blend(alpha=1), sync_every=4, delay_steps=1)
    for region in range(2):
        np.testing.assert_array_equal(trace.locals[11][region], local_steps(region, START, 12))
    assert not np.allclose(trace.anchors[11], START)


@pytest.mark.parametrize(
    "compensation",
    [Carry(), ConstantCurvature(strength=500), NormCurvature(strength=9), RateCurvature(wrong_sign=True)],
    ids=str,
)
def test_with_one_region_and_averaging_compensated_training_is_not_disturbed(compensation) -> None:
    schedule = AdaptiveTransmission(num_syncs=4)
    trace = train_in_fragments(30, schedule, compensation, sync_every=8, delay_steps=3, outer=Average(), num_regions=1)
    assert len(trace.applies) > 10
    for step, parameters in enumerate(trace.locals, start=1):
        np.testing.assert_allclose(parameters[0], local_steps(0, START, step), rtol=0, atol=1e-14)


def test_with_one_region_and_averaging_a_blend_loses_its_share_of_the_overlapped_steps() -> None:
    trace = train_in_fragments(
        4, ApplyAnchored(), Blend(alpha=0.25), sync_every=4, delay_steps=2, outer=Average(), num_regions=1,
        fragments=WHOLE,
    )  # fmt: skip
    expected = 0.25 * local_steps(0, START, 4) + 0.75 * local_steps(0, START, 2)
    np.testing.assert_allclose(trace.locals[3][0], expected, rtol=0, atol=1e-15)


def test_permuting_the_regions_permutes_their_parameters_and_changes_no_global_ones() -> None:
    schedule = AdaptiveTransmission(num_syncs=3)
    arguments = {"sync_every": 6, "delay_steps": 1}

    def other(region: int, parameters: np.ndarray) -> np.ndarray:
        return local_steps(1 - region, parameters, 1)

    one = train_in_fragments(16, schedule, NormCurvature(), **arguments)
    two = train_in_fragments(16, schedule, NormCurvature(), inner=other, **arguments)
    np.testing.assert_allclose(one.anchors, two.anchors, rtol=0, atol=1e-15)
    np.testing.assert_allclose(np.array(one.locals)[:, ::-1], two.locals, rtol=0, atol=1e-14)


def test_round_robin_in_as_many_slots_as_fragments_is_the_send_anchored_schedule_a_slot_earlier() -> None:
    fixed = train_in_fragments(24, FixedSlots(), Blend(), sync_every=6, delay_steps=2)
    anchored = train_in_fragments(24, SendAnchored(), Blend(), sync_every=6, delay_steps=2)
    assert [step for step, _ in fixed.sends] == [step for step, _ in anchored.sends]
    assert [p for _, p in fixed.sends] == [1 - p for _, p in anchored.sends]
