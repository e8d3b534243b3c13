"""The files that verbs write; a name that could not be written is refused before a long run."""

import gzip
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from testbed.errors import RequestError

__all__ = ["check_page", "check_picture", "check_some_file", "check_trace", "save", "save_picture", "save_text"]


def check_some_file(files: dict[str, Path | None]) -> None:
    """Refuse a verb that would write nothing: option -> its file."""
    if all(path is None for path in files.values()):
        raise RequestError(f"nothing to write: give {' or '.join(files)} and a file")


def check_picture(path: Path | None) -> None:
    """Refuse a picture that could not be drawn."""
    if path is not None and path.suffix.lower() != ".png":
        raise RequestError(f"{path}: a picture is a .png file")


def check_page(path: Path | None) -> None:
    """Refuse a page whose name no browser would know."""
    if path is not None and path.suffix.lower() not in (".html", ".htm"):
        raise RequestError(f"{path}: a page is a .html file")


def check_trace(path: Path | None) -> None:
    """Refuse a trace whose name Perfetto would not know."""
    if path is not None and not path.name.lower().endswith((".json", ".json.gz")):
        raise RequestError(f"{path}: a trace is a .json or .json.gz file")


def save(path: Path, write: Callable[[], object]) -> None:
    """Make the folder of a file and write it.

    Raises
    ------
    RequestError : the system refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
    except OSError as error:
        raise RequestError(f"cannot write {path}: {error.strerror}") from None


def save_picture(figure: Any, path: Path) -> None:
    """Write a figure of matplotlib."""
    save(path, lambda: figure.savefig(path))


def save_text(pieces: Iterable[str], path: Path) -> None:
    """Write a text piece by piece; gzipped if its name ends so, with the same bytes every time."""

    def write() -> None:
        with ExitStack() as stack:
            file: IO[bytes] = stack.enter_context(path.open("wb"))
            if path.suffix.lower() == ".gz":
                zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
                file = stack.enter_context(zipped)  # type: ignore[arg-type]
            for piece in pieces:
                file.write(piece.encode())

    save(path, write)
