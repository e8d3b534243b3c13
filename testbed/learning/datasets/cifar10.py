"""CIFAR-10 from lossless WebP mosaics.

The folder `cifar10` of the data folder holds `train_00.webp` ... `train_49.webp` and `test_00.webp` ...
`test_09.webp`, each a mosaic of 1,000 RGB images: 25 rows by 40 columns of 32x32 tiles, row by row, and the labels as
unsigned bytes in `train_labels.npy` and `test_labels.npy`. The training images stand in the official order. The test
set is 9,827 of the official 10,000 (833 of 1,000 ships; state it where a test accuracy is reported); its last mosaic
ends in empty tiles. CIFAR-10: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

import hashlib
import io
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field

from testbed.errors import RequestError
from testbed.learning.datasets.dataset import Dataset
from testbed.settings import Part

__all__ = ["Cifar10Dataset", "read_mosaic"]

_NUM_TRAIN: Final = 50_000
_NUM_TEST: Final = 9_827
_FOLDER: Final = "cifar10"
_ROWS: Final = 25
_COLUMNS: Final = 40
_SIDE: Final = 32
_PER_MOSAIC: Final = _ROWS * _COLUMNS


class Cifar10Dataset(Part):
    """CIFAR-10, (3, 32, 32), pixels / 255 (no mean is taken off): small colour photographs of 10 classes.

    `num_train` and `num_test` keep the first so many; only the mosaics that hold them are read.
    """

    kind: str = "cifar10"
    num_train: Annotated[int, Field(ge=1, le=_NUM_TRAIN)] = _NUM_TRAIN  # training samples kept, the first so many
    num_test: Annotated[int, Field(ge=1, le=_NUM_TEST)] = _NUM_TEST  # test samples kept, the first so many

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the data set, read once per process.

        Raises
        ------
        RequestError : no data folder given, or a file missing or damaged; the message names it.
        """
        if data_dir is None:
            raise RequestError(
                f"the data set 'cifar10' is read from {_FOLDER!r} in a data folder, and none is given: name one with "
                "--data, run.data_dir or the variable AIRWAN_DATA"
            )
        folder = Path(data_dir, _FOLDER).resolve()
        if not folder.is_dir():
            raise RequestError(f"the data set 'cifar10' is not there: {folder} is not a folder")
        return _load(folder, self.num_train, self.num_test)


@lru_cache(maxsize=2)
def _load(folder: Path, num_train: int, num_test: int) -> Dataset:
    sources: dict[str, str] = {}

    def content(name: str) -> bytes:
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            raise RequestError(f"{folder / name}: cannot be read ({error.strerror})") from None
        sources[name] = hashlib.sha256(data).hexdigest()
        return data

    def inputs(part: str, num_kept: int) -> npt.NDArray[np.float32]:
        images = np.empty((num_kept, 3, _SIDE, _SIDE), dtype=np.float32)
        for first in range(0, num_kept, _PER_MOSAIC):
            name = f"{part}_{first // _PER_MOSAIC:02d}.webp"
            pixels = read_mosaic(folder / name, content(name))[: num_kept - first]
            images[first : first + len(pixels)] = pixels
        images /= np.float32(255)
        return images

    def labels(part: str, num_all: int, num_kept: int) -> npt.NDArray[np.int64]:
        name = f"{part}_labels.npy"
        return _read_labels(folder / name, content(name), num_all)[:num_kept].astype(np.int64)

    return Dataset(
        name="cifar10",
        train_labels=labels("train", _NUM_TRAIN, num_train),
        test_labels=labels("test", _NUM_TEST, num_test),
        train_inputs=inputs("train", num_train),
        test_inputs=inputs("test", num_test),
        num_classes=10,
        sources=sources,
    )


def read_mosaic(path: Path, content: bytes) -> npt.NDArray[np.uint8]:
    """Return the tiles of a mosaic, row by row: (1000, 3, 32, 32), channels first.

    Parameters
    ----------
    path : the file, for messages.
    content : its bytes.

    Raises
    ------
    RequestError : not a WebP image, one of another size, or one that cannot be decoded.
    """
    size = (_COLUMNS * _SIDE, _ROWS * _SIDE)
    try:
        with Image.open(io.BytesIO(content), formats=["WEBP"]) as image:
            found = image.size
            pixels = np.asarray(image.convert("RGB")) if found == size else None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise RequestError(f"{path}: {len(content)} bytes that are not a whole WebP image ({error})") from None
    if pixels is None:
        raise RequestError(f"{path}: expected a mosaic of {size[0]}x{size[1]} pixels, found {found[0]}x{found[1]}")
    tiles = pixels.reshape(_ROWS, _SIDE, _COLUMNS, _SIDE, 3)
    return tiles.transpose(0, 2, 4, 1, 3).reshape(_PER_MOSAIC, 3, _SIDE, _SIDE)


def _read_labels(path: Path, content: bytes, num_labels: int) -> npt.NDArray[np.uint8]:
    """Return the labels; the file must be what NumPy writes for so many unsigned bytes, to the byte."""
    written = io.BytesIO()
    np.save(written, np.zeros(num_labels, dtype=np.uint8))
    header = written.getvalue()[:-num_labels]
    if not content.startswith(header):
        raise RequestError(f"{path}: expected the header of a NumPy array of type uint8 and shape ({num_labels},)")
    if len(content) != len(header) + num_labels:
        raise RequestError(f"{path}: expected {num_labels} bytes of labels, found {len(content) - len(header)}")
    return np.frombuffer(content, dtype=np.uint8, offset=len(header))
