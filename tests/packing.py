"""Words written one after another into bytes, and read back: that the bits of an encoding can be reached."""

import numpy as np

from channels.codecs import Encoded, Words

__all__ = ["packed", "unpacked"]


def packed(encoded: Encoded) -> bytes:
    """Return the words of an encoding without a gap, the first bit of a word first; the last byte is filled up."""
    bits = [np.zeros(0, dtype=np.uint8)]
    for values, width in encoded.words:
        places = np.arange(width - 1, -1, -1)
        bits.append(((values.astype(np.uint64)[:, None] >> places.astype(np.uint64)) & 1).astype(np.uint8).ravel())
    return np.packbits(np.concatenate(bits)).tobytes()


def unpacked(data: bytes, form: Encoded) -> Encoded:
    """Return what `packed` wrote; of `form` only lengths, widths and types are read."""
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8)).astype(np.uint64)
    words, start = [], 0
    for values, width in form.words:
        stop = start + len(values) * width
        weights = np.uint64(1) << np.arange(width - 1, -1, -1, dtype=np.uint64)
        read = (bits[start:stop].reshape(len(values), width) * weights).sum(axis=1, dtype=np.uint64)
        words.append(Words(read.astype(values.dtype), width))
        start = stop
    return Encoded(tuple(words), form.tensors)
