import pytest

from testbed.devices.profiles import CUSTOM, EFFECTIVE_FRACTION, HARDWARE, DeviceProfile
from testbed.errors import RequestError
from testbed.settings import validated


@pytest.mark.parametrize("name", HARDWARE)
def test_every_named_profile_is_valid_and_survives_being_written_and_read(name: str) -> None:
    profile = DeviceProfile.from_table(name, {})
    written = profile.model_dump()
    assert DeviceProfile.from_table(written.pop("kind"), written) == profile


@pytest.mark.parametrize("name", HARDWARE)
def test_a_working_board_draws_more_than_an_idle_one(name: str) -> None:
    profile = DeviceProfile.from_table(name, {})
    assert profile.compute_w > profile.idle_w > 0
    assert profile.transmit_w >= profile.idle_w


@pytest.mark.parametrize(
    ("name", "peak_gflop_per_s"),
    [
        ("jetson-tx2-max-n", 666),
        ("jetson-tx2-max-p", 573),
        ("jetson-tx2-max-q", 435),
        ("jetson-xavier-nx-15w", 845),
        ("jetson-xavier-nx-10w", 614),
        ("jetson-agx-xavier-maxn", 1410),
        ("jetson-agx-xavier-30w", 922),
        ("jetson-agx-xavier-15w", 686),
        ("jetson-agx-xavier-10w", 532 / 2),  # two of the four TPCs
        ("jetson-agx-orin-maxn", 5325),
        ("gpu-v100-sxm2-16gb", 15_700),
        ("gpu-a100-sxm4-40gb", 19_500),
        ("gpu-h100-sxm5-80gb", 67_000),
    ],
)
def test_the_effective_speed_is_a_fixed_fraction_of_the_published_peak(name: str, peak_gflop_per_s: float) -> None:
    speed = DeviceProfile.from_table(name, {}).flop_per_s
    assert speed == pytest.approx(EFFECTIVE_FRACTION * peak_gflop_per_s * 1e9, rel=3e-3)


def test_modes_of_one_board_with_more_power_are_not_slower() -> None:
    for board in ("jetson-xavier-nx", "jetson-agx-xavier", "jetson-agx-orin", "jetson-tx2"):
        modes = [DeviceProfile.from_table(name, {}) for name in HARDWARE if name.startswith(board)]
        modes.sort(key=lambda mode: (mode.compute_w, mode.flop_per_s))
        speeds = [mode.flop_per_s for mode in modes]
        assert len(speeds) >= 3 and speeds == sorted(speeds)


def test_the_scenario_overrides_single_fields_and_leaves_the_others() -> None:
    plain = DeviceProfile.from_table("jetson-tx2-max-n", {})
    changed = DeviceProfile.from_table("jetson-tx2-max-n", {"flop_per_s": "1 GFLOP/s"})
    assert changed == plain.model_copy(update={"flop_per_s": 1e9})


def test_a_custom_profile_has_no_defaults() -> None:
    with pytest.raises(RequestError, match="idle_w: this setting is missing"):
        validated(lambda: DeviceProfile.from_table(CUSTOM, {"flop_per_s": 1e9}))
    table = DeviceProfile.from_table("jetson-tx2-max-n", {}).model_dump(exclude={"kind"})
    assert DeviceProfile.from_table(CUSTOM, table).kind == CUSTOM


def test_an_unknown_profile_or_field_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(RequestError, match="jetson-tx2-max-n"):
        DeviceProfile.from_table("jetson-tx2-maxn", {})
    with pytest.raises(RequestError, match="compute_w"):
        validated(lambda: DeviceProfile.from_table("jetson-tx2-max-n", {"compute_watt": 3.0}))


def test_the_catalogue_knows_every_profile() -> None:
    parts = pytest.importorskip("testbed.parts", exc_type=ImportError)
    assert set(parts.PARTS["device"]) == {*HARDWARE, CUSTOM}
