from itertools import pairwise

import pytest

from algorithms.schedules import ApplyAnchored, Calendar, SendAnchored
from testbed.errors import RequestError


def sends(calendar: Calendar, num_steps: int) -> list[tuple[int, int]]:
    return [(step, p) for step in range(1, num_steps + 1) for p in calendar.sends(step)]


def test_apply_anchored_sends_the_delay_before_the_end_of_every_slot() -> None:
    assert sends(ApplyAnchored().start(2, 4, 1), 12) == [(1, 0), (3, 1), (5, 0), (7, 1), (9, 0), (11, 1)]
    assert sends(ApplyAnchored().start(2, 6, 0), 12) == [(3, 0), (6, 1), (9, 0), (12, 1)]
    assert sends(ApplyAnchored().start(3, 6, 1), 12) == [(1, 0), (3, 1), (5, 2), (7, 0), (9, 1), (11, 2)]


def test_apply_anchored_has_one_fragment_in_flight_at_most() -> None:
    for delay_steps in range(4):
        steps = [step for step, _ in sends(ApplyAnchored().start(3, 12, delay_steps), 60)]
        assert all(later - earlier >= delay_steps for earlier, later in pairwise(steps))
        assert steps[0] == 4 - delay_steps


def test_send_anchored_sends_each_fragment_at_its_place_in_the_horizon() -> None:
    assert sends(SendAnchored().start(3, 10, 9), 20) == [(3, 1), (6, 2), (10, 0), (13, 1), (16, 2), (20, 0)]
    assert sends(SendAnchored(offset=2).start(3, 10, 0), 12) == [(2, 0), (5, 1), (8, 2), (12, 0)]


def test_the_next_sending_is_the_next_step_with_one() -> None:
    for calendar in (ApplyAnchored().start(3, 12, 1), SendAnchored(offset=1).start(3, 11, 2)):
        steps = [step for step, _ in sends(calendar, 60)]
        for step in range(40):
            assert calendar.next_send_after(step) == min(later for later in steps if later > step)


@pytest.mark.parametrize(
    ("num_fragments", "sync_every", "delay_steps", "message"),
    [
        (3, 10, 0, "sync_every = 10 must be a multiple of num_fragments = 3"),
        (2, 10, 5, r"fragment_sync_delay = 5 must be below sync_every / num_fragments = 5"),
    ],
)
def test_apply_anchored_refuses_horizons_that_do_not_divide_and_delays_of_a_slot(
    num_fragments: int, sync_every: int, delay_steps: int, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        ApplyAnchored().start(num_fragments, sync_every, delay_steps)


def test_send_anchored_refuses_an_offset_that_leaves_the_slot() -> None:
    with pytest.raises(RequestError, match="offset = 3 must be below the 3 steps"):
        SendAnchored(offset=3).start(3, 10, 0)
