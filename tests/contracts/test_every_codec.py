"""The contract of every codec: the bits that are charged are those that are needed, and no entry is moved."""

from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from packing import packed, unpacked

from channels.codecs import Codec, encode_with_feedback

MANY = settings(max_examples=40, deadline=None)
entries = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
Vector = tuple[np.ndarray, tuple[slice, ...]]


@st.composite
def vectors(draw: st.DrawFn, most: int = 40) -> Vector:
    """A vector in single precision and its tensors, some of which may be empty or all zero."""
    sizes = draw(st.lists(st.integers(0, most // 4), min_size=1, max_size=4))
    stops = np.cumsum(sizes).tolist()
    vector = np.array(draw(st.lists(entries, min_size=stops[-1], max_size=stops[-1])), dtype=np.float32)
    tensors = tuple(slice(stop - size, stop) for size, stop in zip(sizes, stops, strict=True))
    if draw(st.booleans()):
        vector[tensors[0]] = 0.0
    vector.flags.writeable = False
    return vector, tensors


@pytest.fixture(scope="module", params=examples("codec"), ids=str)
def codec(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@MANY
@given(given_vector=vectors())
def test_the_size_that_is_foretold_is_the_size_of_the_encoding(codec: Codec, given_vector: Vector) -> None:
    vector, tensors = given_vector
    assert codec.size_bits(len(vector), len(tensors)) == codec.encode(vector, tensors).bits
    assert codec.size_bits(float(len(vector)), len(tensors)) == codec.size_bits(len(vector), len(tensors))


@MANY
@given(given_vector=vectors())
def test_packed_into_bytes_it_takes_its_bits_and_is_decoded_from_them(codec: Codec, given_vector: Vector) -> None:
    vector, tensors = given_vector
    encoded = codec.encode(vector, tensors)
    data = packed(encoded)
    assert len(data) == -(-encoded.bits // 8)
    assert all((run.values.astype(np.uint64) < 2**run.width_bits).all() for run in encoded.words)
    assert codec.decode(unpacked(data, encoded)).tobytes() == codec.decode(encoded).tobytes()


@MANY
@given(given_vector=vectors())
def test_what_is_decoded_is_encoded_without_further_loss(codec: Codec, given_vector: Vector) -> None:
    vector, tensors = given_vector
    once = codec.decode(codec.encode(vector, tensors))
    assert once.dtype == np.float32
    assert once.shape == vector.shape
    np.testing.assert_array_equal(codec.decode(codec.encode(once, tensors)), once)


@MANY
@given(given_vector=vectors())
def test_every_entry_comes_back_as_zero_or_with_its_sign_and_no_larger_than_the_largest(
    codec: Codec, given_vector: Vector
) -> None:
    vector, tensors = given_vector
    decoded = codec.decode(codec.encode(vector, tensors))
    assert (decoded * vector >= 0).all()
    assert np.abs(decoded).max(initial=0.0) <= np.abs(vector).max(initial=0.0) * (1 + 2.0**-8)
    there = vector != 0  # a codec may have no word for zero but a sign
    np.testing.assert_array_equal(codec.decode(codec.encode(-vector, tensors))[there], -decoded[there])


@MANY
@given(given_vector=vectors())
def test_a_tensor_of_zeros_comes_back_as_zeros(codec: Codec, given_vector: Vector) -> None:
    vector, tensors = given_vector
    decoded = codec.decode(codec.encode(np.zeros_like(vector), tensors))
    np.testing.assert_array_equal(decoded, np.zeros_like(vector))


@MANY
@given(given_vector=vectors(), scale=st.sampled_from([0.25, 2.0, 1024.0]))
def test_scaling_by_a_power_of_two_scales_what_is_decoded(codec: Codec, given_vector: Vector, scale: float) -> None:
    vector, tensors = given_vector
    large = np.where(np.abs(vector) < 1e-20, np.float32(0), vector)  # nothing falls below the normal numbers
    decoded = codec.decode(codec.encode(large, tensors))
    np.testing.assert_array_equal(
        codec.decode(codec.encode(np.float32(scale) * large, tensors)), np.float32(scale) * decoded
    )


@MANY
@given(given_vector=vectors())
def test_the_vector_is_left_as_it_was_and_shares_no_memory_with_what_comes_of_it(
    codec: Codec, given_vector: Vector
) -> None:
    vector, tensors = given_vector
    before = vector.tobytes()
    encoded = codec.encode(vector, tensors)
    decoded = codec.decode(encoded)
    again = decoded.tobytes()
    decoded[:] = 7.0
    assert vector.tobytes() == before
    assert codec.decode(encoded).tobytes() == again
    assert not any(np.shares_memory(run.values, vector) for run in encoded.words)
    assert codec.decode(codec.encode(vector.astype(np.float64), tensors)).tobytes() == again


@MANY
@given(wanted=st.lists(vectors(), min_size=1, max_size=1), num=st.integers(1, 6), seed=st.integers(0, 99))
def test_with_error_feedback_what_was_sent_and_the_residual_add_up_to_what_was_wanted(
    codec: Codec, wanted: list[Vector], num: int, seed: int
) -> None:
    ((first, tensors),) = wanted
    rng = np.random.default_rng(seed)
    asked, sent, residual = np.zeros(len(first)), np.zeros(len(first)), None
    for _ in range(num):
        vector = first + rng.normal(size=len(first))
        feedback = encode_with_feedback(codec, vector, tensors, residual)
        asked, sent, residual = asked + vector, sent + feedback.sent, feedback.residual
        assert feedback.encoded.bits == codec.size_bits(len(first), len(tensors))
    size = np.abs(first).max(initial=1.0)
    np.testing.assert_allclose(sent + residual, asked, rtol=0, atol=1e-12 * num * size)


@pytest.mark.parametrize("num_entries", [150e6, 37.5e6 + 0.25, 1e12])
def test_a_size_that_nobody_could_train_has_a_price_that_grows_with_it(codec: Codec, num_entries: float) -> None:
    price = codec.size_bits(num_entries, 12)
    assert 0 < price < np.inf
    assert codec.size_bits(2 * num_entries, 12) >= price
    assert codec.size_bits(num_entries, 13) >= price


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_entries_that_are_not_finite_are_refused(codec: Codec, bad: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        codec.encode(np.array([1.0, bad]), [slice(0, 2)])


@pytest.mark.parametrize("tensors", [[], [slice(0, 2)], [slice(1, 3)], [slice(0, 1), slice(2, 3)], [slice(0, 4)]])
def test_tensors_that_do_not_cover_the_vector_in_order_are_refused(codec: Codec, tensors: list[slice]) -> None:
    with pytest.raises(ValueError, match=r"tensors"):
        codec.encode(np.ones(3, dtype=np.float32), tensors)
