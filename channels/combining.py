"""Receive combining: many antennas become the one that everything else is written for. Pure maths.

With h_i in C^N the channel of sender i and u in C^N, ||u|| = 1, the receiver takes u^H y, so that

    h~_i = u^H h_i          E|u^H z|^2 = N0 :

the noise is as before, whatever the number of antennas. One u serves all who send at once:

    mrc       u proportional to s = sum_i h_i               matched to the sum channel
    egc       u_a = s_a / (|s_a| sqrt(N))                   its phases only
    aligned   u proportional to sum_i h_i / ||h_i||         every sender's direction counts alike

For one sender mrc and aligned give ||h||^2, textbook maximum-ratio combining, N times the gain of one antenna on
average; egc gives (sum_a |h_a|)^2 / N. The gain of a group is shared: about N over the number of senders each. Our
choice: the rules for groups (the textbook has one sender); the receiver knows the channels.

References
----------
Goldsmith, Wireless Communications, 2005, sections 7.2.4 and 7.2.5 (one sender).
"""

from typing import Literal, TypeAlias

import numpy as np

from channels.fading import ComplexArray

__all__ = ["Combining", "combine"]

Combining: TypeAlias = Literal["mrc", "egc", "aligned"]


def combine(channels: ComplexArray, rule: Combining, group: ComplexArray | None = None) -> ComplexArray:
    """Return the combined channels h~_i = u^H h_i, (num_senders,) complex.

    Parameters
    ----------
    channels : (num_antennas, num_senders) complex, h_i in column i.
    rule : how u is made.
    group : (num_antennas, num_members) complex, the channels it is made of; by default `channels`.

    >>> abs(combine(np.array([[3.0 + 0j], [4.0j]]), "mrc"))
    array([5.])
    """
    unit = _combiner(channels if group is None else group, rule)
    # Sums in order, so that no linear-algebra library has a say in the bits.
    combined: ComplexArray = np.sum(unit.conj()[:, np.newaxis] * channels, axis=0)
    return combined


def _combiner(channels: ComplexArray, rule: Combining) -> ComplexArray:
    if rule == "aligned":
        channels = channels / np.sqrt(np.sum(np.abs(channels) ** 2, axis=0))
    total: ComplexArray = channels.sum(axis=1)
    if rule == "egc":
        unit: ComplexArray = np.exp(1j * np.angle(total)) / np.sqrt(len(total))
        return unit
    unit = total / np.sqrt(np.sum(np.abs(total) ** 2))
    return unit
