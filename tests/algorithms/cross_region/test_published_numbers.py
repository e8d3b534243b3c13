"""The parts, put together in plain loops, give the numbers of the worked examples to all their places."""

import numpy as np
import pytest
from quadratic_regions import START, delayed_diloco, diloco, eager_diloco, train_in_fragments

from algorithms.compensation import Blend, ConstantCurvature, NormCurvature, Overwrite
from algorithms.outer_optimizer import Average, Sgd
from algorithms.schedules import AdaptiveTransmission, ApplyAnchored
from algorithms.selectors.history import Change

SIX_PLACES = 5.0001e-7


def assert_six_places(found, printed: str) -> None:
    np.testing.assert_allclose(found, [float(word) for word in printed.split()], rtol=0, atol=SIX_PLACES)


def test_diloco_on_two_quadratics() -> None:
    anchors, deltas = diloco(3, 3)
    assert_six_places(deltas[0], "-0.006750 -0.316388 -0.132004 -0.094484")
    assert_six_places(anchors[0], "0.208978 0.120797 0.575565 0.225664")
    assert_six_places(anchors[1], "0.219154 0.591941 0.746160 0.354159")
    assert_six_places(anchors[2], "0.228674 1.025041 0.872534 0.457355")


def test_diloco_with_averaging() -> None:
    anchors, _ = diloco(3, 3, Average())
    assert_six_places(anchors[0], "0.206750 0.016388 0.532004 0.194484")
    assert_six_places(anchors[1], "0.212014 0.259825 0.618886 0.260283")
    assert_six_places(anchors[2], "0.216119 0.447131 0.676069 0.306106")


def test_streaming_diloco_with_half_blending_and_a_delay_of_one_step() -> None:
    trace = train_in_fragments(12, ApplyAnchored(), Blend(), sync_every=4, delay_steps=1)
    assert trace.sends == [(1, 0), (3, 1), (5, 0), (7, 1), (9, 0), (11, 1)]
    assert [(step, p) for step, p, _ in trace.applies] == [(2, 0), (4, 1), (6, 0), (8, 1), (10, 0), (12, 1)]
    assert_six_places(trace.applies[0][2], "-0.004 -0.1205")
    assert_six_places(trace.anchors[1][:2], "0.205320 -0.139735")
    assert_six_places(trace.locals[1][0], "0.278660 -0.253992 0.436000 0.391840")
    assert_six_places(trace.anchors[11], "0.206302 0.687998 0.862575 0.486377")
    assert_six_places(trace.locals[11][0], "0.510783 0.115284 0.707970 0.751348")
    assert_six_places(trace.locals[11][1], "-0.105742 1.160024 0.919461 0.143013")


def test_cocodc_with_three_slots_in_a_horizon() -> None:
    schedule = AdaptiveTransmission(num_syncs=3)
    trace = train_in_fragments(16, schedule, NormCurvature(), sync_every=6, delay_steps=1)
    assert trace.sends == [(2, 0), (4, 1), (6, 0), (8, 0), (10, 1), (12, 0), (14, 1), (16, 0)]
    last: dict[int, int] = {}
    rates = []
    for step, fragment, delta in trace.applies:
        change = Change.of(delta, step - 1 - last.get(fragment, 0))
        last[fragment] = step - 1
        rates.append(change.l2_norm / change.interval_steps)
    assert_six_places(rates, ".112700 .052523 .079646 .049562 .026553 .004927 .003723")
    assert_six_places(trace.anchors[15], "0.224417 1.326212 1.001400 0.612064")
    assert_six_places(trace.locals[15][0], "0.474203 0.908757 0.868564 0.821235")
    assert_six_places(trace.locals[15][1], "-0.045580 1.595727 1.067254 0.357032")


def test_cocodc_with_a_constant_curvature() -> None:
    schedule = AdaptiveTransmission(num_syncs=3)
    curvature = ConstantCurvature(strength=0.5, divide_gap_by="sync-every")
    trace = train_in_fragments(16, schedule, curvature, sync_every=6, delay_steps=1)
    assert_six_places(trace.anchors[15], "0.221962 1.323147 0.999935 0.603337")


def test_eager_updates() -> None:
    printed = [
        (".488344 -.432784 .464904 .659255", "-.070388 .674377 .686226 -.207928"),
        (".568284 -.056001 .647076 .941031", "-.146218 1.304172 .946574 -.134523"),
        (".633661 .269074 .795990 1.254996", "-.237128 1.863022 1.198757 -.061875"),
        (".675089 .498069 .878418 1.515101", "-.325206 2.261134 1.377683 -.002110"),
    ]
    for anchors, lines in zip(eager_diloco(4, 3), printed, strict=True):
        for anchor, line in zip(anchors, lines, strict=True):
            assert_six_places(anchor, line)


def test_naively_delayed_diloco() -> None:
    anchors = delayed_diloco(4, 3)
    np.testing.assert_array_equal(anchors[0], START)
    np.testing.assert_array_equal(anchors[1], diloco(1, 3)[0][0])
    assert_six_places(anchors[2], "0.221784 0.720986 0.825976 0.404900")
    assert_six_places(anchors[3], "0.235404 1.353583 1.063932 0.581610")


@pytest.mark.parametrize(
    ("delay_steps", "alpha", "first", "second"),
    [
        (0, 0.0, [-11, -17, -35, -41, -59], [-23, -29, -47]),
        (0, 0.5, [-8, -14, -24.5, -30.5, -40.25], [-17, -23, -32]),
        (1, 0.0, [-7, -13, -27, -33, -47], [-19, -25, -39]),
        (1, 0.5, [-6, -12, -21.5, -27.5, -35.75], [-15, -21, -29]),
        (0, 1.0, [-5, -11, -17, -23, -29], [-11, -17, -23]),
        (1, 1.0, [-5, -11, -17, -23, -29], [-11, -17, -23]),
    ],
)
def test_the_regression_values_of_torchft(
    delay_steps: int, alpha: float, first: list[float], second: list[float]
) -> None:
    trace = train_in_fragments(
        15,
        ApplyAnchored(),
        Blend(alpha=alpha) if alpha else Overwrite(),
        sync_every=6,
        delay_steps=delay_steps,
        fragments=(slice(0, 1), slice(1, 2)),
        outer=Sgd(learning_rate=2),
        start=np.ones(2),
        inner=lambda region, parameters: parameters - 2.0,
    )
    for region in range(2):
        assert [trace.locals[step - 1][region][0] for step in (3, 6, 9, 12, 15)] == first
        assert [trace.locals[step - 1][region][1] for step in (6, 9, 12)] == second
