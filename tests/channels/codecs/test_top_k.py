import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels.codecs import Bf16Codec, ChainedCodec, Int8Codec, TopKCodec

VECTOR = np.array([3.0, -1.0, 0.5, -4.0, 1.0, 1.0])
WHOLE = [slice(0, 6)]


def kept(codec: TopKCodec, vector: np.ndarray = VECTOR) -> list[float]:
    return codec.decode(codec.encode(vector, [slice(0, len(vector))])).tolist()


def test_the_largest_magnitudes_stay_and_the_others_are_zero() -> None:
    assert kept(TopKCodec(num_values=2)) == [3, 0, 0, -4, 0, 0]


def test_of_equal_magnitudes_the_lower_index_stays() -> None:
    assert kept(TopKCodec(num_values=3)) == [3, -1, 0, -4, 0, 0]
    assert kept(TopKCodec(num_values=4)) == [3, -1, 0, -4, 1, 0]


@given(
    vector=st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=40).map(np.array), fraction=st.floats(0.01, 1)
)
def test_it_is_what_a_stable_sort_keeps(vector: np.ndarray, fraction: float) -> None:
    num_kept = max(round(fraction * len(vector)), 1)
    best = np.argsort(-np.abs(vector), kind="stable")[:num_kept]
    expected = np.zeros(len(vector))
    expected[best] = vector[best]
    assert kept(TopKCodec(fraction=fraction), vector) == expected.tolist()


def test_more_values_than_entries_are_all_of_them() -> None:
    assert kept(TopKCodec(num_values=99)) == VECTOR.tolist()
    assert TopKCodec(num_values=99).size_bits(6, 1) == 6 * (3 + 32)


@pytest.mark.parametrize(("size", "bits"), [(1, 0), (2, 1), (3, 2), (1024, 10), (1025, 11), (150e6, 28), (1024.5, 11)])
def test_an_index_takes_as_many_bits_as_there_are_places_or_32(size: float, bits: int) -> None:
    assert TopKCodec(num_values=1).size_bits(size, 1) == bits + 32
    assert TopKCodec(num_values=1, index="32-bit").size_bits(size, 1) == 64


def test_a_hundredth_of_a_large_model_in_eight_bits() -> None:
    codec = ChainedCodec(codecs=(TopKCodec(fraction=0.01), Int8Codec()))
    assert codec.size_bits(150e6, 1) == 1.5e6 * (28 + 8) + 32


def test_values_are_written_by_the_codec_that_is_asked_for_with_the_scales_of_their_tensors() -> None:
    vector = np.array([100.0, 0.0, 0.001, 0.0])
    codec = TopKCodec(num_values=2, values=Int8Codec())
    encoded = codec.encode(vector, [slice(0, 2), slice(2, 4)])
    np.testing.assert_allclose(codec.decode(encoded), vector, rtol=1e-6)
    assert encoded.bits == 2 * (2 + 8) + 2 * 32


def test_a_chain_is_each_codec_as_the_values_of_the_one_before() -> None:
    chain = ChainedCodec(codecs=(TopKCodec(num_values=4), TopKCodec(num_values=2), Bf16Codec()))
    nested = TopKCodec(num_values=4, values=TopKCodec(num_values=2, values=Bf16Codec()))
    encoded, expected = chain.encode(VECTOR, WHOLE), nested.encode(VECTOR, WHOLE)
    assert [run.values.tolist() for run in encoded.words] == [run.values.tolist() for run in expected.words]
    assert chain.decode(encoded).tolist() == nested.decode(expected).tolist() == [3, 0, 0, -4, 0, 0]
    assert chain.size_bits(6, 1) == nested.size_bits(6, 1) == 4 * 3 + 2 * 2 + 2 * 16


@pytest.mark.parametrize(
    ("codecs", "message"),
    [
        (({"kind": "int8"}, {"kind": "top-k", "num_values": 1}), "int8 keeps every entry, so it can only be the last"),
        (({"kind": "top-k", "num_values": 1, "values": "bf16"}, "int8"), "the next codec says how values are written"),
        ((), "at least 1"),
    ],
)
def test_a_chain_that_cannot_be_is_refused(codecs: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ChainedCodec.model_validate({"codecs": codecs})


@pytest.mark.parametrize("settings", [{}, {"num_values": 2, "fraction": 0.5}])
def test_it_needs_a_number_or_a_fraction(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="exactly one of num_values and fraction"):
        TopKCodec.model_validate(settings)
