"""Rows given as columns are the rows themselves, in blocks or not."""

import numpy as np
import pytest

from testbed.records import Recorder, Schema

TABLE = Schema.of(
    "numbers", "Of a test.", number=("int", "n"), value=("float", "v"), name=("str", "s"), flag=("bool", "f")
)


def columns(num_rows: int) -> tuple[object, ...]:
    return np.arange(num_rows), np.arange(num_rows) / 4, "alike", np.arange(num_rows) % 2 == 0


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("num_rows", [0, 1, 7, 10, 27, 30])
def test_columns_are_the_rows_that_they_would_be_one_by_one(before: int, num_rows: int) -> None:
    one_by_one, by_columns = Recorder(block_rows=10), Recorder(block_rows=10)
    for recorder in (one_by_one, by_columns):
        append = recorder.open(TABLE)
        for k in range(before):
            append(-k, 0.5, "before", True)
    append = one_by_one.open(TABLE)
    for k in range(num_rows):
        append(k, k / 4, "alike", k % 2 == 0)
    by_columns.extend(TABLE, *columns(num_rows))
    for recorder in (one_by_one, by_columns):
        recorder.open(TABLE)(99, 1.5, "after", False)
    assert list(by_columns.rows("numbers")) == list(one_by_one.rows("numbers"))
    assert by_columns.num_rows("numbers") == before + num_rows + 1
    assert dict(by_columns.tables())["numbers"].equals(dict(one_by_one.tables())["numbers"])


def test_columns_that_do_not_fit_the_table_are_refused() -> None:
    recorder, (number, value, name, flag) = Recorder(block_rows=10), columns(20)
    for wrong in ((number, value, name), (number, value[:3], name, flag), (1, 0.5, "no length", True)):
        with pytest.raises(ValueError, match="'numbers' needs 4 columns of one length"):
            recorder.extend(TABLE, *wrong)
    with pytest.raises(ValueError, match="column 'number'"):
        recorder.extend(TABLE, value, value, name, flag)
