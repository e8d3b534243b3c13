"""The laws of luck that is drawn only where somebody looks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noted_luck import NotedLuck

from channels.block_fading import BlockFading, Direction
from channels.correlated_fading import CorrelatedFading
from channels.fading import Fading, NakagamiFading, RayleighFading, RicianFading
from channels.path_loss import PowerLawPathLoss, UnitPathLoss
from testbed.devices.availability import Absences, BernoulliBlocks
from testbed.streams import Luck, Purpose
from testbed.tiles import NUM_FIRST, TILE_BLOCKS, TILE_ENTITIES

LAWS = [
    RayleighFading(),
    RicianFading(k_factor_db=3.0),
    NakagamiFading(m=2.0),
    CorrelatedFading(of="rayleigh", rho=0.9),  # type: ignore[arg-type]
]
streams = Luck(5)
FEW = settings(max_examples=15, deadline=None)
BORDERS = [NUM_FIRST - 1, NUM_FIRST, NUM_FIRST + TILE_ENTITIES - 1, NUM_FIRST + TILE_ENTITIES, NUM_FIRST + 100]


def links(num_devices: int, fading: Fading, direction: Direction = Direction.UPLINK, antenna: int = 0) -> BlockFading:
    return BlockFading(
        fading,
        UnitPathLoss(),
        coherence_time_s=1.0,
        num_devices=num_devices,
        direction=direction,
        streams=streams,
        antenna=antenna,
    )


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.kind)
def test_a_population_that_fits_the_first_vector_has_one_vector_a_block(law: Fading) -> None:
    whole = law.coefficients(70, NUM_FIRST, lambda block: streams(Purpose.FADING, Direction.UPLINK, block))
    assert links(NUM_FIRST, law).in_block(70).tobytes() == whole.tobytes()
    assert links(2 * NUM_FIRST, law).in_block(70)[:NUM_FIRST].tobytes() == whole.tobytes()


@FEW
@given(block=st.integers(0, 3 * TILE_BLOCKS), more=st.integers(1, 40), law=st.sampled_from(LAWS))
def test_further_devices_change_no_other_across_the_borders_of_tiles(block: int, more: int, law: Fading) -> None:
    for num_devices in BORDERS:
        few, many = links(num_devices, law).in_block(block), links(num_devices + more, law).in_block(block)
        assert few.tobytes() == many[:num_devices].tobytes()


@FEW
@given(
    block=st.integers(0, 3 * TILE_BLOCKS),
    devices=st.lists(st.integers(NUM_FIRST - 60, NUM_FIRST + 160), min_size=1, max_size=20, unique=True),
    law=st.sampled_from(LAWS),
)
def test_a_few_asked_for_in_any_order_have_what_everybody_asked_for_has(
    block: int, devices: list[int], law: Fading
) -> None:
    population = links(NUM_FIRST + 161, law)
    everybody, chosen = links(NUM_FIRST + 161, law).in_block(block), np.array(devices, dtype=np.intp)
    assert population.in_block(block, chosen).tobytes() == everybody[chosen].tobytes()
    assert population.weakest_power_gain(devices, block) == min(abs(everybody[device]) ** 2 for device in devices)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.kind)
def test_tiles_follow_the_law_of_the_vectors(law: Fading) -> None:
    devices = np.arange(NUM_FIRST, NUM_FIRST + 800)
    population = links(NUM_FIRST + 800, law)
    # One block in ten tiles: the memory of the correlated law has gone by the next.
    fades = np.stack([population.in_block(10 * TILE_BLOCKS * k, devices) for k in range(10)]).ravel()
    power = np.abs(fades) ** 2
    mean = getattr(law, "line_of_sight", 0.0)
    assert power.mean() == pytest.approx(1.0, abs=4 * power.std() / np.sqrt(len(power)))
    assert abs(fades.mean() - mean) < 4 / np.sqrt(len(fades))
    assert len(np.unique(fades)) == len(fades)


def test_a_correlated_law_remembers_across_the_borders_of_tiles() -> None:
    population = links(NUM_FIRST + 2000, CorrelatedFading(of="rayleigh", rho=0.9))  # type: ignore[arg-type]
    devices = np.arange(NUM_FIRST, NUM_FIRST + 2000)
    before, after = (population.in_block(block, devices) for block in (TILE_BLOCKS - 1, TILE_BLOCKS))
    assert np.mean(before.conj() * after).real == pytest.approx(0.9, abs=0.1)


def test_directions_antennas_columns_and_rows_have_luck_of_their_own() -> None:
    law, device = RayleighFading(), np.array([NUM_FIRST])
    num_devices = NUM_FIRST + 2 * TILE_ENTITIES
    up, down = links(num_devices, law), links(num_devices, law, Direction.DOWNLINK)
    values = [
        up.in_block(0, device),
        down.in_block(0, device),
        links(num_devices, law, antenna=1).in_block(0, device),
        up.in_block(TILE_BLOCKS, device),
        up.in_block(0, device + TILE_ENTITIES),
    ]
    assert len({value.tobytes() for value in values}) == len(values)


def test_one_look_into_a_million_draws_one_tile() -> None:
    luck = NotedLuck(5)
    population = BlockFading(
        RayleighFading(),
        UnitPathLoss(),
        coherence_time_s=1.0,
        num_devices=1_000_000,
        direction=Direction.UPLINK,
        streams=luck,
    )
    for block in range(TILE_BLOCKS):
        population.power_gain(999_999, block)
    assert luck.asked == [
        (Purpose.TILE, Purpose.FADING, (999_999 - NUM_FIRST) // TILE_ENTITIES, 0, Direction.UPLINK, 0)
    ]


def test_who_does_not_exist_has_no_channel() -> None:
    with pytest.raises(IndexError, match="2000"):
        links(2000, RayleighFading()).power_gain(2000, 0)
    with pytest.raises(IndexError, match="2000"):
        links(2000, RayleighFading()).in_block(0, np.array([3, 2000]))


def test_path_gains_of_a_large_population_multiply_the_fades() -> None:
    law = PowerLawPathLoss(gain_db_at_1_m=-40, exponent=3, side_m=20)
    population = BlockFading(
        RayleighFading(),
        law,
        coherence_time_s=1.0,
        num_devices=2000,
        direction=Direction.UPLINK,
        streams=streams,
    )
    unit = links(2000, RayleighFading()).in_block(3)
    np.testing.assert_array_equal(population.in_block(3), np.sqrt(law.power_gains(2000, streams)) * unit)


def test_absences_beyond_the_first_vector_agree_however_they_are_asked_for() -> None:
    num_devices, until_s = NUM_FIRST + 40, 200.0
    law = BernoulliBlocks(probability=0.6, block_s=2.0)
    absences, fewer = (Absences(law, [], n, streams) for n in (num_devices, num_devices - 3))
    devices = [0, NUM_FIRST - 1, NUM_FIRST, NUM_FIRST + 11, num_devices - 4]
    away = absences.intervals(devices, until_s)
    assert away == fewer.intervals(devices, until_s)
    total_s = absences.absent_s(until_s)
    for device in devices:
        assert total_s[device] == pytest.approx(sum(end - start for start, end in away[device]))
        for k in range(100):
            there = absences.is_available(device, 2.0 * k + 1.0)
            assert there != any(start <= 2.0 * k + 1.0 < end for start, end in away[device])
            assert there == (device in absences.present(devices, 2.0 * k + 1.0))
    assert 1.0 - total_s.mean() / until_s == pytest.approx(0.6, abs=0.02)
