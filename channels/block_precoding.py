"""A superposition that outlasts its coherence block: which entries meet which block, and with what gains. Pure maths.

Entry e of a vector is sent in symbol floor(e / R), which starts floor(e / R) R / B after the transmission; it meets
the block in which its symbol starts (our choice: a symbol is not cut). In block b sender i has the gain g_i(b) and
arrives with amplitude g_i(b) times what one unit of gain arrives as.

A device that inverts anew in every block wants to arrive as planned, g_i(b) = g_i |h_i| / |h_i(b)|, with h_i the
channel it planned for. The budget is that of the whole transmission, sum_b g_i(b)^2 ||x_i(b)||^2 <= E_i. Our choice:
in no block a gain is larger than the one that, kept to the end of the vector, spends what is left,

    g_i(b)^2 <= (E_i - spent before b) / ||x_i(b), x_i(b + 1), ..||^2 ,

so what a good block saved may be spent in a bad one, no later block is starved, and a channel that stays as it was
changes nothing. Where that bound holds a gain back, the device is *clipped* in that block.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from channels.block_fading import coherence_block
from testbed.layout import FloatArray

__all__ = ["BUDGET_TOLERANCE", "Section", "Sections", "inverted_gains", "section_energies", "sections_of"]

# Rounding a plan's gains may overspend a budget by this fraction; anything more is a wrong plan.
BUDGET_TOLERANCE: Final = 1e-9


class Section(NamedTuple):
    """The entries `start` to `stop` (excluded) of a vector, which are sent in one coherence block."""

    block: int
    start: int
    stop: int


Sections = list[Section]


def sections_of(
    start_s: float, num_entries: int, bandwidth_hz: float, num_subchannels: int, coherence_time_s: float
) -> Sections:
    """Return the sections of a vector whose transmission starts at `start_s`, in order, none empty.

    Symbols last R / B seconds and carry R entries each, R the sub-channels.

    >>> sections_of(0.0, 10, bandwidth_hz=2.0, num_subchannels=2, coherence_time_s=3.0)
    [Section(block=0, start=0, stop=6), Section(block=1, start=6, stop=10)]
    """
    symbol_s = num_subchannels / bandwidth_hz
    sections: Sections = []
    symbol = 0
    while symbol * num_subchannels < num_entries:
        block = coherence_block(start_s + symbol * symbol_s, coherence_time_s)
        after = symbol + 1
        guess = math.ceil(((block + 1) * coherence_time_s - start_s) / symbol_s)
        if guess > after:
            after = guess
            # The quotient is rounded; the comparison decides, as it does for whoever looks at the clock.
            while after > symbol + 1 and coherence_block(start_s + (after - 1) * symbol_s, coherence_time_s) > block:
                after -= 1
        while coherence_block(start_s + after * symbol_s, coherence_time_s) == block:
            after += 1
        sections.append(Section(block, symbol * num_subchannels, min(after * num_subchannels, num_entries)))
        symbol = after
    return sections


def section_energies(signals: FloatArray, sections: Sections) -> npt.NDArray[np.float64]:
    """Return ||x_i(b)||^2, what each section costs at unit gain, (num_senders, num_sections)."""
    wide = np.asarray(signals, dtype=np.float64)
    return np.stack([np.sum(wide[:, start:stop] ** 2, axis=1) for _, start, stop in sections], axis=1)


def inverted_gains(
    wanted: FloatArray, unit_energies: FloatArray, budget_j: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the gains that a budget allows, and where it held one back; both (num_senders, num_sections).

    Parameters
    ----------
    wanted : (num_senders, num_sections), the gains that would arrive as planned.
    unit_energies : (num_senders, num_sections), ||x_i(b)||^2.
    budget_j : E, for the whole transmission [J].

    >>> gains, clipped = inverted_gains(np.array([[1.0, 3.0]]), np.array([[1.0, 1.0]]), budget_j=5.0)
    >>> gains, clipped
    (array([[1., 2.]]), array([[False,  True]]))
    """
    gains = np.array(wanted, dtype=np.float64)
    clipped = np.zeros(gains.shape, dtype=np.bool_)
    rests = np.cumsum(unit_energies[:, ::-1], axis=1)[:, ::-1]
    left_j = np.full(len(gains), budget_j)
    for at in range(gains.shape[1]):
        # The tolerance keeps rounding from clipping a plan that spends exactly its budget.
        held = gains[:, at] ** 2 * rests[:, at] > left_j + BUDGET_TOLERANCE * budget_j
        gains[held, at] = np.sqrt(np.maximum(left_j[held], 0.0) / rests[held, at])
        clipped[:, at] = held
        left_j -= gains[:, at] ** 2 * unit_energies[:, at]
    return gains, clipped
