"""Laws of the result store: what is in it comes back whole or not at all, and no trouble with it stops a run."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from testbed.errors import RequestError
from testbed.learning.kernels.protocol import EvaluationOutput
from testbed.learning.output_bytes import encode_outputs
from testbed.learning.result_store import STORE_FILE, ResultStore, StoreWarning, store_size

KEYS_ARRAY = np.arange(3)
KEYS = [bytes([number]) * 32 for number in range(5)]
DATA = encode_outputs([None])
ENTRIES = [(key, DATA) for key in KEYS]


def edit(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / STORE_FILE)
    with connection:
        connection.execute(statement)
    connection.close()


def test_what_was_stored_is_found_by_its_key_in_another_process(tmp_path: Path) -> None:
    with ResultStore(tmp_path / "new" / "folder") as store:
        store.put(ENTRIES[:3])
        assert (store.num_stored, store.known(KEYS)) == (3, set(KEYS[:3]))
        code = (
            "import sys; from testbed.learning.result_store import ResultStore; "
            "print(ResultStore(sys.argv[1]).get(bytes.fromhex(sys.argv[2])))"
        )
        words = [sys.executable, "-c", code, str(tmp_path / "new" / "folder"), KEYS[2].hex()]
        assert subprocess.run(words, check=True, capture_output=True, text=True).stdout == "[None]\n"
    assert store_size(tmp_path / "new" / "folder")[0] == 3


def test_more_keys_than_one_question_takes_are_looked_up(tmp_path: Path) -> None:
    keys = [number.to_bytes(32) for number in range(1201)]
    with ResultStore(tmp_path) as store:
        store.put([(key, DATA) for key in keys[::2]])
        assert store.known(keys) == set(keys[::2])


@pytest.mark.parametrize(
    "damage",
    ["checksum = checksum + 1", "outputs = zeroblob(length(outputs))", "outputs = null", "outputs = 'text'"],
)
def test_a_damaged_entry_is_dropped_and_counted(tmp_path: Path, damage: str) -> None:
    with ResultStore(tmp_path) as store:
        store.put(ENTRIES)
    edit(tmp_path, f"update entry set {damage} where key = x'{KEYS[1].hex()}'")
    with ResultStore(tmp_path) as store:
        assert [store.get(key) for key in KEYS[:3]] == [[None], None, [None]]
        assert (store.num_damaged, store.known(KEYS)) == (1, {*KEYS} - {KEYS[1]})
        store.put(ENTRIES[1:2])
        assert store.get(KEYS[1]) == [None]


@pytest.mark.parametrize("content", [b"not a data base at all" * 100, None])
def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path: Path, content: bytes | None) -> None:
    with ResultStore(tmp_path) as store:
        store.put([(key, encode_outputs([EvaluationOutput(0.0, *(2 * [KEYS_ARRAY]))])) for key in KEYS])
    file = tmp_path / STORE_FILE
    whole = file.read_bytes()
    file.write_bytes(content or whole[:100] + b"\xff" * (len(whole) - 100))
    with pytest.warns(StoreWarning, match="begun anew"), ResultStore(tmp_path) as store:
        assert store.known(KEYS) == set()
        store.put(ENTRIES)
        assert store.get(KEYS[0]) == [None]
        assert store.num_damaged == 1
    assert (tmp_path / (STORE_FILE + ".damaged")).exists()


def test_the_limit_is_kept_and_said_once(tmp_path: Path) -> None:
    array = KEYS_ARRAY.repeat(20_000)
    data = encode_outputs([EvaluationOutput(0.0, array, array)])
    with pytest.warns(StoreWarning, match="limit") as caught, ResultStore(tmp_path, max_bytes=3e6) as store:
        for key in KEYS:
            store.put([(key, data)])
        assert 0 < store.num_stored < len(KEYS)
        assert store.get(KEYS[0]) is not None
    assert len(caught) == 1
    assert store_size(tmp_path)[1] <= 3e6


def test_a_full_disk_is_said_once_and_what_is_there_can_be_read(tmp_path: Path) -> None:
    array = KEYS_ARRAY.repeat(20_000)
    data = encode_outputs([EvaluationOutput(0.0, array, array)])
    with pytest.warns(StoreWarning, match="full") as caught, ResultStore(tmp_path) as store:
        store.put(ENTRIES[:1])
        assert store._connection is not None
        store._connection.execute("pragma max_page_count = 5")
        store.put([(KEYS[1], data)])
        store.put([(KEYS[2], data)])
        assert store.known(KEYS) == {KEYS[0]}
        assert store.get(KEYS[0]) == [None]
    assert len(caught) == 1


def test_a_locked_file_is_said_once_and_what_was_to_be_stored_is_let_go(tmp_path: Path) -> None:
    with ResultStore(tmp_path, busy_timeout_s=0.05) as store:
        store.put(ENTRIES[:1])
        other = sqlite3.connect(tmp_path / STORE_FILE, isolation_level=None)
        other.execute("begin immediate")
        with pytest.warns(StoreWarning, match="another process") as caught:
            store.put(ENTRIES[1:2])
            store.put(ENTRIES[2:3])
        assert len(caught) == 1
        other.execute("rollback")
        other.close()
        store.put(ENTRIES[3:4])
        assert store.known(KEYS) == {KEYS[0], KEYS[3]}


def test_a_file_that_is_locked_from_the_start_is_done_without(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / STORE_FILE, isolation_level=None)
    other.execute("begin exclusive")
    with pytest.warns(StoreWarning, match="another process"), ResultStore(tmp_path, busy_timeout_s=0.05) as store:
        store.put(ENTRIES)
        assert (store.known(KEYS), store.get(KEYS[0]), store.num_stored) == (set(), None, 0)
    other.close()


@pytest.mark.parametrize("spoil", ["pragma user_version = 7", "pragma application_id = 1"])
def test_another_format_and_another_programs_file_are_refused_and_left_alone(tmp_path: Path, spoil: str) -> None:
    ResultStore(tmp_path).close()
    edit(tmp_path, spoil)
    before = (tmp_path / STORE_FILE).read_bytes()
    with pytest.raises(RequestError, match=r"format 7|not a store"):
        ResultStore(tmp_path)
    assert (tmp_path / STORE_FILE).read_bytes() == before


def test_a_place_where_no_folder_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RequestError, match="cannot make the store"):
        ResultStore(tmp_path / "file" / "store")
    with pytest.raises(RequestError, match="holds no store"):
        store_size(tmp_path)


FILL = """
import sys
from testbed.learning.output_bytes import encode_outputs
from testbed.learning.result_store import ResultStore
with ResultStore(sys.argv[1]) as store:
    for number in range(60):
        key = (number * 3 + int(sys.argv[2])).to_bytes(32)
        store.put([(key, encode_outputs([None])), (number.to_bytes(31) + b"\\xff", encode_outputs([None, None]))])
        assert store.get(key) == [None]
"""


def test_processes_that_make_and_fill_one_store_at_once_lose_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", FILL, str(tmp_path), str(number)]) for number in range(3)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    with ResultStore(tmp_path) as store:
        assert store.known([number.to_bytes(32) for number in range(180)]) == {n.to_bytes(32) for n in range(180)}
    assert store_size(tmp_path)[0] == 240
