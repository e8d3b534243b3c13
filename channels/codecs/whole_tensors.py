"""Some tensors of a vector whole and the others not at all: what random dropout of parameter tensors sends.

    size = 32 (entries of the kept tensors) + S

A bit a tensor says which are there; the others arrive as zeros. It is made for one list of tensors, so it is no codec
that a scenario could name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channels.codecs.codec import Encoded, Words, as_float32
from testbed.layout import FloatArray

__all__ = ["WholeTensors"]

_VALUE_BITS = 32


@dataclass(frozen=True)
class WholeTensors:
    """The codec of a vector whose tensors are `tensors`, of which those with a true `kept` are sent."""

    tensors: tuple[slice, ...]
    kept: tuple[bool, ...]

    def encode(self, vector: FloatArray, tensors: Sequence[slice]) -> Encoded:
        """Return the encoding; see `Codec.encode`.

        Raises
        ------
        ValueError : other tensors than those it was made for.
        """
        single, checked = as_float32(vector, tensors)
        if checked != self.tensors:
            raise ValueError(f"this codec was made for the tensors {list(self.tensors)}, got {list(checked)}")
        values = single[self._mask].view(np.uint32)
        return Encoded((Words(np.array(self.kept, dtype=np.uint8), 1), Words(values, _VALUE_BITS)), checked)

    def decode(self, encoded: Encoded) -> npt.NDArray[np.float32]:
        """Return the vector, zero where a tensor was left out; see `Codec.decode`."""
        vector = np.zeros(encoded.num_entries, dtype=np.float32)
        vector[self._mask] = encoded.words[1].values.view(np.float32)
        return vector

    def size_bits(self, num_entries: float, num_tensors: int) -> float:
        """Return the size [bit] for the tensors it was made for."""
        return float(_VALUE_BITS * int(self._mask.sum()) + num_tensors)

    @property
    def _mask(self) -> npt.NDArray[np.bool_]:
        return np.repeat(self.kept, [tensor.stop - tensor.start for tensor in self.tensors])
