"""The contracts of every device profile, every law of slowdown and every law of availability."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from examples import Example, examples
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.devices.availability import Absences, Availability, FaultSettings
from testbed.devices.profiles import DeviceProfile
from testbed.devices.slowdown import Slowdown
from testbed.streams import Luck, Purpose, stream

MANY = settings(max_examples=25, deadline=None)
NUM_DEVICES = 4
FAR_S = 5000.0


# -- device ------------------------------------------------------------------------------------------------------------

every_device = pytest.mark.parametrize("example", examples("device"), ids=str)


@every_device
def test_a_profile_is_positive_and_draws_least_when_idle(example: Example) -> None:
    profile: DeviceProfile = example.build()
    fields = profile.model_dump(exclude={"kind"})
    assert all(math.isfinite(value) and value > 0 for value in fields.values()), fields
    assert profile.idle_w <= profile.compute_w
    assert profile.idle_w <= profile.transmit_w


@every_device
def test_any_field_of_a_profile_can_be_overridden_and_the_others_stay(example: Example) -> None:
    plain = example.build().model_dump()
    for field in plain.keys() - {"kind"}:
        changed = replace(example, settings={**example.settings, field: 3.0}).build()
        assert changed.model_dump() == plain | {field: 3.0}


# -- slowdown ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=examples("slowdown"), ids=str)
def slowdown(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(num_devices=st.integers(1, 100), num_more=st.integers(1, 50), seed=st.integers(0, 10_000))
def test_a_device_is_never_faster_than_its_profile_and_a_further_device_slows_no_other(
    slowdown: Slowdown, num_devices: int, num_more: int, seed: int
) -> None:
    factors = slowdown.factors(num_devices, np.random.default_rng(seed))
    assert factors.shape == (num_devices,)
    assert np.isfinite(factors).all()
    assert (factors >= 1).all()
    again = slowdown.factors(num_devices, np.random.default_rng(seed))
    assert again.tobytes() == factors.tobytes()
    more = slowdown.factors(num_devices + num_more, np.random.default_rng(seed))
    assert more[:num_devices].tobytes() == factors.tobytes()


# -- availability ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=examples("availability"), ids=str)
def availability(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


def absences(law: Availability, seed: int) -> Absences:
    away = [FaultSettings(device=1, start_s=33.0, end_s=47.0), FaultSettings(device=2, start_s=120.0)]
    return Absences(law, away, NUM_DEVICES, Luck(seed), FAR_S)


@MANY
@given(block=st.integers(0, 1000), num_devices=st.integers(1, 40), num_more=st.integers(1, 40))
def test_who_is_there_is_a_function_of_device_and_block_and_a_further_device_changes_no_other(
    availability: Availability, block: int, num_devices: int, num_more: int
) -> None:
    def present(how_many: int) -> np.ndarray:
        return availability.present(block, how_many, lambda b: stream(0, Purpose.AVAILABILITY, b))

    there = present(num_devices)
    assert there.dtype == np.bool_
    assert there.shape == (num_devices,)
    assert present(num_devices).tobytes() == there.tobytes()
    assert present(num_devices + num_more)[:num_devices].tobytes() == there.tobytes()
    assert availability.block_length_s > 0


@pytest.mark.parametrize("num_devices", [1, 3])
def test_absences_known_beforehand_are_those_of_each_device_alone_and_begin_within_the_run(
    availability: Availability, num_devices: int
) -> None:
    foreknown, fewer = availability.absences(NUM_DEVICES, 200.0), availability.absences(num_devices, 200.0)
    assert fewer == {device: away for device, away in foreknown.items() if device < num_devices}
    assert all(0 <= start_s < min(end_s, 200.0) for away in foreknown.values() for start_s, end_s in away)


@MANY
@given(
    questions=st.lists(st.tuples(st.integers(0, NUM_DEVICES - 1), st.floats(0.0, FAR_S)), max_size=20),
    seed=st.integers(0, 100),
)
def test_asking_changes_nothing(availability: Availability, questions: list[tuple[int, float]], seed: int) -> None:
    asked, fresh = absences(availability, seed), absences(availability, seed)
    for device, time_s in questions:
        asked.next_change_s(device, time_s, FAR_S)
        asked.is_available(device, time_s)
    for device in range(NUM_DEVICES):
        for time_s in np.linspace(0.0, 300.0, 13).tolist():
            assert asked.is_available(device, time_s) == fresh.is_available(device, time_s)
            assert asked.next_change_s(device, time_s, FAR_S) == fresh.next_change_s(device, time_s, FAR_S)


@MANY
@given(
    device=st.integers(0, NUM_DEVICES - 1),
    time_s=st.floats(0.0, 400.0),
    fraction=st.floats(0.0, 1.0, exclude_max=True),
    seed=st.integers(0, 100),
)
def test_the_next_change_is_one_and_there_is_none_before_it(
    availability: Availability, device: int, time_s: float, fraction: float, seed: int
) -> None:
    everybody = absences(availability, seed)
    state, change_s = everybody.is_available(device, time_s), everybody.next_change_s(device, time_s, FAR_S)
    assert change_s > time_s
    between_s = time_s + fraction * (min(change_s, FAR_S) - time_s)
    if between_s < change_s:  # two neighbouring floats have nothing between them
        assert everybody.is_available(device, between_s) == state
    if math.isfinite(change_s):
        assert everybody.is_available(device, change_s) != state
    if everybody.is_gone_for_good(device, time_s):
        assert change_s == math.inf
        assert not state


@MANY
@given(device=st.integers(0, NUM_DEVICES - 1), seed=st.integers(0, 100))
def test_walking_from_change_to_change_finds_the_time_away_that_is_accounted_for(
    availability: Availability, device: int, seed: int
) -> None:
    everybody, until_s = absences(availability, seed), 200.0
    away_s, time_s = 0.0, 0.0
    while time_s < until_s:
        end_s = min(everybody.next_change_s(device, time_s, until_s), until_s)
        away_s += 0.0 if everybody.is_available(device, time_s) else end_s - time_s
        time_s = end_s
    assert everybody.absent_s(until_s)[device] == pytest.approx(away_s, abs=1e-9)
