"""Slots: how many, how far apart, and what goes in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.schedules import AdaptiveTransmission, FixedSlots, Slots, slots_for
from algorithms.schedules.slots import SlotCalendar
from testbed.errors import RequestError

positive = st.floats(1e-3, 1e3)


def lived(
    calendar: SlotCalendar, num_steps: int, delay_steps: int, transfer_s=lambda step: 1.0, seed: int | None = 0
) -> list[tuple[int, int]]:
    """(step, fragment) of what is sent when steps take 1 s; without a seed all fragments change alike."""
    sent: list[tuple[int, int]] = []
    rng = None if seed is None else np.random.default_rng(seed)
    for step in range(1, num_steps + 1):
        for earlier, fragment in list(sent) if delay_steps else []:
            if earlier + delay_steps == step:
                delta = np.ones(1) if rng is None else rng.exponential(size=1) ** 3
                calendar.received(step, fragment, delta, transfer_s(step), 1.0)
        for fragment in calendar.sends(step):
            sent.append((step, fragment))
            if delay_steps == 0:
                delta = np.ones(1) if rng is None else rng.exponential(size=1) ** 3
                calendar.received(step, fragment, delta, transfer_s(step), 1.0)
    return sent


@pytest.mark.parametrize(
    ("utilisation", "transfer_s", "expected"),
    [(0.4, 5, (8, 12)), (0.4, 60, (4, 25)), (1.0, 5, (20, 5)), (0.4, 0.87, (45, 2)), (0.4, 2.49, (16, 6)),
     (0.4, 18.69, (4, 25)), (0.4, 36.69, (4, 25))],
)  # fmt: skip
def test_the_worked_examples_of_how_many_and_how_far_apart(utilisation, transfer_s, expected) -> None:
    slots = slots_for(4, 100, utilisation, 1.0, transfer_s, slow_down=False)
    assert (slots.num_syncs, slots.spacing_steps) == expected
    assert slots.oversubscribed == (4 * transfer_s > 100)


def test_a_network_that_is_not_oversubscribed_gets_the_formula_even_where_its_floors_load_it_fully() -> None:
    assert slots_for(4, 100, 1.0, 1.0, 2.49) == Slots(40, 2)


def test_an_oversubscribed_network_gets_slots_as_far_apart_as_a_transfer_takes() -> None:
    assert slots_for(4, 100, 0.4, 1.0, 60.0) == Slots(4, 60, oversubscribed=True)
    assert slots_for(4, 100, 0.4, 1.0, 36.69) == Slots(4, 37, oversubscribed=True)
    assert slots_for(4, 100, 0.4, 1.0, 25.0) == Slots(4, 25)


@given(
    num_fragments=st.integers(1, 8), sync_every=st.integers(8, 200), gam=positive, step_s=positive, transfer_s=positive,
    more=st.floats(1, 10),
)  # fmt: skip
def test_more_utilisation_slower_steps_or_a_faster_network_never_mean_fewer_sendings(
    num_fragments, sync_every, gam, step_s, transfer_s, more
) -> None:
    few = slots_for(num_fragments, sync_every, gam, step_s, transfer_s)
    assert num_fragments <= few.num_syncs <= sync_every
    for many in (
        slots_for(num_fragments, sync_every, gam * more, step_s, transfer_s),
        slots_for(num_fragments, sync_every, gam, step_s * more, transfer_s),
        slots_for(num_fragments, sync_every, gam, step_s, transfer_s / more),
    ):
        assert many.num_syncs >= few.num_syncs
        assert many.spacing_steps <= few.spacing_steps


@given(gam=st.integers(1, 20), num=st.integers(2, 50), unit=st.sampled_from([0.1, 0.3, 0.7, 1e-3]))
def test_a_rounding_error_moves_no_slot(gam, num, unit) -> None:
    # gam H T_c / T_s is the whole number `num`, however it is rounded.
    assert slots_for(1, 1000, gam / 20, unit, unit * 1000 * gam / 20 / num).num_syncs == num


@pytest.mark.parametrize(("step_s", "transfer_s"), [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_times_that_cannot_be_are_refused(step_s, transfer_s) -> None:
    with pytest.raises(ValueError, match="step_s must be above 0"):
        slots_for(1, 10, 0.4, step_s, transfer_s)


# -- fixed slots -------------------------------------------------------------------------------------------------------


def test_round_robin_goes_through_all_fragments_at_equal_distances() -> None:
    assert lived(FixedSlots(num_syncs=4).start(3, 12, 2), 18, 2) == [(3, 0), (6, 1), (9, 2), (12, 0), (15, 1), (18, 2)]


@given(num_fragments=st.integers(1, 6), horizon=st.integers(1, 5), delay=st.integers(0, 4))
def test_with_as_many_slots_as_fragments_and_equal_changes_the_fastest_is_the_next(
    num_fragments, horizon, delay
) -> None:
    sync_every = num_fragments * horizon
    delay_steps = min(delay, horizon - 1)
    fastest = lived(
        AdaptiveTransmission(num_syncs=num_fragments).start(num_fragments, sync_every, delay_steps),
        6 * sync_every, delay_steps, seed=None,
    )  # fmt: skip
    assert fastest == lived(FixedSlots().start(num_fragments, sync_every, delay_steps), 6 * sync_every, delay_steps)
    assert [p for _, p in fastest] == [i % num_fragments for i in range(len(fastest))]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (FixedSlots(num_syncs=13), "num_syncs = 13 do not fit into sync_every = 12"),
        (FixedSlots(num_syncs=12), "with fragment_sync_delay = 4 all 3 fragments are in flight"),
        (AdaptiveTransmission(num_syncs=2), "num_syncs = 2 must be at least num_fragments = 3"),
    ],
)
def test_slots_that_do_not_go_with_the_run_are_refused(schedule, message) -> None:
    with pytest.raises(RequestError, match=message):
        schedule.start(3, 12, 4)


def test_a_fragment_may_go_again_after_the_step_after_which_it_was_applied() -> None:
    calendar = FixedSlots(num_syncs=3).start(1, 6, 2)
    assert lived(calendar, 8, 2) == [(2, 0), (4, 0), (6, 0), (8, 0)]
    assert calendar.histories[0].change.interval_steps == 2


# -- what goes ---------------------------------------------------------------------------------------------------------


def test_a_fragment_that_changes_faster_goes_more_often_and_the_others_are_not_forgotten() -> None:
    calendar = AdaptiveTransmission(num_syncs=12).start(3, 12, 0)
    sent: list[int] = []
    for step in range(1, 61):
        for fragment in calendar.sends(step):
            sent.append(fragment)
            calendar.received(step, fragment, np.full(1, [1.0, 100.0, 2.0][fragment]), 0.1, 1.0)
    assert sent[:3] == [0, 1, 2]
    assert sent.count(1) > 40
    assert min(sent.count(0), sent.count(2)) >= 4


@settings(max_examples=300, deadline=None)
@given(
    num_fragments=st.integers(1, 8), sync_every=st.integers(8, 40), num=st.integers(1, 40), tau=st.integers(0, 39),
    seed=st.integers(0, 10**6),
)  # fmt: skip
def test_every_fragment_goes_again_within_a_horizon_and_as_many_slots_as_fragments(
    num_fragments, sync_every, num, tau, seed
) -> None:
    num_syncs = max(num_fragments, min(num, sync_every))
    spacing = sync_every // num_syncs
    delay_steps = min(tau, num_fragments * spacing, sync_every - 1)
    calendar = AdaptiveTransmission(num_syncs=num_syncs).start(num_fragments, sync_every, delay_steps)
    sent = lived(calendar, 8 * sync_every, delay_steps, seed=seed)
    for fragment in range(num_fragments):
        steps = [0, *(step for step, p in sent if p == fragment)]
        assert np.diff([*steps, 8 * sync_every]).max() <= sync_every + num_fragments * spacing
        assert np.diff(steps[1:]).min(initial=10**6) >= max(delay_steps, 1)
    assert all(step % spacing == 0 for step, _ in sent)


def test_oversubscribed_slots_still_serve_every_fragment() -> None:
    # Slots 5 steps apart and 4 fragments: 20 steps for a pass, against a horizon of 8.
    calendar = AdaptiveTransmission(memory=0).start(4, 8, 5)
    sent = lived(calendar, 200, 5, lambda step: 5.0)
    assert calendar.oversubscribed
    assert calendar.slots == Slots(4, 5, oversubscribed=True)
    for fragment in range(4):
        steps = [step for step, p in sent if p == fragment and step > 16]
        assert np.diff(steps).max() <= 8 + 4 * 5


# -- measured spacing --------------------------------------------------------------------------------------------------


def test_the_spacing_follows_the_network_from_horizon_to_horizon() -> None:
    calendar = AdaptiveTransmission(utilisation=0.5, memory=0).start(2, 20, 1)
    sent = lived(calendar, 80, 1, lambda step: 5.0 if step < 40 else 1.0)
    steps = [step for step, _ in sent]
    # Before a measurement K slots, then floor(0.5 * 20 / 5) = 2, then floor(0.5 * 20 / 1) = 10 of them.
    assert [(step, slots.num_syncs, slots.spacing_steps) for step, slots in calendar.plans] == [
        (0, 2, 10), (20, 2, 10), (40, 2, 10), (60, 10, 2), (80, 10, 2)
    ]  # fmt: skip
    assert steps == [10, 20, 30, 40, 50, 60, *range(62, 81, 2)]


def test_after_a_renewal_the_next_slot_is_the_new_spacing_after_the_last_one() -> None:
    calendar = AdaptiveTransmission(utilisation=0.5, memory=0).start(2, 7, 1)
    # Slots 3 apart at first; from step 7 on floor(0.5 * 7 / 1) = 3 of them, 2 apart: 6, 8, 10.
    assert [step for step, _ in lived(calendar, 12, 1)] == [3, 6, 8, 10, 12]
    assert calendar.next_send_after(5) == 6
    asked = AdaptiveTransmission(utilisation=0.5, memory=0).start(2, 7, 1)
    lived(asked, 6, 1)
    # Not 9, three after the last one: what is received by the renewal may bring a slot at 8.
    assert asked.next_send_after(6) == 7
    faster = AdaptiveTransmission(utilisation=1, memory=0).start(1, 6, 0)
    # What is applied after step 6 itself is known from the next renewal on: floor(6 / 2) = 3 slots, 2 apart.
    assert [step for step, _ in lived(faster, 18, 0, lambda step: 2.0)] == [6, 12, 14, 16, 18]


def test_a_renewal_knows_nothing_of_what_was_received_after_it() -> None:
    calendar = AdaptiveTransmission(utilisation=1, memory=0).start(2, 5, 2)
    assert calendar.sends(2) == (0,)
    calendar.received(4, 0, np.ones(1), 2.5, 1.0)
    assert calendar.sends(4) == (1,)
    # Told of step 6 before anybody asked after the renewal at step 5.
    calendar.received(6, 1, np.ones(1), 1.0, 1.0)
    assert calendar.sends(6) == (0,)
    assert calendar.plans == [(0, Slots(2, 2)), (5, Slots(2, 2))]


def test_measured_times_are_forgotten_by_a_tenth_each_time() -> None:
    pace = AdaptiveTransmission().start(2, 20, 0)._pace
    for transfer_s in (10.0, 20.0, 0.0):
        pace.measure(transfer_s, 1.0)
    assert pace.transfer_s == pytest.approx(0.9 * (0.9 * 10 + 0.1 * 20))
    assert pace.step_s == pytest.approx(1.0)


def test_what_was_not_in_flight_cannot_be_received() -> None:
    calendar = AdaptiveTransmission(num_syncs=2).start(2, 4, 1)
    with pytest.raises(RuntimeError, match="fragment 0 was applied after step 2, but it was last sent after step 0"):
        calendar.received(2, 0, np.ones(1), 1.0, 1.0)
    assert calendar.sends(2) == (0,)
    with pytest.raises(RuntimeError, match="fragment 0 was applied after step 4"):
        calendar.received(4, 0, np.ones(1), 1.0, 1.0)


def test_what_is_told_after_a_later_sending_was_decided_is_refused() -> None:
    calendar = AdaptiveTransmission(num_syncs=2).start(2, 4, 1)
    assert calendar.sends(2) == (0,)
    assert calendar.sends(4) == (1,)
    with pytest.raises(RuntimeError, match="step 3 was told after the sending of step 4 was decided"):
        calendar.received(3, 0, np.ones(1), 1.0, 1.0)
