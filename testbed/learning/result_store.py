"""The result store: outputs of chunks by key, in one SQLite file that several processes may share.

The file is a cache: it can be deleted at any time, and nothing but wall time depends on it. So no trouble with it
stops a run. An entry whose checksum is wrong is dropped and counted; a damaged file is set aside and begun anew; when
the file is locked, full or out of disk space, the store says so once and goes on without writing.

The file is in write-ahead mode, which needs a local disk. A killed process loses what it had not yet handed over.
"""

import sqlite3
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from testbed.errors import RequestError
from testbed.learning.kernels.protocol import Output
from testbed.learning.output_bytes import decode_outputs

__all__ = ["STORE_FILE", "ResultStore", "StoreWarning", "store_size"]

STORE_FILE: Final = "results.sqlite"

_APPLICATION: Final = 0x41695741  # says that a file is ours
_FORMAT: Final = 1
# Large pages: outputs are large, and short chains of pages are written twice as fast as long ones.
_PAGE_BYTES: Final = 65536
_MOST_ENTRY_BYTES: Final = 900_000_000  # SQLite takes up to 10^9 bytes in one place
_MOST_KEYS: Final = 500  # of one question
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

T = TypeVar("T")


class StoreWarning(UserWarning):
    """The store of results cannot be used as asked; the run goes on and computes."""


class ResultStore:
    """The stored outputs in one directory.

    Parameters
    ----------
    directory : where the file lies; made if missing.
    max_bytes : nothing is written that would make the file larger.
    busy_timeout_s : how long another process may hold the file before this one goes on without [wall-clock s].

    Attributes
    ----------
    num_damaged : entries, and files, that were found damaged and dropped.
    num_stored : entries handed over.
    notes : what went wrong, each once.

    Raises
    ------
    RequestError : no directory can be made there, or its file is another program's or another version's.
    """

    def __init__(self, directory: Path | str, max_bytes: float = float("inf"), busy_timeout_s: float = 20.0) -> None:
        self.path = Path(directory) / STORE_FILE
        self.max_bytes = max_bytes
        self.busy_timeout_s = busy_timeout_s
        self.num_damaged = 0
        self.num_stored = 0
        self.notes: list[str] = []
        self._writes = True
        self._connection: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(f"cannot make the store {directory}: {error.strerror or error}") from None
        self._attempt(lambda _: None, None, opening=True)

    def __enter__(self) -> "ResultStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def known(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return those of `keys` that have an entry, damaged or not."""
        asked = list(keys)
        found: set[bytes] = set()
        for start in range(0, len(asked), _MOST_KEYS):
            found |= self._known(asked[start : start + _MOST_KEYS])
        return found

    def _known(self, keys: Sequence[bytes]) -> set[bytes]:
        question = f"select key from entry where key in ({','.join('?' * len(keys))})"
        return self._attempt(lambda c: {bytes(key) for (key,) in c.execute(question, keys)}, set())

    def get(self, key: bytes) -> list[Output] | None:
        """Return the outputs under a key, or None: there are none, or they were damaged and have been dropped."""
        question = "select checksum, outputs from entry where key = ?"
        row = self._attempt(lambda c: c.execute(question, (key,)).fetchone(), None)
        if row is None:
            return None
        with suppress(ValueError, TypeError):
            if zlib.crc32(row[1]) == row[0]:
                return decode_outputs(row[1])
        self.drop(key)
        return None

    def drop(self, key: bytes) -> None:
        """Remove an entry that is damaged, and count it."""
        self.num_damaged += 1
        self._attempt(lambda c: c.execute("delete from entry where key = ?", (key,)), None)

    def put(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Store (key, encoded outputs) in one transaction: all of them, or after a warning none."""
        rows = [(key, zlib.crc32(data), data) for key, data in entries if len(data) <= _MOST_ENTRY_BYTES]
        if not rows or not self._writes:
            return
        num_bytes = sum(len(data) for _, _, data in rows)

        def write(connection: sqlite3.Connection) -> bool:
            connection.execute("begin immediate")
            try:
                if _file_bytes(connection) + num_bytes > self.max_bytes:
                    connection.execute("rollback")
                    return False
                connection.executemany("insert or ignore into entry values (?, ?, ?)", rows)
                connection.execute("commit")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise
            return True

        written = self._attempt(write, None)
        if written:
            self.num_stored += len(rows)
        elif written is False:
            self._writes = False
            self._note(f"the store {self.path} has reached its limit of {self.max_bytes:g} bytes; it takes no more")

    def _attempt(self, action: Callable[[sqlite3.Connection], T], otherwise: T, opening: bool = False) -> T:
        """Return what `action` returns; `otherwise` if the file does not let it, after saying why."""
        try:
            if opening:
                self._connection = _opened(self.path, self.busy_timeout_s)
            if self._connection is not None:
                return action(self._connection)
        except sqlite3.DatabaseError as error:
            self._explain(error)
        return otherwise

    def _explain(self, error: sqlite3.DatabaseError) -> None:
        """Say what is wrong with the file and do what can be done."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in _BUSY:
            self._note(f"another process holds the store {self.path}; what it keeps busy is computed and not stored")
        elif code in _DAMAGED:
            self.num_damaged += 1
            self._begin_anew(error)
        elif code == sqlite3.SQLITE_ERROR:
            raise error  # a wrong statement is a defect of ours
        else:
            self._writes = False
            self._note(f"cannot write the store {self.path}: {error}; the run goes on without")

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        self.close()
        aside = self.path.with_name(STORE_FILE + ".damaged")
        try:
            self.path.replace(aside)
            for suffix in ("-wal", "-shm"):  # they belong to the damaged file
                self.path.with_name(STORE_FILE + suffix).unlink(missing_ok=True)
            self._connection = _opened(self.path, self.busy_timeout_s)
        except (OSError, sqlite3.DatabaseError) as second:
            self._note(f"the store {self.path} is damaged ({error}) and cannot be begun anew: {second}")
            return
        self._note(f"the store {self.path} was damaged ({error}): set aside as {aside.name} and begun anew")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            warnings.warn(text, StoreWarning, stacklevel=3)


def _opened(path: Path, busy_timeout_s: float) -> sqlite3.Connection:
    """Return a connection to the file, made if missing."""
    give_up_s = time.monotonic() + busy_timeout_s
    while True:
        connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
        try:
            _prepare(connection, path)
            return connection
        except sqlite3.OperationalError as error:
            connection.close()
            # Two processes that make the file at once: SQLite does not wait when the mode changes.
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > give_up_s:
                raise
            time.sleep(0.02)
        except BaseException:
            connection.close()
            raise


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute(f"pragma page_size = {_PAGE_BYTES}")
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")  # a killed process loses nothing, a power cut the last entries
    (application,) = connection.execute("pragma application_id").fetchone()
    (form,) = connection.execute("pragma user_version").fetchone()
    (num_tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    if application != _APPLICATION and (application or form or num_tables):
        raise RequestError(f"{path} is not a store of results; it was left as it is")
    if application == _APPLICATION and form != _FORMAT:
        raise RequestError(f"{path} was written in format {form}; this version reads format {_FORMAT}")
    if application != _APPLICATION:
        connection.execute("begin immediate")
        table = "create table if not exists entry (key blob primary key, checksum integer, outputs blob)"
        for statement in (
            table,
            f"pragma application_id = {_APPLICATION}",
            f"pragma user_version = {_FORMAT}",
            "commit",
        ):
            connection.execute(statement)


def _file_bytes(connection: sqlite3.Connection) -> int:
    (num_pages,) = connection.execute("pragma page_count").fetchone()
    (page_bytes,) = connection.execute("pragma page_size").fetchone()
    return int(num_pages) * int(page_bytes)


def store_size(directory: Path | str) -> tuple[int, int]:
    """Return the number of entries of a store and the size of its file [byte]; changes nothing.

    Raises
    ------
    RequestError : there is no store, or it cannot be read.
    """
    path = Path(directory) / STORE_FILE
    if not path.is_file():
        raise RequestError(f"{directory} holds no store of results")

    def size(connection: sqlite3.Connection) -> tuple[int, int]:
        (num_entries,) = connection.execute("select count(*) from entry").fetchone()
        return int(num_entries), _file_bytes(connection)

    try:
        connection: Any = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=1.0)
        try:
            return size(connection)
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise RequestError(f"cannot read the store {path}: {error}") from None
