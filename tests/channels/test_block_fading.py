import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.block_fading import BlockFading, Direction, coherence_block
from channels.fading import Fading, RayleighFading, StaticFading
from channels.path_loss import PowerLawPathLoss, UnitPathLoss
from testbed.streams import Luck

streams = Luck(1)


def links(num_devices: int = 4, direction: Direction = Direction.UPLINK, fading: Fading | None = None) -> BlockFading:
    return BlockFading(
        fading or RayleighFading(),
        UnitPathLoss(),
        coherence_time_s=2.0,
        num_devices=num_devices,
        direction=direction,
        streams=streams,
    )


@given(st.integers(0, 10**7), st.floats(1e-4, 1e4))
@settings(deadline=None)
def test_a_block_contains_its_own_start(block: int, coherence_time_s: float) -> None:
    assert coherence_block(block * coherence_time_s, coherence_time_s) == block


@given(st.floats(0, 1e6), st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_a_time_lies_in_its_block(time_s: float, coherence_time_s: float) -> None:
    block = coherence_block(time_s, coherence_time_s)
    assert block * coherence_time_s <= time_s < (block + 1) * coherence_time_s


def test_the_channel_holds_inside_a_block_and_changes_with_it() -> None:
    at_0, at_2 = links().at([0, 1, 2, 3], 0.0), links().at([0, 1, 2, 3], 2.0)
    assert np.array_equal(at_0, links().at([0, 1, 2, 3], 1.999))
    assert not np.any(at_0 == at_2)


def test_the_channel_of_a_device_does_not_depend_on_who_else_is_asked_for() -> None:
    everybody = links().at([0, 1, 2, 3], 5.0)
    assert links().at([2], 5.0)[0] == everybody[2]
    assert links(num_devices=3).at([2], 5.0)[0] == everybody[2]


def test_looking_often_and_in_any_order_changes_nothing() -> None:
    one, other = links(), links()
    forward = [one.in_block(k).tolist() for k in range(30)]
    backward = [other.in_block(k).tolist() for k in reversed(range(30))]
    assert forward == backward[::-1] == [one.in_block(k).tolist() for k in range(30)]


def test_uplink_and_downlink_fade_independently() -> None:
    down = links(direction=Direction.DOWNLINK)
    assert not np.any(links().in_block(0) == down.in_block(0))


def test_the_power_gain_without_fading_is_the_path_gain() -> None:
    law = PowerLawPathLoss(gain_db_at_1_m=-40, exponent=3, side_m=20)
    fixed = BlockFading(
        StaticFading(),
        law,
        coherence_time_s=1.0,
        num_devices=5,
        direction=Direction.UPLINK,
        streams=streams,
    )
    np.testing.assert_allclose(np.abs(fixed.at(range(5), 0.0)) ** 2, law.power_gains(5, streams), rtol=1e-12)
    assert fixed.weakest_power_gain(range(5), 0) == np.min(np.abs(fixed.in_block(0)) ** 2)
