import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from channels.codecs import Bf16Codec, Fp32Codec, Int8Codec

bits = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=50)


def finite(patterns: list[int]) -> np.ndarray:
    vector = np.array(patterns, dtype=np.uint32).view(np.float32)
    return vector[np.isfinite(vector)]


def whole(vector: np.ndarray) -> list[slice]:
    return [slice(0, len(vector))]


@given(patterns=bits)
def test_single_precision_comes_back_bit_by_bit(patterns: list[int]) -> None:
    vector = finite(patterns)
    assert Fp32Codec().decode(Fp32Codec().encode(vector, whole(vector))).tobytes() == vector.tobytes()


@given(patterns=bits)
def test_bfloat16_rounds_as_pytorch_does_for_every_bit_pattern(patterns: list[int]) -> None:
    vector = finite(patterns)
    decoded = Bf16Codec().decode(Bf16Codec().encode(vector, whole(vector)))
    rounded = torch.from_numpy(vector.copy()).to(torch.bfloat16).to(torch.float32).numpy()
    assert decoded.tobytes() == rounded.tobytes()


def test_bfloat16_rounds_a_tie_to_the_even_mantissa() -> None:
    ties = np.array([1 + 2**-8, 1 + 3 * 2**-8])
    assert Bf16Codec().decode(Bf16Codec().encode(ties, whole(ties))).tolist() == [1.0, 1 + 2**-6]


@given(vector=st.lists(st.floats(-1e6, 1e6, width=32, allow_subnormal=False), min_size=1, max_size=40).map(np.array))
def test_eight_bits_are_wrong_by_a_254th_of_the_largest_at_most(vector: np.ndarray) -> None:
    decoded = Int8Codec().decode(Int8Codec().encode(vector, whole(vector)))
    assert np.abs(decoded - vector).max() <= np.abs(vector).max() / 254 * (1 + 1e-5)


def test_eight_bits_are_whole_numbers_of_the_scale_rounded_to_nearest_ties_to_even() -> None:
    vector = np.array([127.0, -127.0, 2.5, 3.5, -0.5, 0.6, -1.4])
    encoded = Int8Codec().encode(vector, whole(vector))
    assert encoded.words[1].values.view(np.int8).tolist() == [127, -127, 2, 4, 0, 1, -1]
    assert Int8Codec().decode(encoded).tolist() == [127, -127, 2, 4, 0, 1, -1]


def test_the_price_of_an_entry_is_its_width() -> None:
    assert [codec.size_bits(1000, 3) for codec in (Fp32Codec(), Bf16Codec(), Int8Codec())] == [32000, 16000, 8096]
