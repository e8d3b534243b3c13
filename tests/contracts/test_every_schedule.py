"""The contract of every schedule of fragments: all regions are told the same, and no fragment flies twice at once."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.schedules import Calendar, Schedule
from testbed.errors import RequestError

MANY = settings(max_examples=20, deadline=None)
# Fragments, horizon and delay that go with every example.
RUNS = st.tuples(st.sampled_from([(1, 6), (2, 6), (3, 6), (2, 12), (3, 12), (4, 12), (3, 18)]), st.integers(0, 1)).map(
    lambda drawn: (*drawn[0], drawn[1])
)
Run = tuple[int, int, int]
Sends = dict[int, tuple[int, ...]]


@pytest.fixture(scope="module", params=examples("schedule"), ids=str)
def schedule(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def change(seed: int, step: int, fragment: int) -> np.ndarray:
    return np.random.default_rng([seed, step, fragment]).normal(size=3)


def lived(
    calendar: Calendar, num_steps: int, delay_steps: int, seed: int, order: Callable[[int], Sequence[int]] | None = None
) -> Sends:
    """What a calendar says to regions that apply, tell and ask in the order of steps.

    With `order` there are regions at different steps: it says whose turn it is when the first one is at a step.
    """
    due: dict[int, list[int]] = {}
    answers: Sends = {}
    for step in range(1, num_steps + 1):
        for fragment in due.pop(step, []):
            calendar.received(step, fragment, change(seed, step, fragment), 1.5, 1.0)
        answers[step] = calendar.sends(step)
        for fragment in answers[step]:
            if delay_steps == 0:
                calendar.received(step, fragment, change(seed, step, fragment), 1.5, 1.0)
            else:
                due.setdefault(step + delay_steps, []).append(fragment)
        for late in order(step) if order else ():
            assert calendar.sends(late) == answers[late]
    return answers


@MANY
@given(run=RUNS, seed=st.integers(0, 99))
def test_a_fragment_is_not_sent_again_before_it_was_applied(schedule: Schedule, run: Run, seed: int) -> None:
    num_fragments, sync_every, delay_steps = run
    answers = lived(schedule.start(*run), 5 * sync_every, delay_steps, seed)
    for fragment in range(num_fragments):
        steps = [step for step, sent in answers.items() if fragment in sent]
        assert np.diff(steps).min() >= max(delay_steps, 1)
    assert all(len(set(sent)) == len(sent) for sent in answers.values())


@MANY
@given(run=RUNS, seed=st.integers(0, 99))
def test_every_fragment_goes_again_within_two_horizons(schedule: Schedule, run: Run, seed: int) -> None:
    num_fragments, sync_every, delay_steps = run
    answers = lived(schedule.start(*run), 8 * sync_every, delay_steps, seed)
    for fragment in range(num_fragments):
        steps = [0, *(step for step, sent in answers.items() if fragment in sent), 8 * sync_every]
        assert np.diff(steps).max() <= 2 * sync_every


@MANY
@given(run=RUNS, seed=st.integers(0, 99), luck=st.randoms(use_true_random=False))
def test_regions_behind_are_told_what_the_first_one_was(schedule: Schedule, run: Run, seed: int, luck: Any) -> None:
    alone = lived(schedule.start(*run), 40, run[2], seed)
    followed = lived(
        schedule.start(*run), 40, run[2], seed, lambda step: [luck.randint(1, step) for _ in range(luck.randint(0, 3))]
    )
    assert followed == alone


@MANY
@given(run=RUNS, seed=st.integers(0, 99))
def test_between_a_step_and_the_next_one_at_which_something_may_be_sent_nothing_is(
    schedule: Schedule, run: Run, seed: int
) -> None:
    calendar = schedule.start(*run)
    answers = lived(schedule.start(*run), 60, run[2], seed)
    # A region that asks at those steps alone, and at those at which something is applied.
    step, due, found = calendar.next_send_after(0), {}, {}
    assert step > 0
    while step <= 60:
        for fragment in due.pop(step, []):
            calendar.received(step, fragment, change(seed, step, fragment), 1.5, 1.0)
        found[step] = calendar.sends(step)
        for fragment in found[step]:
            if run[2] == 0:
                calendar.received(step, fragment, change(seed, step, fragment), 1.5, 1.0)
            else:
                due.setdefault(step + run[2], []).append(fragment)
        after = calendar.next_send_after(step)
        assert after > step
        step = min([after, *due])
    assert {step: sent for step, sent in found.items() if sent} == {s: sent for s, sent in answers.items() if sent}


@MANY
@given(run=RUNS, seed=st.integers(0, 99))
def test_what_is_received_later_changes_no_earlier_answer(schedule: Schedule, run: Run, seed: int) -> None:
    calendar = schedule.start(*run)
    answers = lived(calendar, 50, run[2], seed)
    assert {step: calendar.sends(step) for step in answers} == answers
    later = [calendar.next_send_after(step) for step in range(40)]
    assert later == sorted(later)
    assert all(not answers[step] for start, stop in enumerate(later) for step in range(start + 1, stop) if step <= 50)


def test_two_calendars_of_one_schedule_know_nothing_of_each_other(schedule: Schedule) -> None:
    first, second = schedule.start(2, 6, 1), schedule.start(2, 6, 1)
    lived(first, 30, 1, 0)
    assert lived(second, 30, 1, 1) == lived(schedule.start(2, 6, 1), 30, 1, 1)


@pytest.mark.parametrize(
    ("num_fragments", "sync_every", "delay_steps"), [(0, 6, 0), (7, 6, 0), (2, 6, 6), (2, 6, 99), (2, 6, -1)]
)
def test_numbers_that_do_not_go_together_are_refused(
    schedule: Schedule, num_fragments: int, sync_every: int, delay_steps: int
) -> None:
    with pytest.raises(RequestError, match=r"schedule [a-z-]+: "):
        schedule.start(num_fragments, sync_every, delay_steps)
