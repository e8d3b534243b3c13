import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.codecs import E3m0Codec

normal = st.floats(-1e6, 1e6, width=32).filter(lambda x: x == 0 or abs(x) > 1e-20)


def coded(vector: np.ndarray, *sizes: int, codec: E3m0Codec | None = None) -> np.ndarray:
    stops = np.cumsum(sizes or [len(vector)]).tolist()
    tensors = [slice(start, stop) for start, stop in zip([0, *stops[:-1]], stops, strict=True)]
    codec = codec or E3m0Codec()
    return codec.decode(codec.encode(vector, tensors))


def test_the_worked_example() -> None:
    vector = np.array([-0.004, 0.12, -0.0305, 0.0009, 0.064, -0.0155, 0.25, -0.2])
    expected = [-0.00390625, 0.125, -0.03125, 0, 0.0625, -0.015625, 0.25, -0.25]
    assert coded(vector).tolist() == expected


def test_an_entry_halfway_between_two_levels_becomes_the_lower_one() -> None:
    halfway = np.array([0.125, 0.375, 0.75, 1.5, 3, 6, 12, 16])
    lower = [0, 0.25, 0.5, 1, 2, 4, 8, 16]
    assert coded(halfway).tolist() == lower
    assert coded(-halfway).tolist() == [-level for level in lower]
    above = np.nextafter(halfway[:-1].astype(np.float32), np.float32(99))
    assert coded(np.append(above, 16)).tolist() == [*lower[1:], 16]


@given(vector=st.lists(normal, min_size=1, max_size=30).map(lambda x: np.array(x, dtype=np.float32)))
def test_the_error_is_a_third_at_most_from_a_64th_of_the_largest_and_small_entries_become_zero(
    vector: np.ndarray,
) -> None:
    decoded, largest = coded(vector), np.abs(vector).max()
    upper = np.abs(vector) >= largest / 64
    assert (np.abs(decoded - vector)[upper] <= np.abs(vector)[upper] * (1 / 3 + 1e-6)).all()
    assert (decoded[np.abs(vector) <= largest / 128] == 0).all()


def test_each_tensor_has_its_own_scale_unless_one_is_asked_for() -> None:
    vector = np.array([16.0, 1.0, 0.016, 0.001])
    assert coded(vector, 2, 2).tolist() == pytest.approx([16, 1, 0.016, 0.001])
    assert coded(vector, 2, 2, codec=E3m0Codec(scale_per="vector")).tolist() == [16, 1, 0, 0]


def test_its_price_is_an_eighth_of_single_precision_and_the_scales() -> None:
    assert E3m0Codec().size_bits(150e6, 1) == 150e6 * 32 / 8 + 32
    assert E3m0Codec().size_bits(150e6, 148) == 150e6 * 32 / 8 + 148 * 32
    assert E3m0Codec(scale_per="vector").size_bits(150e6, 148) == 150e6 * 32 / 8 + 32


def test_a_tensor_of_zeros_stays_zero_beside_one_that_is_not() -> None:
    assert coded(np.array([0.0, 0.0, 3.0]), 2, 1).tolist() == [0, 0, 3]
