import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from testbed.errors import RequestError
from testbed.learning.datasets import Dataset
from testbed.learning.datasets.digits import DigitsDataset
from testbed.learning.datasets.idx import FashionMnistDataset, MnistDataset, read_idx


def small(**changes: object) -> Dataset:
    fields: dict[str, object] = {
        "name": "small",
        "train_inputs": np.zeros((4, 2), np.float32),
        "train_labels": np.array([0, 1, 0, 1]),
        "test_inputs": np.zeros((2, 2), np.float32),
        "test_labels": np.array([1, 0]),
        "num_classes": 2,
        "sources": {},
    }
    return Dataset(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"train_inputs": np.zeros((4, 2))}, "train inputs must be float32"),
        ({"test_labels": np.zeros(2, np.int32)}, "labels int64"),
        ({"train_labels": np.array([0, 1, 0])}, "train inputs need one label each"),
        ({"test_inputs": np.zeros((0, 2), np.float32), "test_labels": np.zeros(0, np.int64)}, "at least one"),
        ({"test_inputs": np.zeros((2, 3), np.float32)}, r"\(2,\) and \(3,\)"),
        ({"num_classes": 1}, "must be 0 to 0, found 0 to 1"),
        ({"train_labels": np.array([0, -1, 0, 1])}, "found -1 to 1"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changes, complaint):
    with pytest.raises(RequestError, match=f"data set 'small'.*{complaint}"):
        small(**changes)


def text(**changes: object) -> Dataset:
    tokens = np.arange(12).reshape(4, 3) % 5
    fields = {"train_inputs": tokens, "train_labels": tokens, "test_inputs": tokens, "test_labels": tokens}
    return small(**({**fields, "num_classes": 5} | changes))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"train_inputs": np.zeros((4, 3), np.float32)}, "train tokens need one label each, both int64"),
        ({"test_labels": np.zeros((4, 2), np.int64)}, "test tokens need one label each"),
        ({"test_labels": np.zeros((0, 3), np.int64), "test_inputs": np.zeros((0, 3), np.int64)}, "at least one"),
        ({"train_inputs": np.full((4, 3), 5)}, "train tokens must be 0 to 4, found 5 to 5"),
        ({"train_labels": np.full((4, 3), -1)}, "train labels must be 0 to 4, found -1 to -1"),
        ({"test_inputs": np.zeros((4, 3), np.float32), "test_labels": np.zeros(4, np.int64)}, "one a sample, or one"),
        ({"train_labels": np.zeros((4, 3, 2), np.int64)}, "float32"),
    ],
)
def test_windows_of_tokens_that_do_not_fit_together_are_refused(changes: dict[str, object], complaint: str) -> None:
    assert text().is_language and not small().is_language
    with pytest.raises(RequestError, match=f"data set 'small'.*{complaint}"):
        text(**changes)


def test_a_data_set_cannot_be_written_and_the_callers_array_still_can():
    inputs = np.zeros((4, 2), np.float32)
    dataset = small(train_inputs=inputs)
    with pytest.raises(ValueError, match="read-only"):
        dataset.train_inputs[0] = 1
    inputs[0] = 1


@pytest.mark.parametrize(
    "changes",
    [
        {"train_inputs": np.full((4, 2), 1e-3, np.float32)},
        {"train_labels": np.array([0, 1, 1, 1])},
        {"test_inputs": np.full((2, 2), 1e-3, np.float32)},
        {"test_labels": np.array([1, 1])},
        {"num_classes": 3},
        {"train_inputs": np.zeros((4, 1, 2), np.float32), "test_inputs": np.zeros((2, 1, 2), np.float32)},
    ],
)
def test_other_samples_have_another_digest(changes):
    assert small(**changes).digest() != small().digest()


def test_the_digest_is_that_of_the_samples_and_not_of_their_name_or_memory_order():
    inputs = np.arange(8, dtype=np.float32).reshape(4, 2)
    dataset = small(train_inputs=inputs)
    assert small(train_inputs=np.asfortranarray(inputs), name="other", sources={"a": "b"}).digest() == dataset.digest()


def test_digits_are_split_into_1437_and_360_without_loss():
    dataset = DigitsDataset().load(None)
    assert dataset.train_inputs.shape == (1437, 1, 8, 8)
    assert dataset.test_inputs.shape == (360, 1, 8, 8)
    assert dataset.input_shape == (1, 8, 8)

    def rows(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
        table = np.column_stack([pixels.reshape(len(labels), -1), labels])
        return table[np.lexsort(table.T)]

    together = rows(
        np.concatenate([dataset.train_inputs, dataset.test_inputs]) * 16,
        np.concatenate([dataset.train_labels, dataset.test_labels]),
    )
    assert np.array_equal(together, rows(*load_digits(return_X_y=True)))


def test_digits_fill_the_unit_interval():
    inputs = DigitsDataset().load(None).train_inputs
    assert (inputs.min(), inputs.max()) == (0.0, 1.0)


def test_the_digits_split_does_not_change():
    # A change detector: published results name this split.
    dataset = DigitsDataset().load(None)
    assert dataset.test_labels[:8].tolist() == [7, 9, 3, 7, 1, 2, 6, 8]
    assert list(dataset.sources) == ["digits.csv.gz"]


def test_a_data_set_is_made_once_per_process():
    assert DigitsDataset().load(None) is DigitsDataset().load(Path("elsewhere"))


def write_idx(path: Path, values: np.ndarray, **changes: object) -> Path:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, changes.get("type", 8), values.ndim, *values.shape)
    body = values.astype(np.uint8).tobytes()[: changes.get("num_bytes")]  # type: ignore[misc]
    path.write_bytes(gzip.compress(header + body))
    return path


@settings(max_examples=15, deadline=None)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_what_was_written_as_idx_is_read_back(tmp_path_factory, shape, seed):
    values = np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)
    path = write_idx(tmp_path_factory.mktemp("idx") / "values.gz", values)
    read, digest = read_idx(path, tuple(shape))
    assert np.array_equal(read, values)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


VALUES = np.arange(24).reshape(2, 3, 4)


def test_an_idx_file_of_another_type_is_refused(tmp_path):
    path = write_idx(tmp_path / "a.gz", VALUES, type=13)
    with pytest.raises(RequestError, match=r"a\.gz: expected the IDX header 00 00 08 03.*found 00 00 0d 03"):
        read_idx(path, VALUES.shape)


def test_an_idx_file_of_another_shape_is_refused(tmp_path):
    path = write_idx(tmp_path / "a.gz", VALUES)
    with pytest.raises(RequestError, match=r"a\.gz: expected the shape \(2, 3, 5\), found \(2, 3, 4\)"):
        read_idx(path, (2, 3, 5))


def test_an_idx_file_with_too_few_values_is_refused(tmp_path):
    path = write_idx(tmp_path / "a.gz", VALUES, num_bytes=23)
    with pytest.raises(RequestError, match=r"a\.gz: expected 24 bytes of values, found 23"):
        read_idx(path, VALUES.shape)


def test_an_empty_idx_file_is_refused(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(RequestError, match=r"a\.gz.*an empty file"):
        read_idx(tmp_path / "a.gz", VALUES.shape)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_file_cut_anywhere_is_refused_by_name(tmp_path_factory, data):
    path = write_idx(tmp_path_factory.mktemp("idx") / "a.gz", VALUES)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(RequestError, match=r"a\.gz"):
        read_idx(path, VALUES.shape)


@settings(max_examples=30, deadline=None)
@given(position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_flipped_byte_never_changes_the_values_unnoticed(tmp_path_factory, position, flip):
    # From byte 10 on, after the gzip header. A few bits after the last compressed one mean nothing; any other
    # flip must be refused.
    path = write_idx(tmp_path_factory.mktemp("idx") / "a.gz", VALUES)
    content = bytearray(path.read_bytes())
    content[10 + position % (len(content) - 10)] ^= flip
    path.write_bytes(content)
    try:
        values, _ = read_idx(path, VALUES.shape)
    except RequestError as refusal:
        assert "a.gz" in str(refusal)
    else:
        assert np.array_equal(values, VALUES)


def test_a_missing_file_is_refused_by_name(tmp_path):
    (tmp_path / "mnist").mkdir()
    with pytest.raises(RequestError, match=r"train-images-idx3-ubyte\.gz: cannot be read \(No such file"):
        MnistDataset().load(tmp_path)


def test_a_missing_folder_is_refused_by_name(tmp_path):
    with pytest.raises(RequestError, match=r"'fashion-mnist' is not there.*fashion_mnist is not a folder"):
        FashionMnistDataset().load(tmp_path)


def test_no_data_folder_is_refused_with_the_ways_to_name_one():
    with pytest.raises(RequestError, match=r"'mnist' in a data folder.*--data.*AIRWAN_DATA"):
        MnistDataset().load(None)


@pytest.mark.parametrize("table", [{"num_train": 0}, {"num_train": 60_001}, {"num_test": 10_001}])
def test_impossible_sample_numbers_are_refused(table):
    with pytest.raises(ValueError, match="num_t"):
        MnistDataset.from_table("mnist", table)


@pytest.mark.parametrize(
    ("part", "data_dir", "pixel_mean", "class_sizes", "digest"),
    [
        (
            MnistDataset(),
            "mnist",
            33.318,
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            "71524e2cd1ad2968737f7f2f2ff69cbfc32df8ccddff51593f7cb2d4e0eb5b64",
        ),
        (
            FashionMnistDataset(),
            "fashion_mnist",
            72.940,
            [6000] * 10,
            "a26751d72d89606ffbfdd4dd5d16911f01e93a7ff4783c95da7307a073d79fa7",
        ),
    ],
    indirect=["data_dir"],
    ids=["mnist", "fashion-mnist"],
)
def test_the_published_counts_and_pixel_mean_are_found(part, data_dir, pixel_mean, class_sizes, digest):
    dataset = part.load(data_dir)
    assert dataset.train_inputs.shape == (60_000, 1, 28, 28)
    assert dataset.test_inputs.shape == (10_000, 1, 28, 28)
    assert np.bincount(dataset.train_labels).tolist() == class_sizes
    assert 255 * dataset.train_inputs.mean(dtype=np.float64) == pytest.approx(pixel_mean, abs=5e-4)
    assert (dataset.train_inputs.min(), dataset.train_inputs.max()) == (0.0, 1.0)
    assert len(dataset.sources) == 4
    assert dataset.sources["train-images-idx3-ubyte.gz"] == digest


@pytest.mark.parametrize("data_dir", ["mnist"], indirect=True)
def test_a_subsample_is_the_first_of_the_whole_in_order(data_dir):
    whole = MnistDataset().load(data_dir)
    part = MnistDataset(num_train=300, num_test=50).load(data_dir)
    assert np.array_equal(part.train_inputs, whole.train_inputs[:300])
    assert np.array_equal(part.train_labels, whole.train_labels[:300])
    assert np.array_equal(part.test_inputs, whole.test_inputs[:50])
    assert np.array_equal(part.test_labels, whole.test_labels[:50])
