import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.simulation import Simulation
from testbed.streams import Purpose, stream, streams

PATIENT = settings(deadline=None)

ids = st.lists(st.integers(0, 2**32 - 1), max_size=4).map(tuple)
addresses = st.tuples(st.integers(0, 2**64), st.sampled_from(Purpose), ids)


def numbers(root_seed: int, purpose: Purpose, *ids: int) -> tuple[int, ...]:
    return tuple(stream(root_seed, purpose, *ids).bit_generator.random_raw(4).tolist())


@PATIENT
@given(st.lists(addresses, min_size=1, max_size=4), st.integers(0, 7))
def test_an_address_keeps_its_numbers_whatever_else_is_drawn_and_in_whatever_order(places, num_draws):
    alone = [numbers(seed, purpose, *ids) for seed, purpose, ids in places]
    for seed, purpose, ids in places:
        stream(seed, purpose, *ids).random(num_draws)
    assert [numbers(seed, purpose, *ids) for seed, purpose, ids in reversed(places)] == alone[::-1]


@PATIENT
@given(addresses, addresses)
def test_another_address_has_other_numbers(one, other):
    (seed, purpose, ids), (other_seed, other_purpose, other_ids) = one, other
    same = numbers(seed, purpose, *ids) == numbers(other_seed, other_purpose, *other_ids)
    assert same == (one == other)


@PATIENT
@given(addresses)
def test_a_stream_is_the_one_that_numpy_makes_of_its_address(address):
    seed, purpose, ids = address
    of_numpy = np.random.Philox(np.random.SeedSequence(seed, spawn_key=(int(purpose), *ids)))
    assert numbers(seed, purpose, *ids) == tuple(of_numpy.random_raw(4).tolist())


@PATIENT
@given(
    st.integers(0, 2**128 - 1),
    st.sampled_from(Purpose),
    st.integers(0, 3).flatmap(lambda n: st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * n), max_size=14)),
    st.integers(0, 5),
)
def test_a_generator_moved_from_address_to_address_is_at_each_as_new(seed, purpose, rows, num_draws):
    at = [
        (rng.integers(10, size=num_draws, dtype=np.uint32).tolist(), rng.random(5).tolist())
        for rng in streams(seed, purpose, rows)
    ]
    for row, drawn in zip(rows, at, strict=True):
        rng = stream(seed, purpose, *row)
        assert (rng.integers(10, size=num_draws, dtype=np.uint32).tolist(), rng.random(5).tolist()) == drawn


def test_neighbouring_addresses_have_other_numbers():
    # Swapped, shortened, lengthened by zeros, seed for id: what a careless key would confuse.
    ids = ["", "0", "00", "000", "1", "10", "01", "2", "12", "21", "3", "4", "5"]
    kinds = itertools.product((0, 1, 2), (Purpose.DEVICE, Purpose.FADING), ids)
    places = [(seed, purpose, *map(int, digits)) for seed, purpose, digits in kinds]
    assert len({numbers(*place) for place in places}) == len(places)


def test_a_seed_of_several_words_is_not_a_shorter_seed():
    seeds = [1, 2**32, 2**32 + 1, 2**64, 2**96, 2**128 - 1]
    assert len({numbers(seed, Purpose.TRAIN) for seed in seeds}) == len(seeds)


@pytest.mark.parametrize(("seed", "ids"), [(-1, ()), (0, (-1,)), (0, (3, -1)), (0, (2**32,)), (2**128, ())])
def test_a_seed_or_id_out_of_range_is_refused(seed, ids):
    with pytest.raises(ValueError, match="must be in"):
        stream(seed, Purpose.NOISE, *ids)
    with pytest.raises(ValueError, match="must be in"):
        list(streams(seed, Purpose.NOISE, [ids]))
    with pytest.raises(ValueError, match="must be in"):
        list(streams(seed, Purpose.NOISE, [ids] * 20))


@PATIENT
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_vectors_of_a_population_are_prefix_stable(num_devices, num_more, block):
    def draws(count: int) -> list[np.ndarray]:
        address = (0, Purpose.FADING, block)
        return [stream(*address).random(count), stream(*address).standard_normal((count, 2))]

    for few, many in zip(draws(num_devices), draws(num_devices + num_more), strict=True):
        assert np.array_equal(few, many[:num_devices])


def test_streams_of_neighbours_are_uncorrelated():
    num_draws = 20_000
    columns = [stream(0, Purpose.FADING, link).standard_normal(num_draws) for link in range(4)]
    columns.append(stream(1, Purpose.FADING, 0).standard_normal(num_draws))
    for one, other in itertools.combinations(columns, 2):
        assert abs(np.mean(one * other)) < 4 / np.sqrt(num_draws)


def test_no_global_generator_is_touched():
    random_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    stream(0, Purpose.ARRIVALS, 1).random(10)
    assert random.getstate() == random_state
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])  # noqa: NPY002
    assert np.random.get_state()[2:] == numpy_state[2:]  # noqa: NPY002


def test_numpy_ids_are_the_same_address():
    assert numbers(0, Purpose.TRAIN, np.int64(3), np.uint8(4)) == numbers(0, Purpose.TRAIN, 3, 4)


def test_a_simulation_draws_at_its_own_root():
    drawn = Simulation(root_seed=5).stream(Purpose.DEVICE, 2).random(3)
    assert np.array_equal(drawn, stream(5, Purpose.DEVICE, 2).random(3))


def test_addresses_have_not_moved():
    # A change detector: every saved result depends on these numbers.
    names = (
        "MODEL_INITIALISATION PARTITION DEVICE FADING NOISE TRAIN AVAILABILITY "
        "ARRIVALS SERVICE GROUPING SELECTION GEOMETRY DATA_SPLIT"
    )
    assert [Purpose[name].value for name in names.split()] == list(range(1, 14))
    assert len({purpose.value for purpose in Purpose}) == len(Purpose.__members__)
    assert numbers(0, Purpose.FADING, 7)[0] == 10515397326522255845
