from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from testbed.experiments import table_files
from testbed.experiments.table_files import ROW_GROUP, write_table


def written_at_once(table: pa.Table, path: Path, row_group: int) -> bytes:
    pq.write_table(table, path, row_group, version="2.6", compression="zstd", compression_level=3, store_schema=False)
    return path.read_bytes()


@pytest.mark.parametrize("num_rows", [0, 1, 6, 7, 8, 14, 50])
def test_a_table_written_in_pieces_has_the_bytes_of_one_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_rows: int
) -> None:
    monkeypatch.setattr(table_files, "ROW_GROUP", 7)
    words = pa.array(["a", "b", "c"] * num_rows, pa.string())[:num_rows]
    table = pa.table({"number": pa.array(np.arange(num_rows)), "word": words})
    write_table({"t": table}, "t", tmp_path / "pieces")
    assert (tmp_path / "pieces").read_bytes() == written_at_once(table, tmp_path / "whole", 7)


def test_a_row_group_is_as_large_as_those_of_a_table_written_without_a_word_about_it(tmp_path: Path) -> None:
    table = pa.table({"number": np.zeros(ROW_GROUP + 1)})
    write_table({"t": table}, "t", tmp_path / "pieces")
    assert pq.ParquetFile(tmp_path / "pieces").metadata.num_row_groups == 2
    assert (tmp_path / "pieces").read_bytes() == written_at_once(table, tmp_path / "whole", None)
