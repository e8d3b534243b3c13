"""What a region puts on the network: a pseudo-gradient, encoded, with or without the memory of what was dropped.

Each region's contribution is encoded once; the means are taken of what the codec lets through, in full precision.
Encoding anew at every hop of a ring would compound the errors.
"""

from algorithms.cross_region.fragments import Fragment
from algorithms.worlds.exchange import Exchange
from algorithms.worlds.regions import Regions
from algorithms.worlds.replica import Replica
from channels.codecs.codec import Codec
from channels.codecs.error_feedback import encode_with_feedback
from testbed.layout import FloatArray

__all__ = ["Contributions"]


class Contributions:
    """Encodes and offers pseudo-gradients; with `error_feedback` each region adds what was dropped to its next one."""

    def __init__(self, world: Regions, codec: Codec, error_feedback: bool) -> None:
        self._world = world
        self._codec = codec
        self._error_feedback = error_feedback
        self._residuals: dict[tuple[int, int], FloatArray] = {}
        self._num_sent: dict[tuple[int, int], int] = {}

    def bits(self, fragment: Fragment) -> float:
        """Return the encoded size of a fragment as charged [bit]."""
        return self._world.price(self._codec, fragment.size, len(fragment.tensors))

    def through(self, replica: Replica, fragment: Fragment, delta: FloatArray) -> FloatArray:
        """Return what arrives of a region's `delta : (fragment.size,)`."""
        if not self._error_feedback:
            return self._codec.decode(self._codec.encode(delta, fragment.tensors))
        key = (replica.region, fragment.index)
        feedback = encode_with_feedback(self._codec, delta, fragment.tensors, self._residuals.get(key))
        self._residuals[key] = feedback.residual
        return feedback.sent

    def offer(self, replica: Replica, fragment: Fragment, delta: FloatArray) -> Exchange:
        """Offer a region's `delta : (fragment.size,)` to the next exchange of the fragment."""
        key = (replica.region, fragment.index)
        number = self._num_sent.get(key, 0)
        self._num_sent[key] = number + 1
        name = f"fragment-{fragment.index}"
        return self._world.offer(replica, (name, number), self.through(replica, fragment, delta), self.bits(fragment))
