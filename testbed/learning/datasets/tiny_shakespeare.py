"""Tiny Shakespeare: 1,115,394 characters of plays, 65 different ones.

The file `input.txt` in the folder `tiny_shakespeare` of the data folder, as A. Karpathy's char-rnn (2015) has it; the
plays are in the public domain. The file is checked against its SHA-256.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

from testbed.errors import RequestError
from testbed.learning.datasets.dataset import Dataset
from testbed.learning.datasets.text import TextSettings

__all__ = ["TinyShakespeareDataset"]

_FOLDER: Final = "tiny_shakespeare"
_FILE: Final = "input.txt"
_SHA256: Final = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


class TinyShakespeareDataset(TextSettings):
    """Tiny Shakespeare, 1,115,394 characters of plays, from the data folder."""

    kind: str = "tiny-shakespeare"

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the data set, read once per process.

        Raises
        ------
        RequestError : no data folder given, or the file missing or not the one known; the message names it.
        """
        if data_dir is None:
            raise RequestError(
                f"the data set 'tiny-shakespeare' is read from {_FOLDER!r} in a data folder, and none is given: name "
                "one with --data, run.data_dir or the variable AIRWAN_DATA"
            )
        return _load(Path(data_dir, _FOLDER).resolve(), self)


@lru_cache(maxsize=2)
def _load(folder: Path, settings: TinyShakespeareDataset) -> Dataset:
    if not folder.is_dir():
        raise RequestError(f"the data set 'tiny-shakespeare' is not there: {folder} is not a folder")
    try:
        content = (folder / _FILE).read_bytes()
    except OSError as error:
        raise RequestError(
            f"the data set 'tiny-shakespeare': {folder / _FILE} cannot be read ({error.strerror})"
        ) from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != _SHA256:
        raise RequestError(
            f"the data set 'tiny-shakespeare': {folder / _FILE} has {len(content)} bytes that are not the known ones "
            f"(SHA-256 {digest[:12]}..., not {_SHA256[:12]}...)"
        )
    return settings.dataset("tiny-shakespeare", content.decode("ascii"), {_FILE: digest})
