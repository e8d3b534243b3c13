"""One direction of a link: how much it carries, how long it takes, and what sending over it costs.

    a flow alone on a link:  time = bits / (capacity (1 - loss)) + delay + jitter

A flow is a fluid: it is on all links of its route at once, and its last bit arrives the sum of their delays after it
was sent. `capacity` may vary with time (`bandwidth`); who else is on the link decides the share of it (`sharing`).

Our choices. Loss: each link repairs its own losses by sending again, so a payload gets the goodput capacity (1 -
loss) and costs the energy of bits / (1 - loss); what a window makes of losses end to end is `window_cap_bit_per_s`.
Jitter: an extra delay uniform in [0, jitter], drawn for each flow and link of its route. Energy: `energy_j_per_gbyte`
for each gigabyte (8e9 bit) put on the link.

References
----------
Mathis, Semke, Mahdavi and Ott, The macroscopic behavior of the TCP congestion avoidance algorithm, ACM CCR 27(3), 1997.
"""

import math
from typing import Annotated, Final, Literal

from pydantic import Field

from channels.wan.bandwidth import Bandwidth, ConstantBandwidth
from testbed.settings import BitPerSecond, Seconds, Settings, component

__all__ = ["BITS_PER_GBYTE", "LinkSettings", "Loss", "NonNegative", "window_cap_bit_per_s"]

BITS_PER_GBYTE: Final = 8e9
_SEGMENT_BITS: Final = 8 * 1460.0  # what a full Ethernet frame carries of a TCP stream

Loss = Annotated[float, Field(ge=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0)]


class LinkSettings(Settings):
    """One direction of a link."""

    capacity_bit_per_s: BitPerSecond  # what it carries, headers left aside
    delay_s: Seconds  # propagation, one way
    jitter_s: Seconds = 0.0  # the most of a random extra delay of each flow
    loss: Loss = 0.0  # share of what is sent that must be sent again
    sharing: Literal["fair", "fifo"] = "fair"  # flows at once, max-min fair; or one at a time, in order of arrival
    energy_j_per_gbyte: NonNegative = 0.0  # spent for each 8e9 bit put on it
    bandwidth: Annotated[Bandwidth, component("bandwidth")] = ConstantBandwidth()  # how its capacity varies

    @property
    def goodput_fraction(self) -> float:
        """The share of its capacity that carries payload: 1 - loss."""
        return 1.0 - self.loss


def window_cap_bit_per_s(window_bytes: float, round_trip_s: float, loss: float, num_connections: int = 1) -> float:
    """Return the most that a flow with a window sends at: that window a round trip, less where losses shrink it.

        num_connections * min( 8 W / RTT,  S / RTT * sqrt(3 / (2 p)) )

    W is the window [byte], S a segment of 1460 bytes, p the loss of the whole route (Mathis et al. 1997). Our choice:
    the second term, of TCP Reno, holds beside the repair of losses on each link. Without a round trip there is no
    cap.

    >>> window_cap_bit_per_s(1e6, 0.1, 0.0)
    80000000.0
    """
    if round_trip_s <= 0:
        return math.inf
    in_flight_bits = 8.0 * window_bytes
    if loss > 0:
        in_flight_bits = min(in_flight_bits, _SEGMENT_BITS * math.sqrt(1.5 / loss))
    return num_connections * in_flight_bits / round_trip_s
