"""The files that a network is built from, and the SHA-256 of each that was read."""

import hashlib
from pathlib import Path

from testbed.errors import RequestError, unknown_name

__all__ = ["DataFolder"]


class DataFolder:
    """A data folder; `sources` holds the SHA-256 in hexadecimal of every file that was read, by the name it was asked
    by.

    Parameters
    ----------
    path : the folder; None where nobody gave one.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.sources: dict[str, str] = {}

    def read(self, name: str) -> bytes:
        """Return the bytes of a file: of one in the data folder, else of one in the current folder.

        Raises
        ------
        RequestError : no such file, or one that cannot be read.
        """
        tried = Path(name) if self.path is None else self.path / name
        found = tried if tried.is_file() else Path(name)
        try:
            content = found.read_bytes()
        except OSError as error:
            where = (
                "and no data folder is given: name one with --data, run.data_dir or the variable AIRWAN_DATA"
                if self.path is None
                else f"neither in the data folder {self.path} nor in the current one"
            )
            raise RequestError(f"{name}: cannot be read ({error.strerror}), {where}") from None
        self.sources[name] = hashlib.sha256(content).hexdigest()
        return content

    def choose(self, folder: str, name: str, ending: str) -> str:
        """Return the name of the file `name` + `ending` in a subfolder of the data folder.

        Raises
        ------
        RequestError : no such subfolder, or no such file, with the nearest names.
        """
        known = (
            [] if self.path is None else [p.name.removesuffix(ending) for p in (self.path / folder).glob(f"*{ending}")]
        )
        if known and name not in known:
            raise unknown_name(f"file in {folder}", name, known)
        return f"{folder}/{name}{ending}"
