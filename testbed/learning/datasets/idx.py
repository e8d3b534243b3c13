"""MNIST and Fashion-MNIST from their gzip-compressed IDX files.

IDX: two zero bytes, the type of the values (8: unsigned byte), the number of axes, one big-endian 32-bit
length per axis, then the values in row-major order. The files keep their original names, in the folder
`mnist` or `fashion_mnist` of the data folder. MNIST: LeCun, Cortes and Burges; Fashion-MNIST: Xiao, Rasul and
Vollgraf, 2017.
"""

import gzip
import hashlib
import math
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field

from testbed.errors import RequestError
from testbed.learning.datasets.dataset import Dataset
from testbed.settings import Part

__all__ = ["FashionMnistDataset", "MnistDataset", "read_idx"]

_NUM_TRAIN: Final = 60_000
_NUM_TEST: Final = 10_000
_SIDE: Final = 28
_UNSIGNED_BYTE: Final = 8


class _IdxImages(Part):
    """What the two sets share: 60,000 and 10,000 grey images of 28x28 and 10 classes."""

    set_name: ClassVar[str]

    num_train: Annotated[int, Field(ge=1, le=_NUM_TRAIN)] = _NUM_TRAIN  # training samples kept, the first so many
    num_test: Annotated[int, Field(ge=1, le=_NUM_TEST)] = _NUM_TEST  # test samples kept, the first so many

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the data set, read once per process.

        Raises
        ------
        RequestError : no data folder given, or a file missing or damaged; the message names it.
        """
        folder_name = self.set_name.replace("-", "_")
        if data_dir is None:
            raise RequestError(
                f"the data set {self.set_name!r} is read from {folder_name!r} in a data folder, and none is "
                "given: name one with --data, run.data_dir or the variable AIRWAN_DATA"
            )
        folder = Path(data_dir, folder_name).resolve()
        if not folder.is_dir():
            raise RequestError(f"the data set {self.set_name!r} is not there: {folder} is not a folder")
        return _load(self.set_name, folder, self.num_train, self.num_test)


class MnistDataset(_IdxImages):
    """MNIST digits, (1, 28, 28), pixels / 255; `num_train` and `num_test` keep the first so many."""

    kind: str = "mnist"
    set_name = "mnist"


class FashionMnistDataset(_IdxImages):
    """Fashion-MNIST, (1, 28, 28), pixels / 255; `num_train` and `num_test` keep the first so many."""

    kind: str = "fashion-mnist"
    set_name = "fashion-mnist"


@lru_cache(maxsize=4)
def _load(name: str, folder: Path, num_train: int, num_test: int) -> Dataset:
    sources: dict[str, str] = {}

    def images(prefix: str, num_all: int, num_kept: int) -> npt.NDArray[np.float32]:
        pixels, digest = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz", (num_all, _SIDE, _SIDE))
        sources[f"{prefix}-images-idx3-ubyte.gz"] = digest
        return pixels[:num_kept, None].astype(np.float32) / np.float32(255)

    def labels(prefix: str, num_all: int, num_kept: int) -> npt.NDArray[np.int64]:
        values, digest = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", (num_all,))
        sources[f"{prefix}-labels-idx1-ubyte.gz"] = digest
        return values[:num_kept].astype(np.int64)

    return Dataset(
        name=name,
        train_inputs=images("train", _NUM_TRAIN, num_train),
        train_labels=labels("train", _NUM_TRAIN, num_train),
        test_inputs=images("t10k", _NUM_TEST, num_test),
        test_labels=labels("t10k", _NUM_TEST, num_test),
        num_classes=10,
        sources=sources,
    )


def read_idx(path: Path, shape: tuple[int, ...]) -> tuple[npt.NDArray[np.uint8], str]:
    """Return the values of a gzip-compressed IDX file of unsigned bytes, and the SHA-256 of the file.

    Parameters
    ----------
    path : the file.
    shape : the shape it must have.

    Raises
    ------
    RequestError : the file is missing, cannot be unpacked, or has another header, shape or number of bytes.
    """
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        content = gzip.decompress(packed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RequestError(f"{path}: {len(packed)} bytes that are not a whole gzip file ({error})") from None
    _check_idx(path, content, shape)
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * len(shape)).reshape(shape)
    return values, hashlib.sha256(packed).hexdigest()


def _check_idx(path: Path, content: bytes, shape: tuple[int, ...]) -> None:
    expected = struct.pack(f">BBBB{len(shape)}I", 0, 0, _UNSIGNED_BYTE, len(shape), *shape)
    header = content[: len(expected)]
    if header[:4] != expected[:4]:
        raise RequestError(
            f"{path}: expected the IDX header {expected[:4].hex(' ')} (unsigned bytes, {len(shape)} axes), "
            f"found {header[:4].hex(' ') or 'an empty file'}"
        )
    if header != expected:
        axes = len(header[4:]) // 4
        found = struct.unpack(f">{axes}I", header[4 : 4 + 4 * axes])
        raise RequestError(f"{path}: expected the shape {shape}, found {found}")
    num_expected, num_found = math.prod(shape), len(content) - len(header)
    if num_found != num_expected:
        raise RequestError(f"{path}: expected {num_expected} bytes of values, found {num_found}")
