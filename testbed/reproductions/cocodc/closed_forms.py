"""The cost model in closed form beside the clock: utilisation, times of an all-reduce, delay without stall, N and h.

150 million parameters in single precision, four regions on links of 115 ms, T_c = 1 s, H = 100, K = 4, gamma = 0.4.
Nothing is trained: what is checked is time.
"""

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["SECTION", "ClosedForms", "closed_forms"]

_BANDWIDTHS: Final = {"10 Gbit/s": 10e9, "1 Gbit/s": 1e9, "100 Mbit/s": 100e6, "50 Mbit/s": 50e6}
_PARAMETERS: Final = 150e6
_NUM_REGIONS: Final = 4
_DELAY_S: Final = 0.115
_NUM_FRAGMENTS: Final = 4
_SYNC_EVERY: Final = 100
_UTILISATION: Final = 0.4  # gamma


@dataclass(frozen=True)
class ClosedForms:
    """What the formulas give at one bandwidth, with T_c = 1 s."""

    all_reduce_s: float
    fragment_s: float
    fragment_e3m0_s: float
    ddp_utilisation: float
    diloco_utilisation: float
    delay_without_stall: int
    num_syncs: int
    slot_steps: int


def closed_forms(bit_per_s: float) -> ClosedForms:
    """Return 2 (M - 1) (V / (M B) + l) for the whole model and its fragments, and what follows from it.

    >>> found = closed_forms(1e9)
    >>> round(found.all_reduce_s, 3), round(found.fragment_s, 3), found.delay_without_stall, found.num_syncs
    (7.89, 2.49, 3, 16)
    """

    def ring_s(bits: float) -> float:
        return 2 * (_NUM_REGIONS - 1) * (bits / (_NUM_REGIONS * bit_per_s) + _DELAY_S)

    whole_s, fragment_s = ring_s(32 * _PARAMETERS), ring_s(32 * _PARAMETERS / _NUM_FRAGMENTS)
    num_syncs = max(_NUM_FRAGMENTS, math.floor(_UTILISATION * _SYNC_EVERY / fragment_s))
    return ClosedForms(
        all_reduce_s=whole_s,
        fragment_s=fragment_s,
        fragment_e3m0_s=ring_s(4 * _PARAMETERS / _NUM_FRAGMENTS),
        ddp_utilisation=1 / (1 + whole_s),
        diloco_utilisation=_SYNC_EVERY / (_SYNC_EVERY + whole_s),
        delay_without_stall=math.ceil(fragment_s),
        num_syncs=num_syncs,
        slot_steps=_SYNC_EVERY // num_syncs,
    )
