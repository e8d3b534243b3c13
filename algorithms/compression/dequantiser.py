"""What a server makes of models of few bits, each trained from the server's own model in as many bits.

With w the server's model, q_i what client i was sent of it, v_i what came back, tensor by tensor:

    d_i,k = w_k             where v_i,k is the level that q_i,k was: nothing finer is known
          = a v_i,k + b     elsewhere;  a, b of least squares from q_i to w
    entry k of client i counts if |d_i,k - h_k| <= step_i + max |h - w| ,    h the mean of the most precise d_i

with step_i the distance of two levels: what quantisation may be off by, on top of the furthest that training moved an
entry. A buildable simplification of ProWD (Yoon et al., arXiv 2202.11453), whose dequantiser is trained. Our choice:
the map is fitted to w, which differs from q_i by its bits alone. Fitted to h it is less than one wherever clients learn
different things, and an entry whose level stood for zero would become zero in every round: models shrink until nothing
is learnt. A gate of one step would leave out nearly all that 16 bits can say.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from testbed.layout import FloatArray

__all__ = ["dequantise", "gated_mean"]


def dequantise(
    received: FloatArray, sent: FloatArray, own: FloatArray, num_bits: int
) -> tuple[npt.NDArray[np.float64], float]:
    """Return d and the step of one tensor that came back as `received`, after `own` had been sent as `sent`.

    >>> own, sent = np.array([0.1, -1.0, 1.0]), np.array([0.0, -1.0, 1.0])
    >>> dequantise(np.array([0.0, 0.0, 1.0]), sent, own, 2)[0].round(3).tolist()
    [0.1, 0.033, 1.0]
    """
    step = float(np.abs(received).max(initial=0.0)) / (2 ** (num_bits - 1) - 1)
    centred = sent - sent.mean(dtype=np.float64)
    spread = float(centred @ centred)
    slope = float(centred @ own) / spread if spread > 0 else 1.0
    mapped = slope * (received - sent.mean(dtype=np.float64)) + own.mean(dtype=np.float64)
    return np.where(np.abs(received - sent) <= step / 2, own, mapped), step


def gated_mean(
    models: Sequence[FloatArray],
    sent: Sequence[FloatArray],
    own: FloatArray,
    num_bits: Sequence[int],
    tensors: Sequence[slice],
) -> npt.NDArray[np.float64]:
    """Return the mean of models of unequal precision, `(num_entries,)`, entry by entry over those that count.

    Parameters
    ----------
    models, sent : at least one of each, (num_entries,): what came back from a client, and what it had been sent.
    own : (num_entries,) the server's model, of which `sent` were made.
    num_bits : of an entry of each; those with the most make the mean h and always count.
    tensors : which entries are which tensor, in order; together all of them, none empty.
    """
    most = np.array(num_bits) == max(num_bits)
    received, starts = np.asarray(models, dtype=np.float64), np.asarray(sent, dtype=np.float64)
    mean = np.empty_like(own, dtype=np.float64)
    for tensor in tensors:
        reference = own[tensor].astype(np.float64)
        mapped = [
            dequantise(model[tensor], start[tensor], reference, bits)
            for model, start, bits in zip(received, starts, num_bits, strict=True)
        ]
        values, steps = np.array([value for value, _ in mapped]), np.array([step for _, step in mapped])
        high = values[most].mean(axis=0)
        reach = steps[:, None] + np.abs(high - reference).max()
        counts = most[:, None] | (np.abs(values - high) <= reach)
        mean[tensor] = np.where(counts, values, 0.0).sum(axis=0) / counts.sum(axis=0)
    return mean
