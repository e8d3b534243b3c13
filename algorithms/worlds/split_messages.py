"""What split learning sends, in bits: halves of a model, whole ones, and what crosses the cut.

    activations of n samples, and as much again for their gradients: the codec's size of n d entries, one tensor
    parameters: 32 bits an entry

Our choice: labels and headers are not charged.
"""

from dataclasses import dataclass

from channels.codecs.codec import Codec
from testbed.learning.split_model import SplitCost

__all__ = ["SplitMessages"]

_FLOAT32_BITS = 32.0


@dataclass(frozen=True)
class SplitMessages:
    """Sizes of messages [bit] where the model is cut after `cut` modules."""

    cut: int
    halves: SplitCost
    codec: Codec

    @property
    def bottom_bits(self) -> float:
        """The parameters of a bottom [bit]."""
        return _FLOAT32_BITS * self.halves.num_bottom

    @property
    def model_bits(self) -> float:
        """The parameters of both halves [bit]."""
        return _FLOAT32_BITS * (self.halves.num_bottom + self.halves.num_top)

    def at_cut_bits(self, num_samples: int) -> float:
        """Return the activations of a minibatch, or their gradient, as encoded [bit]."""
        return self.codec.size_bits(self.halves.num_smashed * num_samples, 1)
