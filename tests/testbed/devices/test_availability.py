import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.devices.availability import (
    Absences,
    AlwaysAvailable,
    Availability,
    BernoulliBlocks,
    FaultSettings,
)
from testbed.devices.energy import duration_s
from testbed.errors import RequestError, RunFailure
from testbed.settings import validated
from testbed.streams import Luck


def absences(
    law: Availability, *faults: tuple[int, float, float | None], num_devices: int = 5, seed: int = 0
) -> Absences:
    away = [FaultSettings(device=d, start_s=start, end_s=end) for d, start, end in faults]
    return Absences(law, away, num_devices, Luck(seed))


BLOCKS = BernoulliBlocks(probability=0.6, block_s=10.0)


@settings(deadline=None)
@given(st.integers(0, 4), st.floats(0, 1e9))
def test_who_is_always_available_never_changes(device: int, time_s: float) -> None:
    everybody = absences(AlwaysAvailable())
    assert everybody.is_available(device, time_s)
    assert everybody.next_change_s(device, time_s) == math.inf
    assert not everybody.is_gone_for_good(device, time_s)


def test_a_fault_takes_its_device_away_from_its_start_until_before_its_end() -> None:
    one = absences(AlwaysAvailable(), (2, 10.0, 20.0))
    assert [one.is_available(2, t) for t in (9.99, 10.0, 19.99, 20.0)] == [True, False, False, True]
    assert [one.next_change_s(2, t) for t in (0.0, 10.0, 15.0, 20.0)] == [10.0, 20.0, 20.0, math.inf]
    assert one.is_available(1, 15.0)


def test_overlapping_faults_are_one_absence() -> None:
    one = absences(AlwaysAvailable(), (0, 10.0, 20.0), (0, 15.0, 30.0), (0, 30.0, 40.0), (0, 12.0, 13.0))
    assert one.intervals([0], 100.0) == {0: [(10.0, 40.0)]}


def test_a_fault_without_an_end_is_for_good_and_one_with_an_end_is_not() -> None:
    one = absences(AlwaysAvailable(), (0, 10.0, 20.0), (1, 10.0, None))
    assert not one.is_gone_for_good(0, 15.0)
    assert not one.is_gone_for_good(1, 9.0)
    assert one.is_gone_for_good(1, 10.0) and one.is_gone_for_good(1, 1e12)


def test_who_is_away_when_the_end_comes_is_gone_for_good_from_when_it_left() -> None:
    law = BernoulliBlocks(probability=0.5, block_s=10.0)
    away_block = next(k for k in range(1, 100) if not absences(law).is_available(0, 10.0 * k))
    one = absences(law, (0, 10.0 * away_block + 5.0, None))
    assert one.is_gone_for_good(0, 10.0 * away_block)


@settings(deadline=None)
@given(st.integers(0, 4), st.floats(0, 500), st.integers(0, 20))
def test_nothing_changes_before_the_next_change_and_something_does_there(device: int, time_s: float, seed: int) -> None:
    one = absences(BLOCKS, (0, 33.0, 47.0), (1, 120.0, None), (2, 10.0, 20.0), (2, 55.0, 300.0), seed=seed)
    change_s = one.next_change_s(device, time_s)
    state = one.is_available(device, time_s)
    end_s = min(change_s, time_s + 500.0)
    # Between two neighbouring floats a probe may be rounded onto the change itself.
    for probe_s in np.minimum(np.linspace(time_s, end_s, 40, endpoint=False), math.nextafter(end_s, 0.0)):
        assert one.is_available(device, float(probe_s)) == state
    assert change_s > time_s
    if change_s < math.inf:
        assert one.is_available(device, change_s) != state
    assert one.is_gone_for_good(device, time_s) == (not state and change_s == math.inf)


@settings(deadline=None)
@given(st.floats(1e-3, 1e3), st.integers(0, 10_000))
def test_block_k_starts_at_k_times_its_length_and_no_earlier(block_s: float, block: int) -> None:
    asked: list[int] = []

    class Law:
        block_length_s = block_s

        def present(self, block: int, num_devices: int, stream: object) -> np.ndarray:
            asked.append(block)
            return np.ones(num_devices, dtype=bool)

        def absences(self, num_devices: int, until_s: float) -> dict[int, list[tuple[float, float]]]:
            return {}

    one = Absences(Law(), [], 1, Luck(0))
    start_s = block * block_s
    one.is_available(0, start_s)
    assert asked == [block]
    if block > 0:
        one.is_available(0, math.nextafter(start_s, 0.0))
        assert asked == [block, block - 1]


def test_bernoulli_blocks_are_present_with_their_probability() -> None:
    num_devices, num_blocks, probability = 50, 400, 0.3
    one = absences(BernoulliBlocks(probability=probability, block_s=1.0), num_devices=num_devices, seed=3)
    there = 1.0 - one.absent_s(float(num_blocks)).mean() / num_blocks
    error = math.sqrt(probability * (1 - probability) / (num_devices * num_blocks))
    assert there == pytest.approx(probability, abs=4 * error)


@pytest.mark.parametrize(("probability", "there"), [(0.0, False), (1.0, True)])
def test_certain_blocks_never_change(probability: float, there: bool) -> None:
    one = absences(BernoulliBlocks(probability=probability, block_s=1.0))
    assert one.is_available(3, 123.4) is there
    assert one.next_change_s(3, 123.4) == math.inf
    assert one.is_gone_for_good(3, 123.4) is not there


def test_further_devices_change_nobodys_absences() -> None:
    few, many = absences(BLOCKS, num_devices=3), absences(BLOCKS, num_devices=300)
    assert few.intervals(range(3), 1000.0) == many.intervals(range(3), 1000.0)


def test_asking_in_another_order_gets_the_same_answers() -> None:
    times = [10.0 * k + 5.0 for k in range(200)]
    forwards, backwards = absences(BLOCKS), absences(BLOCKS)
    one_way = [forwards.is_available(1, t) for t in times]
    back = [backwards.is_available(1, t) for t in reversed(times)]
    assert one_way == back[::-1]
    assert one_way == [forwards.is_available(1, t) for t in times]
    assert True in one_way and False in one_way


def test_forgetting_old_blocks_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = absences(BLOCKS).intervals([1], 1000.0)
    monkeypatch.setattr("testbed.tiles._KEPT_NUMBERS", 1)
    small = absences(BLOCKS)
    assert [small.intervals([1], 1000.0) for _ in range(2)] == [expected, expected]
    assert len(small._there._vectors) == 4


def walk(one: Absences, device: int, until_s: float) -> list[tuple[float, float]]:
    """Return when a device is away by asking for one change after another."""
    found, start_s = [], 0.0
    while start_s < until_s:
        end_s = min(one.next_change_s(device, start_s), until_s)
        if not one.is_available(device, start_s):
            found.append((start_s, end_s))
        start_s = end_s
    return found


@pytest.mark.parametrize("until_s", [0.0, 5.0, 10.0, 123.4, 1000.0])
def test_block_by_block_change_by_change_and_all_at_once_agree(until_s: float) -> None:
    one = absences(BLOCKS, (0, 33.0, 47.0), (1, 120.0, None), num_devices=6)
    each = {device: walk(one, device, until_s) for device in range(6)}
    assert one.intervals(range(6), until_s) == each
    assert one.absent_s(until_s) == pytest.approx([duration_s(each[device]) for device in range(6)])


def test_a_bounded_search_finds_what_lies_before_its_bound() -> None:
    one = absences(BLOCKS, (0, 33.0, 47.0))
    for device in (0, 1):
        change_s = one.next_change_s(device, 2.0)
        assert one.next_change_s(device, 2.0, until_s=change_s + 1.0) == change_s
        assert one.next_change_s(device, 2.0, until_s=change_s) == math.inf


def test_a_search_that_would_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testbed.devices.availability._MOST_BLOCKS_SEARCHED", 100)
    one = absences(BernoulliBlocks(probability=1e-9, block_s=1.0))
    with pytest.raises(RunFailure, match="device-0 stays away for 100 blocks of 1 s after t = 7 s"):
        one.next_change_s(0, 7.0)
    assert one.next_change_s(0, 7.0, until_s=50.0) == math.inf


def test_impossible_faults_are_refused() -> None:
    with pytest.raises(RequestError, match=r"fault.device = 5: must be below the number of devices, 5"):
        absences(AlwaysAvailable(), (5, 0.0, None))
    with pytest.raises(RequestError, match=r"end_s = 3 must be after start_s = 4"):
        validated(lambda: FaultSettings(device=0, start_s=4.0, end_s=3.0))


@settings(deadline=None)
@given(st.floats(0, 500), st.sampled_from([AlwaysAvailable(), BLOCKS]), st.booleans(), st.integers(0, 5))
def test_those_present_are_those_who_are_available_in_the_order_asked(
    time_s: float, law: Availability, is_faulty: bool, seed: int
) -> None:
    who = absences(law, *([(2, 100.0, 300.0)] if is_faulty else []), num_devices=6, seed=seed)
    asked = (5, 2, 0, 3)
    assert who.present(asked, time_s) == tuple(device for device in asked if who.is_available(device, time_s))


def test_nobody_ever_leaves_only_where_neither_law_nor_fault_takes_anybody_away() -> None:
    sure, never, sometimes = (BernoulliBlocks(probability=p, block_s=10.0) for p in (1.0, 0.0, 0.5))
    fault = FaultSettings(device=1, start_s=1e6)
    expected = [(AlwaysAvailable(), (), True), (sure, (), True), (never, (), False), (sometimes, (), False)]
    expected += [(AlwaysAvailable(), (fault,), False)]
    for law, faults, answer in expected:
        absences = Absences(law, faults, 3, Luck(0))
        assert absences.nobody_ever_leaves is answer
