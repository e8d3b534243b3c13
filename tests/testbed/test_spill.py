"""A run whose rows went to disk is the run whose rows stayed in memory."""

import gc
import io
import pickle
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import RunFailure
from testbed.experiments import table_files
from testbed.experiments.result import RunResult
from testbed.experiments.store import load_run, save_run
from testbed.records import BLOCK_ROWS, NO_CAUSE, Recorder, Schema

NUMBERS = Schema.of(
    "numbers",
    "A column of every type.",
    number=("int", "n"),
    time_s=("float", "t [s]"),
    name=("str", "who"),
    there=("bool", "whether"),
)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
ROWS = st.lists(st.tuples(INTEGERS, st.none() | st.floats(allow_nan=False), WORDS, st.booleans()), max_size=30)


def recorded(rows, num_spans, block_rows):
    recorder = Recorder(block_rows)
    append = recorder.open(NUMBERS)
    for row in rows:
        append(*row)
    for index in range(num_spans):
        recorder.span(f"device-{index % 3}", "compute", 0.5 * index, 1.5 * index, index - 1)
    return recorder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@settings(max_examples=50)
@given(ROWS, st.integers(0, 30), st.integers(1, 12))
def test_what_is_recorded_does_not_depend_on_the_size_of_a_block(rows, num_spans, block_rows):
    spilling, holding = (recorded(rows, num_spans, size) for size in (block_rows, BLOCK_ROWS))
    for name in ("numbers", "span"):
        assert spilling.num_rows(name) == holding.num_rows(name)
        assert list(spilling.rows(name)) == list(holding.rows(name))
    assert spilling.tables() == holding.tables()
    for span_id in range(NO_CAUSE, num_spans):
        assert spilling.end_s(span_id) == holding.end_s(span_id)


@settings(max_examples=50)
@given(ROWS, st.integers(1, 12), st.integers(0, 30), st.integers(1, 30))
def test_any_stretch_of_a_table_is_what_the_whole_table_has_there(rows, block_rows, start, num_rows):
    tables = recorded(rows, 0, block_rows).tables()
    part = tables.rows("numbers", start, num_rows)
    assert part == tables["numbers"].slice(start, num_rows)
    assert all(column.num_chunks <= 1 for column in part.columns)


@pytest.mark.parametrize("block_rows", [1, 7, 64, 100, 101])
def test_a_saved_run_has_the_same_bytes_whether_or_not_it_spilled(tmp_path, block_rows):
    rows = [(index, index / 7.0, f"name-{index % 5}", index % 2 == 0) for index in range(100)]
    saved = [
        save_run(RunResult("0" * 12, {}, 0, {}, recorded(rows, 100, size).tables()), tmp_path / str(size))
        for size in (block_rows, BLOCK_ROWS)
    ]
    for name in ("numbers.parquet", "span.parquet", "meta.json"):
        assert (saved[0] / name).read_bytes() == (saved[1] / name).read_bytes()
    assert load_run(saved[0]).tables == recorded(rows, 100, BLOCK_ROWS).tables()


def test_a_run_of_less_than_a_block_touches_no_disk_and_the_row_that_fills_it_does(monkeypatch):
    def touch(**_options):
        raise AssertionError("the disk was touched")

    monkeypatch.setattr(tempfile, "TemporaryFile", touch)
    recorder = recorded([], BLOCK_ROWS - 1, BLOCK_ROWS)
    assert recorder.tables()["span"].num_rows == BLOCK_ROWS - 1
    with pytest.raises(AssertionError, match="touched"):
        recorder.span("device-0", "compute", 0.0, 1.0, NO_CAUSE)


def test_nothing_has_a_name_on_disk_that_a_killed_run_could_leave_behind(folder):
    recorder = recorded([], 50, 10)
    tables = recorder.tables()
    assert list(folder.iterdir()) == []
    del recorder
    gc.collect()
    # The file lives as long as somebody can still ask for its rows.
    assert tables["span"].column("span_id").to_pylist() == list(range(50))


def test_memory_does_not_grow_with_the_number_of_rows():
    def grown_bytes(num_spans, block_rows):
        tracemalloc.start()
        recorder = recorded([], num_spans, block_rows)
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert recorder.num_rows("span") == num_spans
        return grown

    recorded([], 10, 2)  # whatever is imported and remembered once
    assert grown_bytes(20_100, 1000) < 2 * grown_bytes(2_100, 1000)
    assert grown_bytes(20_100, BLOCK_ROWS) > 5 * grown_bytes(2_100, BLOCK_ROWS)


def test_saving_holds_no_more_of_a_longer_run(tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "ROW_GROUP", 500)

    def peak_bytes(num_spans):
        tables = recorded([], num_spans, 100).tables()
        tracemalloc.start()
        table_files.write_table(tables, "span", tmp_path / "span.parquet")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(10)  # whatever is imported and remembered once
    assert peak_bytes(10_000) < 1.5 * peak_bytes(2_000)


def test_tables_are_of_the_moment_they_were_asked_for_whatever_went_to_disk_since():
    recorder = recorded([], 25, 10)
    before = recorder.tables()
    for index in range(30):
        recorder.span("server", "wait", index, index + 1.0, NO_CAUSE)
    assert before == recorded([], 25, BLOCK_ROWS).tables()
    assert recorder.tables()["span"].num_rows == 55


def test_a_cell_of_another_type_is_refused_when_its_block_is_full():
    recorder = Recorder(2)
    append = recorder.open(NUMBERS)
    append(1.5, 0.0, "a", True)
    with pytest.raises(ValueError, match="table 'numbers', column 'number'"):
        append(2, 0.0, "a", True)


def test_a_full_disk_ends_the_run_with_its_folder_named_and_loses_no_row(folder, monkeypatch):
    class Disk(io.BytesIO):
        full = False

        def write(self, content):
            if not self.full:
                return super().write(content)
            super().write(bytes(content)[:10])
            raise OSError(28, "No space left on device")

    disk = Disk()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_options: disk)
    recorder = recorded([], 19, 10)
    disk.full = True
    with pytest.raises(RunFailure, match=f"{folder}: No space left on device"):
        recorder.span("device-0", "compute", 9.5, 28.5, 18)
    assert recorder.num_rows("span") == 20


def test_another_process_has_the_rows_themselves():
    tables = recorded([(1, 0.5, "a", True)] * 5, 25, 10).tables()
    sent = pickle.loads(pickle.dumps(tables))
    assert sent == dict(tables)
    assert isinstance(sent, dict)


def test_a_run_is_loaded_without_reading_tables_that_nobody_asks_for(tmp_path: Path, monkeypatch):
    path = save_run(RunResult("0" * 12, {}, 0, {}, recorded([(1, 0.5, "a", True)], 3, 10).tables()), tmp_path / "a")
    read_bytes, read = Path.read_bytes, []

    def watched(path):
        read.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", watched)
    run = load_run(path)
    assert "span" in run.tables
    assert len(run.tables) == 2
    assert run.column("numbers", "number").tolist() == [1]
    assert run.column("numbers", "name").tolist() == ["a"]
    assert read == ["meta.json", "scenario.json", "numbers.parquet"]
