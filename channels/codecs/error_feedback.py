"""Error feedback: what a codec left out of one vector is added to the next, so that nothing is lost for good.

    y = x + e,        sent = decode(encode(y)),        e <- y - sent

so over any number of vectors   sum sent + e = sum x.   Seide et al., "1-bit stochastic gradient descent", Interspeech
2014; Karimireddy et al., "Error Feedback Fixes SignSGD", ICML 2019. The residual e is a state that the sender declares
and keeps; it starts at zero. Our choice: it is kept in double precision, so that the law holds to rounding.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from channels.codecs.codec import Codec, Encoded
from testbed.layout import FloatArray

__all__ = ["Feedback", "encode_with_feedback"]


class Feedback(NamedTuple):
    """What encoding with error feedback gives.

    Attributes
    ----------
    encoded : what crosses the link.
    sent : (num_entries,) float32, what the receiver makes of it.
    residual : (num_entries,) float64, what to add to the next vector.
    """

    encoded: Encoded
    sent: npt.NDArray[np.float32]
    residual: FloatArray


def encode_with_feedback(
    codec: Codec, wanted: FloatArray, tensors: Sequence[slice], residual: FloatArray | None
) -> Feedback:
    """Return the encoding of `wanted : (num_entries,)` and what was left out before.

    Parameters
    ----------
    residual : (num_entries,) of the vector before; none for the first.

    Raises
    ------
    ValueError : see `Codec.encode`, or a residual of another shape.
    """
    if residual is not None and np.shape(residual) != np.shape(wanted):
        raise ValueError(f"the residual has shape {np.shape(residual)}, the vector {np.shape(wanted)}")
    target = np.asarray(wanted, dtype=np.float64) + (0.0 if residual is None else residual)
    encoded = codec.encode(target, tensors)
    sent = codec.decode(encoded)
    return Feedback(encoded, sent, target - sent)
