import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from testbed.errors import RequestError
from testbed.experiments import store
from testbed.experiments.result import RunResult
from testbed.experiments.store import (
    check_writable,
    default_directory,
    list_runs,
    load_run,
    load_runs,
    run_id,
    save_run,
)

SCENARIO = {"scenario": {"name": "toy"}, "run": {"horizon_s": 20.0}, "algorithm": {"kind": "fedavg"}}


@pytest.fixture
def result() -> RunResult:
    spans = pa.table(
        {"span_id": [0, 1], "entity": ["device-0", "uplink"], "start_s": [0.0, 0.1], "late": [True, False]}
    )
    evaluation = pa.table({"time_s": [0.0, 1.0], "version": [0, 1], "metric": ["accuracy"] * 2, "value": [0.25, 0.75]})
    meta = {"status": "done", "error": None, "wall_s": 1.5, "versions": {"numpy": "2"}}
    tables = {"span": spans, "evaluation": evaluation}
    return RunResult(run_id(SCENARIO, 4), SCENARIO, 4, meta, tables)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_what_is_loaded_is_what_was_saved(result: RunResult, tmp_path: Path) -> None:
    path = save_run(result, tmp_path / "new" / "parents" / "a")
    loaded = load_run(path)
    assert (loaded.run_id, loaded.scenario, loaded.seed, loaded.meta) == (
        result.run_id,
        result.scenario,
        result.seed,
        result.meta,
    )
    assert loaded.path == path
    assert loaded.tables == result.tables


def test_an_empty_table_keeps_its_columns_and_types(result: RunResult, tmp_path: Path) -> None:
    empty = result.tables["span"].slice(0, 0)
    loaded = load_run(save_run(replace(result, tables={"span": empty}), tmp_path / "a"))
    assert loaded.tables["span"].schema == empty.schema


def test_equal_rows_have_equal_bytes_however_they_were_chunked_annotated_or_timed(
    result: RunResult, tmp_path: Path
) -> None:
    chunked = {
        name: pa.concat_tables([table.slice(0, 1), table.slice(1)]).replace_schema_metadata({"pandas": "x"})
        for name, table in result.tables.items()
    }
    other = replace(result, tables=chunked, meta={**result.meta, "wall_s": 99.0})
    first, second = save_run(result, tmp_path / "a"), save_run(other, tmp_path / "deeper" / "b")
    for name in names(first):
        if name != "meta.json":
            assert (first / name).read_bytes() == (second / name).read_bytes()
    assert str(tmp_path).encode() not in b"".join((first / name).read_bytes() for name in names(first))


def test_a_folder_named_like_a_partition_adds_no_column(result: RunResult, tmp_path: Path) -> None:
    loaded = load_run(save_run(result, tmp_path / "learning_rate=0.1" / "seed=3"))
    assert loaded.tables["span"].column_names == result.tables["span"].column_names


def test_a_finished_run_is_replaced_only_when_asked_and_nothing_else_remains(result: RunResult, tmp_path: Path) -> None:
    path = save_run(result, tmp_path / "a")
    with pytest.raises(RequestError, match="holds a finished run"):
        save_run(replace(result, seed=5), path)
    assert load_run(path).seed == 4
    save_run(replace(result, seed=5), path, overwrite=True)
    assert load_run(path).seed == 5
    assert names(tmp_path) == ["a"]


def test_a_folder_that_is_no_run_is_never_replaced(result: RunResult, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    for attempt in (lambda: save_run(result, tmp_path / "thesis", overwrite=True), lambda: check_writable(tmp_path)):
        with pytest.raises(RequestError, match="not a run directory"):
            attempt()
    assert names(tmp_path / "thesis") == ["chapter.tex"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_save_leaves_nothing_behind(
    result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    def interrupt(tables: Mapping[str, pa.Table], name: str, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise interruption

    monkeypatch.setattr(store, "write_table", interrupt)
    with pytest.raises(interruption):
        save_run(result, tmp_path / "new" / "a")
    assert names(tmp_path) == []


def test_a_replacement_that_fails_leaves_the_old_run_in_place(
    result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_run(result, tmp_path / "a")
    rename = os.rename

    def fail_on_the_new_one(source: Path, target: Path) -> None:
        if ".partial-" in source.name:
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_on_the_new_one)
    with pytest.raises(RequestError, match="No space left on device"):
        save_run(replace(result, seed=5), path, overwrite=True)
    assert names(tmp_path) == ["a"]
    assert load_run(path).seed == 4


def test_a_place_that_cannot_be_written_is_refused_before_and_after_a_run_by_name(
    result: RunResult, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "a", Path("/proc/no-such-place/a")):
        for attempt in (lambda place=place: check_writable(place), lambda place=place: save_run(result, place)):
            with pytest.raises(RequestError, match=f"cannot write the run directory {place}"):
                attempt()
    assert names(tmp_path) == ["file"]


def test_checking_a_place_leaves_it_as_it_was(result: RunResult, tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert names(tmp_path) == []
    path = save_run(result, tmp_path / "a")
    check_writable(path)
    with pytest.raises(RequestError, match="holds a finished run"):
        check_writable(path, overwrite=False)


def damage(path: Path, name: str) -> None:
    content = bytearray((path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (path / name).write_bytes(content)


def test_damage_is_found_and_named(result: RunResult, tmp_path: Path) -> None:
    for name in ("span.parquet", "evaluation.parquet", "scenario.json"):
        path = save_run(result, tmp_path / f"changed-{name}")
        damage(path, name)
        with pytest.raises(RequestError, match=f"damaged: {name}.*is not what was written"):
            load_run(path)
        (path / name).unlink()
        with pytest.raises(RequestError, match=f"damaged: {name} is missing"):
            load_run(path)


def test_damage_after_a_run_was_loaded_is_found_when_its_table_is_read(result: RunResult, tmp_path: Path) -> None:
    loaded = load_run(save_run(result, tmp_path / "a"))
    damage(tmp_path / "a", "span.parquet")
    assert loaded.tables["evaluation"] == result.tables["evaluation"]
    with pytest.raises(RequestError, match=r"damaged: span\.parquet .* is not what was written"):
        loaded.column("span", "entity")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "meta.json is not JSON"),
        ("[]", "meta.json holds no table"),
        ('{"format": 1}', "does not state run_id, seed, meta, files"),
        ('{"format": 9, "run_id": "a", "seed": 0, "meta": {}, "files": {}}', "format 9; this version reads format 1"),
    ],
)
def test_a_meta_file_that_makes_no_sense_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "meta.json").write_text(content)
    with pytest.raises(RequestError, match=message):
        load_run(tmp_path)


def test_what_is_not_a_run_is_refused_with_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / ".a.partial-17").mkdir()
    expected = {
        tmp_path: "holds .a.partial-17, notes.txt, and no meta.json",
        tmp_path / "notes.txt": "is a file",
        tmp_path / "nowhere": "does not exist",
        tmp_path / ".a.partial-17": "half-written",
    }
    for path, message in expected.items():
        with pytest.raises(RequestError, match=message):
            load_run(path)


def test_a_run_id_depends_on_every_setting_and_the_seed_and_on_nothing_else() -> None:
    assert run_id({"a": 1, "b": [2.5]}, 0) == run_id({"b": (2.5,), "a": 1}, 0)
    ids = {run_id({"a": 1}, 0), run_id({"a": 1}, 1), run_id({"a": 2}, 0), run_id({"b": 1}, 0)}
    assert len(ids) == 4
    assert all(len(name) == 12 and int(name, 16) >= 0 for name in ids)


def test_different_settings_have_different_default_directories() -> None:
    def directory(rate: float) -> Path:
        header, document = SimpleNamespace(name="toy"), {"training": {"learning_rate": rate}}
        scenario = SimpleNamespace(header=header, algorithm="fedavg", document=document)
        return default_directory(Path("runs"), scenario, 3)  # type: ignore[arg-type]

    assert directory(0.1) == directory(0.1) != directory(0.2)
    assert directory(0.1).name.startswith("toy-fedavg-seed-3-")


def test_a_listing_shows_whole_and_damaged_runs_by_name_and_no_half_written_ones(
    result: RunResult, tmp_path: Path
) -> None:
    save_run(result, tmp_path / "sweep" / "b")
    save_run(replace(result, meta={"status": "failed", "error": "client 3 diverged"}), tmp_path / "sweep" / "a")
    damage(save_run(result, tmp_path / "c"), "evaluation.parquet")
    (tmp_path / ".d.partial-1").mkdir()
    (tmp_path / ".d.partial-1" / "meta.json").write_text(json.dumps({}))
    rows = list_runs(tmp_path)
    assert [(row["name"], row["status"]) for row in rows] == [
        ("c", "damaged"),
        ("sweep/a", "failed"),
        ("sweep/b", "done"),
    ]
    assert "evaluation.parquet" in rows[0]["error"]
    assert rows[1]["error"] == "client 3 diverged"
    expected = {
        "scenario": "toy",
        "algorithm": "fedavg",
        "seed": 4,
        "horizon_s": 20.0,
        "final_accuracy": 0.5,
        "final_metric": "accuracy",
        "final": 0.5,
    }
    assert {key: rows[2][key] for key in expected} == expected


def test_a_listing_sums_language_up_by_its_perplexity_and_a_run_without_evaluations_by_nothing(
    result: RunResult, tmp_path: Path
) -> None:
    metrics = {"accuracy": 0.1, "loss": 2.0, "perplexity": 7.5}
    names, values = list(metrics), list(metrics.values())
    words = pa.table({"time_s": [0.0] * 3, "version": [0] * 3, "metric": names, "value": values})
    save_run(replace(result, tables={"evaluation": words}), tmp_path / "words")
    save_run(replace(result, tables={"evaluation": words.slice(0, 0)}), tmp_path / "empty")
    found = {row["name"]: (row["final_metric"], row["final"], row["final_accuracy"]) for row in list_runs(tmp_path)}
    assert found == {"words": ("perplexity", 7.5, 0.1), "empty": (None, None, None)}


def test_listing_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="not a directory"):
        list_runs(tmp_path / "nowhere")


def test_runs_come_in_the_order_given_and_those_of_a_folder_by_name(result: RunResult, tmp_path: Path) -> None:
    for name in ("all/b", "all/deep/a", "c"):
        save_run(replace(result, run_id=name), tmp_path / name)
    found = load_runs([tmp_path / "c", tmp_path / "all", tmp_path / "all/deep/../b"])
    assert [run.run_id for run in found] == ["c", "all/b", "all/deep/a"]


def test_one_run_in_two_places_is_refused_with_both(result: RunResult, tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_run(result, tmp_path / name)
    with pytest.raises(RequestError, match=r"a and .*b are the same run"):
        load_runs([tmp_path])


def test_a_folder_without_runs_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is not a run directory: it holds nothing"):
        load_runs([tmp_path])
    with pytest.raises(RequestError, match="does not exist"):
        load_runs([tmp_path / "nowhere"])
