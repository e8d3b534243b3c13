"""Device profiles: speed, memory and power of named boards, phones, computers and GPUs, in one sourced table.

    flop_per_s = 0.30 * peak        peak = 2 * lanes * clock (one multiply-add a lane and cycle, FP32)

Our choice: the effective fraction 0.30 is that of FP32 transformer training on Jetson boards, used for all. A
scenario names a profile and may override any field; `custom` takes all fields from the scenario.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self

from testbed.errors import unknown_name
from testbed.settings import Bytes, BytesPerSecond, FlopPerSecond, Part, Watts

__all__ = ["CUSTOM", "EFFECTIVE_FRACTION", "HARDWARE", "DeviceProfile", "Hardware"]

EFFECTIVE_FRACTION: Final = 0.30
CUSTOM: Final = "custom"


class Hardware(NamedTuple):
    """One row of the table. Powers are those of the whole board; memory is what a training job may use."""

    lanes: int
    clock_hz: float
    memory_bytes: float
    memory_bandwidth_bytes_per_s: float
    idle_w: float
    compute_w: float
    transmit_w: float

    @property
    def peak_flop_per_s(self) -> float:
        """The peak FP32 speed [FLOP/s]: 2 lanes clock."""
        return 2.0 * self.lanes * self.clock_hz


# Sources. Our choice throughout: usable memory, idle power, phones' active power, and that a board which
# transmits draws 2.5 W (a phone 1.2 W) more than an idle one; a data-centre GPU has no radio.
# Jetson TX2, Xavier NX, AGX Xavier: clocks, cores, power budgets of NVIDIA's nvpmodel tables (Jetson Linux
#   Developer Guide). Modes without a budget: TX2 15 W, AGX 40 W, our choice. The AGX's 10 W mode powers two
#   of its four TPCs (256 of 512 cores), and its modes clock the memory at 2133, 1600, 1333 and 1066 MHz.
# Jetson AGX Orin 64 GB: the same guide (8, 8, 4, 3 TPCs of 256 cores; memory at 3200 MHz, in the 15 W mode at
#   2133 MHz) and NVIDIA's module limit of 60 W. Known, not re-read.
# Phones: Adreno 740 and 630 GPUs, LPDDR5X and LPDDR4X, public specification lists. Known, not re-read.
# Ryzen 7 5800X: 8 cores with two 8-wide FMA units at base clock, DDR4-3200, AMD's limit of 142 W. Known.
# V100, A100, H100: NVIDIA's data sheets (boost clock; 15.7, 19.5, 67 TFLOP/s; 300, 400, 700 W). Known.
HARDWARE: Final[dict[str, Hardware]] = {
    # lanes, clock [Hz], memory [byte], bandwidth [byte/s], power [W]: idle, compute, transmit
    "jetson-tx2-max-n": Hardware(256, 1.300e9, 6e9, 58e9, 3.0, 15.0, 5.5),
    "jetson-tx2-max-p": Hardware(256, 1.120e9, 6e9, 58e9, 3.0, 15.0, 5.5),
    "jetson-tx2-max-q": Hardware(256, 0.850e9, 6e9, 58e9, 3.0, 7.5, 5.5),
    "jetson-xavier-nx-20w": Hardware(384, 1.100e9, 6e9, 51e9, 3.0, 20.0, 5.5),
    "jetson-xavier-nx-15w": Hardware(384, 1.100e9, 6e9, 51e9, 3.0, 15.0, 5.5),
    "jetson-xavier-nx-10w": Hardware(384, 0.800e9, 6e9, 51e9, 3.0, 10.0, 5.5),
    "jetson-agx-xavier-maxn": Hardware(512, 1.377e9, 28e9, 137e9, 6.0, 40.0, 8.5),
    "jetson-agx-xavier-30w": Hardware(512, 0.900e9, 28e9, 102e9, 6.0, 30.0, 8.5),
    "jetson-agx-xavier-15w": Hardware(512, 0.670e9, 28e9, 85e9, 6.0, 15.0, 8.5),
    "jetson-agx-xavier-10w": Hardware(256, 0.520e9, 28e9, 68e9, 6.0, 10.0, 8.5),
    "jetson-agx-orin-maxn": Hardware(2048, 1.300e9, 56e9, 205e9, 8.0, 60.0, 10.5),
    "jetson-agx-orin-50w": Hardware(2048, 0.828e9, 56e9, 205e9, 8.0, 50.0, 10.5),
    "jetson-agx-orin-30w": Hardware(1024, 0.624e9, 56e9, 205e9, 8.0, 30.0, 10.5),
    "jetson-agx-orin-15w": Hardware(768, 0.420e9, 56e9, 137e9, 8.0, 15.0, 10.5),
    "phone-snapdragon-8-gen-2": Hardware(1536, 0.680e9, 6e9, 67e9, 1.0, 5.0, 2.2),
    "phone-snapdragon-845": Hardware(512, 0.710e9, 3e9, 30e9, 1.0, 4.0, 2.2),
    "cpu-ryzen-7-5800x": Hardware(128, 3.800e9, 24e9, 51e9, 40.0, 142.0, 42.5),
    "gpu-v100-sxm2-16gb": Hardware(5120, 1.530e9, 16e9, 900e9, 40.0, 300.0, 40.0),
    "gpu-a100-sxm4-40gb": Hardware(6912, 1.410e9, 40e9, 1555e9, 50.0, 400.0, 50.0),
    "gpu-h100-sxm5-80gb": Hardware(16896, 1.980e9, 80e9, 3352e9, 70.0, 700.0, 70.0),
}


class DeviceProfile(Part):
    """What one kind of device can do and what it draws.

    `flop_per_s` : effective speed of training, not the peak [FLOP/s].
    `idle_w` : what the board draws while it is there and neither computes nor transmits [W].
    `compute_w` : what the board draws while it computes [W].
    `transmit_w` : what the board draws while it transmits and does not compute, the radiated power aside [W].

    >>> DeviceProfile.from_table("jetson-tx2-max-q", {"idle_w": "2 W"}).idle_w
    2.0
    """

    flop_per_s: FlopPerSecond  # effective speed of training, not the peak [FLOP/s]
    memory_bytes: Bytes  # of the board [byte]
    memory_bandwidth_bytes_per_s: BytesPerSecond  # of that memory [byte/s]
    idle_w: Watts  # drawn while there, neither computing nor transmitting [W]
    compute_w: Watts  # drawn while computing [W]
    transmit_w: Watts  # drawn while transmitting and not computing, the radiated power aside [W]

    @classmethod
    def from_table(cls, kind: str, table: Mapping[str, Any]) -> Self:
        """Return the profile named `kind`, with the fields of `table` in place of its own; `custom` has none.

        Raises
        ------
        RequestError : no such profile, or a setting that a profile does not have.
        """
        if kind == CUSTOM:
            return super().from_table(kind, table)
        if kind not in HARDWARE:
            raise unknown_name("device", kind, [*HARDWARE, CUSTOM])
        hardware = HARDWARE[kind]
        fields = {name: value for name, value in hardware._asdict().items() if name in cls.model_fields}
        fields["flop_per_s"] = EFFECTIVE_FRACTION * hardware.peak_flop_per_s
        return super().from_table(kind, {**fields, **table})
