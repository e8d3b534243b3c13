import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.records import NO_CAUSE, SPAN, TRAINING, TRANSFER, Column, Recorder, Schema

PATIENT = settings(deadline=None)

EVERYTHING = Schema.of(
    "everything",
    "A column of every type.",
    number=("int", "n"),
    time_s=("float", "t [s]"),
    name=("str", "who"),
    there=("bool", "whether"),
)
ROWS = st.lists(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.booleans(),
    )
)


def filled(*rows):
    recorder = Recorder()
    append = recorder.open(EVERYTHING)
    for row in rows:
        append(*row)
    return recorder


def test_span_ids_count_from_zero_over_all_entities():
    recorder = Recorder()
    assert [recorder.span(f"device-{i % 2}", "compute", i, i + 1.0, NO_CAUSE) for i in range(5)] == list(range(5))
    assert [row["span_id"] for row in recorder.rows("span")] == list(range(5))


def test_no_cause_is_no_span():
    assert NO_CAUSE < 0


def test_a_span_is_recorded_as_it_was():
    recorder = Recorder()
    first = recorder.span("device-7", "compute", 0.5, 2.0, NO_CAUSE)
    recorder.span("uplink", "transmit", 2.0, 3.0, first)
    assert list(recorder.rows("span"))[1] == {
        "span_id": 1, "entity": "uplink", "kind": "transmit", "start_s": 2.0, "end_s": 3.0, "cause_id": 0,
    }  # fmt: skip


@PATIENT
@given(ROWS)
def test_what_went_in_comes_out_in_order_and_unchanged(rows):
    recorder = filled(*rows)
    assert recorder.num_rows("everything") == len(rows)
    assert [tuple(row.values()) for row in recorder.rows("everything")] == rows
    table = recorder.tables()["everything"]
    assert [tuple(row.values()) for row in table.to_pylist()] == rows


@pytest.mark.parametrize("rows", [[], [(1, 2.0, "a", True)]], ids=["empty", "one row"])
def test_a_column_has_its_declared_arrow_type_even_in_an_empty_table(rows):
    table = filled(*rows).tables()["everything"]
    assert table.num_rows == len(rows)
    assert table.schema == pa.schema(
        [("number", pa.int64()), ("time_s", pa.float64()), ("name", pa.string()), ("there", pa.bool_())]
    )


def test_numpy_scalars_are_numbers_like_any_other():
    row = (np.int32(3), np.float32(0.5), np.str_("a"), np.bool_(True))
    assert filled(row).tables()["everything"].to_pylist() == [{"number": 3, "time_s": 0.5, "name": "a", "there": True}]


def test_an_unbounded_or_missing_number_stays_what_it_is():
    cells = filled((0, math.inf, "", False), (0, math.nan, "", False)).tables()["everything"]["time_s"].to_pylist()
    assert cells[0] == math.inf
    assert math.isnan(cells[1])


@pytest.mark.parametrize(("row", "column"), [
    ((1.5, 0.0, "a", True), "number"),
    ((1.0, 0.0, "a", True), "number"),
    (("1", 0.0, "a", True), "number"),
    ((None, 0.0, "a", True), "number"),
    ((2**63, 0.0, "a", True), "number"),
    ((1, "now", "a", True), "time_s"),
    ((1, 0.0, 7, True), "name"),
    ((1, 0.0, "a", 1), "there"),
])  # fmt: skip
def test_a_cell_of_another_type_is_refused_with_its_table_and_column(row, column):
    with pytest.raises(ValueError, match=rf"table 'everything', column '{column}'"):
        filled(row).tables()


@pytest.mark.parametrize("row", [(), (1, 0.0, "a"), (1, 0.0, "a", True, None)])
def test_a_row_of_another_width_is_refused_and_leaves_nothing_behind(row):
    recorder = filled((1, 0.0, "a", True))
    with pytest.raises(ValueError, match=f"'everything' has 4 columns, got {len(row)}"):
        recorder.open(EVERYTHING)(*row)
    assert recorder.num_rows("everything") == 1


def test_two_writers_of_one_schema_share_its_table():
    recorder = Recorder()
    same = Schema.of(
        "everything", "A column of every type.", **{c.name: (c.type, c.meaning) for c in EVERYTHING.columns}
    )
    recorder.open(EVERYTHING)(1, 0.0, "a", True)
    recorder.open(same)(2, 0.0, "b", True)
    assert [row["number"] for row in recorder.rows("everything")] == [1, 2]


@pytest.mark.parametrize(
    "other",
    [
        Schema.of("span", "Something else.", number=("int", "n")),
        Schema("span", SPAN.meaning, SPAN.columns[::-1]),
        Schema("span", "Other words.", SPAN.columns),
    ],
    ids=["columns", "order", "meaning"],
)
def test_two_schemas_of_one_name_are_refused(other):
    with pytest.raises(ValueError, match="two different tables are named 'span'"):
        Recorder().open(other)


def test_a_column_of_an_unknown_type_is_refused_where_it_is_declared():
    with pytest.raises(ValueError, match="column 'x' has the type 'double'"):
        Schema.of("t", "", x=("double", ""))


def test_a_table_that_nobody_opened_has_no_rows_and_is_not_saved():
    recorder = Recorder()
    assert recorder.num_rows("transfer") == 0
    assert list(recorder.tables()) == ["span"]


def test_tables_come_in_alphabetical_order_whatever_the_order_of_opening():
    recorder = Recorder()
    for schema in (TRANSFER, EVERYTHING, TRAINING):
        recorder.open(schema)
    assert list(recorder.tables()) == ["everything", "span", "training", "transfer"]


def test_asking_for_tables_changes_nothing():
    recorder = filled((1, 0.0, "a", True))
    before = recorder.tables()["everything"]
    recorder.open(EVERYTHING)(2, 1.0, "b", False)
    assert before.num_rows == 1
    assert recorder.tables()["everything"].equals(recorder.tables()["everything"])
    assert recorder.num_rows("everything") == 2


def test_every_column_of_the_ground_tables_states_its_meaning_and_the_unit_of_its_name():
    units = {"_s": "[s]", "_j": "[J]", "bits": "[bit]", "flop": "[FLOP]", "bytes": "[byte]"}
    for schema in (SPAN, TRANSFER, TRAINING):
        for column in schema.columns:
            assert column.meaning
            for ending, unit in units.items():
                if column.name.endswith(ending):
                    assert unit in column.meaning, (schema.name, column.name)


def test_a_schema_keeps_the_order_in_which_its_columns_are_given():
    assert [column.name for column in EVERYTHING.columns] == ["number", "time_s", "name", "there"]
    assert EVERYTHING.columns[0] == Column("number", "int", "n")


def test_a_span_tells_when_it_ended_and_no_cause_ended_at_time_zero():
    recorder = Recorder()
    ends_s = {recorder.span("device-0", "compute", 1.0, end_s, NO_CAUSE): end_s for end_s in (2.5, 2.0, 7.0)}
    assert {span_id: recorder.end_s(span_id) for span_id in ends_s} == ends_s
    assert recorder.end_s(NO_CAUSE) == 0.0
