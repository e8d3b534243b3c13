"""The vectors of the specification on whole runs: V1, V1b, V2, V4, V5, V5b, V7."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from quadratics import Replay, replay

TOLERANCE = 2e-6  # the vectors have six decimals

NO_MOMENTUM = {"kind": "sgd", "learning_rate": 1.0}
NESTEROV = {"kind": "nesterov", "learning_rate": 0.7, "momentum": 0.9}


def close(found: npt.NDArray[Any], expected: list[float]) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("outer", "rounds"),
    [
        (
            NESTEROV,
            [
                [0.208978, 0.120797, 0.575565, 0.225664],
                [0.219154, 0.591941, 0.746160, 0.354159],
                [0.228674, 1.025041, 0.872534, 0.457355],
            ],
        ),
        (
            "average",
            [
                [0.206750, 0.016388, 0.532004, 0.194484],
                [0.212014, 0.259825, 0.618886, 0.260283],
                [0.216119, 0.447131, 0.676069, 0.306106],
            ],
        ),
        (
            NO_MOMENTUM,
            [
                [0.206750, 0.016388, 0.532004, 0.194484],
                [0.212014, 0.259825, 0.618886, 0.260283],
                [0.216119, 0.447131, 0.676069, 0.306106],
            ],
        ),
    ],
)
def test_diloco_follows_vectors_1_and_1b(outer: Any, rounds: list[list[float]]) -> None:
    played = replay({"kind": "diloco", "sync_every": 3, "outer_optimizer": outer}, 9)
    for number, expected in enumerate(rounds, start=1):
        close(played.anchor[3 * number], expected)
        close(played.mean[3 * number], expected)


def streaming(**settings: Any) -> dict[str, Any]:
    defaults = {
        "kind": "streaming-diloco",
        "sync_every": 4,
        "num_fragments": 2,
        "fragment_sync_delay": 1,
        "fragment_pattern": "sequential",
        "outer_optimizer": NESTEROV,
        "schedule": "apply-anchored",
        "compensation": {"kind": "blend", "alpha": 0.5},
    }
    return defaults | settings


def test_streaming_follows_vector_2() -> None:
    played = replay(streaming(), 12)
    close(played.anchor[2][:2], [0.205320, -0.139735])
    close(played.first[2], [0.278660, -0.253992, 0.436000, 0.391840])
    close(played.anchor[12], [0.206302, 0.687998, 0.862575, 0.486377])
    close(played.first[12], [0.510783, 0.115284, 0.707970, 0.751348])
    close(2 * played.mean[12] - played.first[12], [-0.105742, 1.160024, 0.919461, 0.143013])
    sends = [(row["send_step"], row["apply_step"], row["fragment"]) for row in played.rows("sync")]
    assert sends[:3] == [(1, 2, 0), (3, 4, 1), (5, 6, 0)]


def cocodc(compensation: dict[str, Any]) -> Replay:
    return replay(
        streaming(
            kind="cocodc",
            sync_every=6,
            schedule={"kind": "adaptive-transmission", "num_syncs": 3},
            compensation=compensation,
        ),
        16,
    )


def test_cocodc_follows_vector_4() -> None:
    played = cocodc({"kind": "curvature-norm", "strength": 0.2})
    close(played.anchor[16], [0.224417, 1.326212, 1.001400, 0.612064])
    close(played.first[16], [0.474203, 0.908757, 0.868564, 0.821235])
    close(2 * played.mean[16] - played.first[16], [-0.045580, 1.595727, 1.067254, 0.357032])
    sends = [(row["send_step"], row["fragment"]) for row in played.rows("sync")]
    assert sends == [(2, 0), (4, 1), (6, 0), (8, 0), (10, 1), (12, 0), (14, 1)]  # (16, 0) is still on its way


def test_cocodc_with_the_papers_form_follows_vector_4() -> None:
    played = cocodc({"kind": "curvature-const", "strength": 0.5, "divide_gap_by": "sync-every"})
    close(played.anchor[16], [0.221962, 1.323147, 0.999935, 0.603337])


def test_eager_follows_vector_5() -> None:
    played = replay({"kind": "eager", "sync_every": 3, "outer_optimizer": NESTEROV}, 12)
    first = [
        [0.488344, -0.432784, 0.464904, 0.659255],
        [0.568284, -0.056001, 0.647076, 0.941031],
        [0.633661, 0.269074, 0.795990, 1.254996],
        [0.675089, 0.498069, 0.878418, 1.515101],
    ]
    second = [
        [-0.070388, 0.674377, 0.686226, -0.207928],
        [-0.146218, 1.304172, 0.946574, -0.134523],
        [-0.237128, 1.863022, 1.198757, -0.061875],
        [-0.325206, 2.261134, 1.377683, -0.002110],
    ]
    for number in range(4):
        step = 3 * (number + 1)
        close(played.first[step], first[number])
        close(2 * played.mean[step] - played.first[step], second[number])


def test_naive_overlap_follows_vector_5b() -> None:
    played = replay({"kind": "overlapped-diloco", "sync_every": 3, "outer_optimizer": NESTEROV}, 12)
    expected = [
        [0.2, -0.3, 0.4, 0.1],
        [0.208978, 0.120797, 0.575565, 0.225664],
        [0.221784, 0.720986, 0.825976, 0.404900],
        [0.235404, 1.353583, 1.063932, 0.581610],
    ]
    for number, vector in enumerate(expected, start=1):
        close(played.anchor[3 * number], vector)


@pytest.mark.parametrize(
    ("delay", "alpha", "first", "second"),
    [
        (0, 0.0, [-11, -17, -35, -41, -59], [-23, -29, -47]),
        (0, 0.5, [-8, -14, -24.5, -30.5, -40.25], [-17, -23, -32]),
        (1, 0.0, [-7, -13, -27, -33, -47], [-19, -25, -39]),
        (1, 0.5, [-6, -12, -21.5, -27.5, -35.75], [-15, -21, -29]),
        (0, 1.0, [-5, -11, -17, -23, -29], None),
        (1, 1.0, [-5, -11, -17, -23, -29], None),
    ],
)
def test_streaming_has_exactly_torchfts_regression_values(
    delay: int, alpha: float, first: list[float], second: list[float] | None
) -> None:
    played = replay(
        streaming(
            sync_every=6,
            fragment_sync_delay=delay,
            outer_optimizer={"kind": "sgd", "learning_rate": 2.0},
            compensation={"kind": "blend", "alpha": alpha},
        ),
        15,
        start=(1.0, 1.0, 1.0, 1.0),
        step=lambda client, theta: np.full(4, 2.0),
    )
    assert [float(played.first[step][0]) for step in (3, 6, 9, 12, 15)] == first
    if second is not None:
        assert [float(played.first[step][2]) for step in (6, 9, 12)] == second
