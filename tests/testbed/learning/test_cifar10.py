import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from testbed.errors import RequestError
from testbed.learning.datasets.cifar10 import Cifar10Dataset, read_mosaic
from testbed.learning.models.paper_cnn import PaperCnn

cifar10 = pytest.mark.parametrize("data_dir", ["cifar10"], indirect=True)
NUM_LABELS = {"train": 50_000, "test": 9_827}


def mosaic_of(images: np.ndarray) -> Image.Image:
    """Return the mosaic of `images : (1000, 32, 32, 3)`, pasted tile by tile."""
    mosaic = Image.new("RGB", (40 * 32, 25 * 32))
    for place, image in enumerate(images):
        mosaic.paste(Image.fromarray(image), (place % 40 * 32, place // 40 * 32))
    return mosaic


def webp_of(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", **({"lossless": True, "method": 0} | options))
    return file.getvalue()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (1000, 32, 32, 3)).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with labels, the first mosaic of each part, and nothing more."""
    (tmp_path / "cifar10").mkdir()
    flat = np.repeat(np.arange(1000) % 200, 32 * 32 * 3).reshape(1000, 32, 32, 3).astype(np.uint8)
    for part, size in NUM_LABELS.items():
        np.save(tmp_path / f"cifar10/{part}_labels.npy", (np.arange(size) % 10).astype(np.uint8))
        (tmp_path / f"cifar10/{part}_00.webp").write_bytes(webp_of(mosaic_of(flat)))
    return tmp_path


def test_what_was_pasted_tile_by_tile_is_read_back(images: np.ndarray) -> None:
    read = read_mosaic(Path("a.webp"), webp_of(mosaic_of(images)))
    np.testing.assert_array_equal(read, images.transpose(0, 3, 1, 2))


def test_pixels_are_divided_by_255_and_only_the_files_that_are_needed_are_read_and_hashed(folder: Path) -> None:
    dataset = Cifar10Dataset(num_train=300, num_test=10).load(folder)
    assert dataset.train_inputs.shape == (300, 3, 32, 32)
    np.testing.assert_array_equal(dataset.train_inputs[:, 0, 0, 0] * 255, np.arange(300) % 200)
    assert dataset.test_labels.tolist() == list(range(10))
    assert set(dataset.sources) == {"train_00.webp", "train_labels.npy", "test_00.webp", "test_labels.npy"}
    content = (folder / "cifar10/train_00.webp").read_bytes()
    assert dataset.sources["train_00.webp"] == hashlib.sha256(content).hexdigest()


def test_a_missing_mosaic_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(RequestError, match=r"train_01\.webp: cannot be read \(No such file"):
        Cifar10Dataset(num_train=1001, num_test=10).load(folder)


@pytest.mark.parametrize("name", ["train_labels.npy", "test_labels.npy", "train_00.webp", "test_00.webp"])
@pytest.mark.parametrize("kept", [0, 3, 100, -1])
def test_a_file_cut_anywhere_is_refused_by_name(folder: Path, name: str, kept: int) -> None:
    path = folder / "cifar10" / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RequestError, match=name):
        Cifar10Dataset(num_train=7, num_test=7).load(folder)


def test_an_image_of_another_kind_or_size_is_refused(images: np.ndarray) -> None:
    png = io.BytesIO()
    mosaic_of(images).save(png, "PNG")
    with pytest.raises(RequestError, match=r"a\.webp: .* not a whole WebP image"):
        read_mosaic(Path("a.webp"), png.getvalue())
    with pytest.raises(RequestError, match=r"a\.webp: expected a mosaic of 1280x800 pixels, found 800x1280"):
        read_mosaic(Path("a.webp"), webp_of(Image.new("RGB", (800, 1280))))


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (np.zeros(50_000, np.int64), r"header .* uint8 and shape \(50000,\)"),
        (np.zeros(49_999, np.uint8), r"header .* uint8 and shape \(50000,\)"),
        (np.full(50_000, 10, np.uint8), "labels must be 0 to 9, found 10 to 10"),
    ],
)
def test_labels_of_another_type_number_or_range_are_refused(folder: Path, labels: np.ndarray, complaint: str) -> None:
    np.save(folder / "cifar10/train_labels.npy", labels)
    with pytest.raises(RequestError, match=complaint):
        Cifar10Dataset(num_train=7, num_test=7).load(folder)


def test_labels_with_something_after_them_are_refused(folder: Path) -> None:
    with (folder / "cifar10/test_labels.npy").open("ab") as file:
        file.write(b"x")
    with pytest.raises(RequestError, match=r"test_labels\.npy: expected 9827 bytes of labels, found 9828"):
        Cifar10Dataset(num_train=7, num_test=7).load(folder)


def test_without_a_folder_it_is_refused_with_the_ways_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"'cifar10' in a data folder.*--data.*AIRWAN_DATA"):
        Cifar10Dataset().load(None)
    with pytest.raises(RequestError, match=r"'cifar10' is not there.*cifar10 is not a folder"):
        Cifar10Dataset().load(tmp_path)


@pytest.mark.parametrize("table", [{"num_train": 0}, {"num_train": 50_001}, {"num_test": 9_828}])
def test_impossible_sample_numbers_are_refused(table: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="num_t"):
        Cifar10Dataset.from_table("cifar10", table)


@cifar10
def test_a_subsample_across_mosaics_is_the_first_of_a_larger_one_and_fits_the_papers_network(data_dir: Path) -> None:
    larger = Cifar10Dataset(num_train=2_100, num_test=1_100).load(data_dir)
    part = Cifar10Dataset(num_train=1_050, num_test=40).load(data_dir)
    np.testing.assert_array_equal(part.train_inputs, larger.train_inputs[:1_050])
    np.testing.assert_array_equal(part.train_labels, larger.train_labels[:1_050])
    np.testing.assert_array_equal(part.test_inputs, larger.test_inputs[:40])
    np.testing.assert_array_equal(part.test_labels, larger.test_labels[:40])
    # The official order begins with a frog, two lorries, a deer and a car.
    assert part.train_labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert part.train_inputs.min() >= 0
    assert part.train_inputs.max() <= 1
    model = PaperCnn(num_filters=(32, 64), num_hidden=512).build(part.input_shape, part.num_classes, 0)
    assert model(torch.from_numpy(part.test_inputs[:3].copy())).shape == (3, 10)
    assert sum(parameter.numel() for parameter in model.parameters()) == 878_538


@pytest.mark.slow
@cifar10
def test_the_published_counts_means_and_deviations_are_found(data_dir: Path) -> None:
    dataset = Cifar10Dataset().load(data_dir)
    assert np.bincount(dataset.train_labels).tolist() == [5000] * 10
    assert np.bincount(dataset.test_labels).tolist() == [1000, 1000, 1000, 1000, 998, 1000, 999, 997, 833, 1000]
    # A channel at a time: in double precision the whole would take gigabytes.
    planes = [dataset.train_inputs[:, channel] for channel in range(3)]
    means = np.array([plane.mean(dtype=np.float64) for plane in planes])
    squares = np.array([np.mean(plane**2, dtype=np.float64) for plane in planes])
    np.testing.assert_allclose(means, [0.49140, 0.48216, 0.44653], atol=5e-6)
    np.testing.assert_allclose(np.sqrt(squares - means**2), [0.24703, 0.24349, 0.26159], atol=5e-6)
    assert (dataset.test_inputs[-1] > 0).any()
    assert len(dataset.sources) == 62
