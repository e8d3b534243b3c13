"""The command line as a person meets it: what it prints, what it leaves, and what it says to bad input."""

import gzip
import json
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pages import Page
from trace_rules import check_trace

from testbed.cli import main
from testbed.views.progress import RunProgress

SMALL = ["--set", "devices.count=6", "--set", "run.horizon_s=150", "--set", "run.evaluation_interval_s=10"]

Command = Callable[..., str]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in an empty folder and check its exit code; return the output, or the message of a failure."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0, **environment: str) -> str:
        monkeypatch.setattr(sys, "argv", ["testbed", *arguments])
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit) as ended:  # anything else would be a traceback
            main()
        output, message = capsys.readouterr()
        assert ended.value.code == code, output + message
        return output if code == 0 else message

    return run


def left_behind(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_run_is_saved_listed_shown_and_drawn(command: Command, tmp_path: Path) -> None:
    out = command("run", "air-fedga", *SMALL, "--out", "one", "--json")
    document = json.loads(out)
    assert document["status"] == "done" and document["num_versions"] > 0
    command("run", "air-fedga", *SMALL, "--set", "algorithm.kind=fedavg", "--out", "two")
    listed = json.loads(command("ls", ".", "--json"))["runs"]
    assert [row["name"] for row in listed] == ["one", "two"]
    shown = json.loads(command("show", "one", "two", "--json"))
    assert shown["differences"]["algorithm.kind"] == ["air-fedga", "fedavg"]
    assert "algorithm.kind" in command("show", "one", "two")
    command("timeline", "one", "--png", "pictures/one.png")
    assert (tmp_path / "pictures/one.png").read_bytes().startswith(b"\x89PNG")
    command("timeline", "one", "--html", "pages/one.html", "--png", "again.png", "--start", "20", "--end", "60")
    assert '"window_s":[20.0,60.0]' in (tmp_path / "pages/one.html").read_text(encoding="utf-8")
    assert (tmp_path / "again.png").exists()


def test_a_report_has_the_numbers_of_the_comparison_whose_runs_it_shows(command: Command, tmp_path: Path) -> None:
    aim = ["--target", "accuracy>=0.3", "--target-rule", "first"]
    arguments = ["air-fedga", *SMALL, "--vary", "algorithm.kind=air-fedga,air-fedavg", "--seeds", "0-1", *aim]
    compared = json.loads(command("compare", *arguments, "--out", "runs", "--json"))
    assert "wrote" in command("report", "runs", "--html", "pages/r.html", "--reference", "air-fedga", *aim)
    page = Page((tmp_path / "pages/r.html").read_text(encoding="utf-8"))
    page.assert_complete_in_itself()
    for alternative in compared["alternatives"]:
        for row in alternative["seeds"]:
            (cells,) = (cells for cells in page.rows if row["run_id"] in cells)
            assert cells[:2] == [alternative["label"], str(row["seed"])]
            assert cells[4] == (f"{row['time_to_s']:.6g} s" if row["reached"] else "not reached")
            assert cells[5] == f"{row['final_accuracy']:.4f}"
    ((_, typed),) = page.all("pre")  # quoted: a shell would take > for a file
    assert typed == shlex.join(["testbed", "compare", *arguments, "--out", "runs", "--json"])


def test_a_run_is_traced_and_blamed(command: Command, tmp_path: Path) -> None:
    synchronous = ["--set", "algorithm.kind=air-fedavg", "--set", "run.horizon_s=600"]
    assert json.loads(command("run", "air-fedga", *SMALL, *synchronous, "--out", "one", "--json"))["num_versions"] > 0
    for name in ("traces/a.json", "traces/b.json.gz", "traces/c.json.gz"):
        assert name in command("timeline", "one", "--perfetto", name)
    plain, first, second = ((tmp_path / "traces" / name).read_bytes() for name in ("a.json", "b.json.gz", "c.json.gz"))
    assert gzip.decompress(first) == plain and first == second
    check_trace(json.loads(plain))
    command("timeline", "one", "--perfetto", "part.json", "--png", "part.png", "--start", "10", "--end", "20")
    assert len((tmp_path / "part.json").read_bytes()) < len(plain)
    assert (tmp_path / "part.png").exists()
    (shown,) = json.loads(command("show", "one", "--blame", "--json"))["runs"]
    assert shown["blame"]["elapsed_s"] == 600.0
    assert sum(part["seconds"] for part in shown["blame"]["run"].values()) == pytest.approx(600.0, abs=1e-9)
    assert len(shown["blame"]["updates"]) == shown["num_versions"]
    assert "Last of its round" in command("show", "one", "--blame")
    assert "Last of its round" not in command("show", "one")


def test_curves_are_written_beside_the_saved_runs_for_a_tracker(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")
    assert "curves in" in command("run", "air-fedga", *SMALL, "--out", "runs/one", "--track", "tensorboard")
    (events,) = (tmp_path / "runs/tensorboard/one").iterdir()
    assert "tfevents" in events.name
    vary = ["--vary", "algorithm.kind=air-fedga,fedavg", "--seeds", "0"]
    command("compare", "air-fedga", *SMALL, *vary, "--out", "sweep", "--track", "TensorBoard", "--json")
    found = sorted(path.parent.name for path in (tmp_path / "sweep/tensorboard").rglob("*tfevents*"))
    assert found == ["air-fedga-seed-0", "fedavg-seed-0"]
    assert len(json.loads(command("ls", ".", "--json"))["runs"]) == 3


def test_a_tracker_that_cannot_write_is_refused_before_the_run(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "tensorboard" in command("run", "air-fedga", *SMALL, "--track", "tensorbord", code=2)
    vary = ["--vary", "algorithm.kind=air-fedga,fedavg", "--track", "tensorboard"]
    monkeypatch.setattr("testbed.experiments.tensorboard_tracker.find_spec", lambda name: None)
    assert "airwan[tensorboard]" in command("compare", "air-fedga", *SMALL, *vary, "--out", "sweep", code=2)
    monkeypatch.setattr("testbed.experiments.tensorboard_tracker.find_spec", lambda name: name)
    assert "--out" in command("compare", "air-fedga", *SMALL, *vary, code=2)
    assert left_behind(tmp_path) == []


def test_a_timeline_outside_the_run_leaves_no_file(command: Command, tmp_path: Path) -> None:
    command("run", "air-fedga", *SMALL, "--out", "one", "--json")
    before = left_behind(tmp_path)
    assert "no trace from 200 s" in command("timeline", "one", "--perfetto", "a.json", "--start", "200", code=2)
    assert left_behind(tmp_path) == before


def test_a_comparison_is_one_json_document_with_a_row_per_method(command: Command, tmp_path: Path) -> None:
    methods = "algorithm.kind=air-fedga,air-fedavg"
    arguments = ["compare", "air-fedga", *SMALL, "--vary", methods, "--seeds", "0-1", "--target", "accuracy>=0.999"]
    document: dict[str, Any] = json.loads(command(*arguments, "--json"))
    assert [row["label"] for row in document["alternatives"]] == ["air-fedga", "air-fedavg"]
    for row in document["alternatives"]:
        assert (row["num_reached"], row["num_seeds"]) == (0, 2)
        assert row["time_to_s"]["median"] is None and row["time_to_s"]["reached"] is False
    assert set(document["explanations"]) == {"air-fedga", "air-fedavg"}
    assert left_behind(tmp_path) == []
    assert "not reached" in command(*arguments)


def test_two_variations_are_a_grid_in_the_table_the_document_and_a_picture(command: Command, tmp_path: Path) -> None:
    rules, groupings = "algorithm.power_control=ideal,full-power", "algorithm.grouping=single,singleton"
    arguments = ["compare", "air-fedga", *SMALL, "--vary", rules, "--vary", groupings, "--seeds", "0-1"]
    arguments += ["--target", "accuracy>=0.12"]
    document = json.loads(command(*arguments, "--heatmap", "pictures/grid.png", "--json"))
    grid = document["grid"]
    assert (tmp_path / "pictures/grid.png").read_bytes().startswith(b"\x89PNG")
    assert grid["rows"] == {"setting": "algorithm.power_control", "values": ["ideal", "full-power"]}
    assert grid["columns"] == {"setting": "algorithm.grouping", "values": ["single", "singleton"]}
    in_order = [row["time_to_s"]["median"] for row in document["alternatives"]]
    assert [time_s for row in grid["time_to_s"] for time_s in row] == in_order
    assert len(set(in_order)) > 1
    text = command(*arguments)
    assert "power_control \\ grouping" in text and "shortest: " in text


def test_the_picture_of_a_comparison_shows_the_metric_of_the_target_under_its_rule(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from testbed.views import curves

    drawn = []

    def plot_curves(*arguments: Any) -> Any:
        drawn.append(curves_of(*arguments))
        return drawn[-1]

    curves_of = curves.plot_curves
    monkeypatch.setattr(curves, "plot_curves", plot_curves)
    arguments = ["compare", "air-fedga", *SMALL, "--vary", "devices.count=5", "--seeds", "0", "--png", "a.png"]
    command(*arguments, "--target", "loss<=9", "--target-rule", "stable")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    (figure,) = drawn
    assert figure.axes[0].get_ylabel() == "test loss"
    assert any("loss<=9 reached (stable, median)" in text.get_text() for text in figure.texts)


def test_without_a_target_a_comparison_is_of_final_accuracies(command: Command) -> None:
    counts, rates = "devices.count=5,6", "training.learning_rate=0.01,0.3"
    arguments = ["compare", "air-fedga", *SMALL, "--vary", counts, "--vary", rates, "--seeds", "0", "--target", "none"]
    document = json.loads(command(*arguments, "--json"))
    assert document["target"] is None
    assert all(row["speed_up"] is None and not row["num_reached"] for row in document["alternatives"])
    finals = [row["final_accuracy"]["median"] for row in document["alternatives"]]
    assert [value for row in document["grid"]["final_accuracy"] for value in row] == finals
    text = command(*arguments)
    assert "Final accuracy" in text and "not reached" not in text and "undetermined" not in text


def test_of_language_a_comparison_has_no_target_by_default_and_says_so_beside_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    changes = ["run.horizon_rounds=48", "run.kernel=none"]
    arguments = ["--vary", "algorithm.kind=ddp,diloco", *(word for change in changes for word in ("--set", change))]
    monkeypatch.setattr(sys, "argv", ["testbed", "compare", "cocodc", *arguments, "--seeds", "0", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    output, message = capsys.readouterr()
    assert ended.value.code == 0, message
    assert json.loads(output)["target"] is None
    assert "no --target: for language models none is assumed" in message


def test_parts_of_one_kind_can_be_varied_and_are_told_apart(command: Command, tmp_path: Path) -> None:
    tiers = 'algorithm.air-fedga.grouping={kind="tier", num_groups=2},{kind="tier", num_groups=3}'
    arguments = ["compare", "air-fedga", *SMALL, "--vary", tiers, "--seeds", "0", "--out", "sweep", "--json"]
    document = json.loads(command(*arguments))
    assert [row["label"] for row in document["alternatives"]] == ["tier (num_groups=2)", "tier (num_groups=3)"]
    assert document["grid"] is None
    names = [path.name for path in sorted((tmp_path / "sweep").iterdir()) if path.is_dir()]
    assert names == ["grouping-tier-num-groups-2-seed-0", "grouping-tier-num-groups-3-seed-0"]


def test_a_dry_run_counts_what_a_run_does_and_leaves_nothing(command: Command, tmp_path: Path) -> None:
    needs = json.loads(command("run", "air-fedga", *SMALL, "--dry-run", "--json"))
    assert left_behind(tmp_path) == []
    real = json.loads(command("run", "air-fedga", *SMALL, "--out", "run", "--json"))
    assert needs["num_versions"] == real["num_versions"]
    assert needs["timeline_exact"] is True and needs["wall_s"] > 0 and needs["flop"] > 0


def test_a_second_run_with_a_store_trains_nothing_and_the_doctor_knows_its_size(
    command: Command, tmp_path: Path
) -> None:
    arguments = ["run", "air-fedga", *SMALL, "--store", "cache", "--set", "run.store_min_flop_per_byte=0"]
    for name in ("one", "two"):
        command(*arguments, "--out", name)
    metas = [json.loads((tmp_path / name / "meta.json").read_text()) for name in ("one", "two")]
    assert [meta["meta"]["store"]["reused_flop_fraction"] for meta in metas] == [0.0, 1.0]
    assert metas[0]["files"] == metas[1]["files"] and metas[0]["run_id"] == metas[1]["run_id"]
    num_chunks = metas[0]["meta"]["store"]["num_stored"]
    assert f"the results of {num_chunks} chunks" in command("doctor", "--store", "cache")
    compared = ["compare", *arguments[1:], "--vary", "algorithm.kind=air-fedga", "--seeds", "0", "--out", "sweep"]
    command(*compared)
    meta = json.loads((tmp_path / "sweep/air-fedga-seed-0/meta.json").read_text())
    assert meta["meta"]["store"]["reused_flop_fraction"] == 1.0 and meta["files"] == metas[0]["files"]


def test_a_store_where_none_can_be_is_refused_before_the_run(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "cannot make the store" in command("run", "air-fedga", *SMALL, "--store", "file", "--out", "run", code=2)
    assert left_behind(tmp_path) == ["file"]
    assert "mending" in command("doctor", "--store", "nowhere", code=1)


def test_trouble_with_a_store_is_said_in_one_line(command: Command, tmp_path: Path) -> None:
    limits = ["--set", "run.store_min_flop_per_byte=0", "--set", "run.store_max_bytes=1"]
    arguments = ["run", "air-fedga", *SMALL, "--store", "cache", *limits]
    code = f"import sys; from testbed.cli import main; sys.argv[1:] = {arguments!r}; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    assert line.startswith("testbed: the store cache/results.sqlite has reached its limit of 1 bytes")


def test_a_run_in_rounds_is_described_by_its_rounds(command: Command) -> None:
    rounds = ["--set", "run={horizon_rounds=3, evaluation_interval_rounds=1}", "--set", "devices.count=6"]
    assert "for 3 rounds" in command("validate", "air-fedga", *rounds)
    command("run", "air-fedga", *rounds, "--out", "run")
    assert "3 rounds" in command("ls", ".")
    assert json.loads(command("ls", ".", "--json"))["runs"][0]["horizon_rounds"] == 3


def test_a_new_file_is_valid_and_is_never_overwritten(command: Command, tmp_path: Path) -> None:
    command("new", "mine.toml")
    assert "valid" in command("validate", "mine.toml")
    assert "# " in (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.toml").write_text("mine")
    assert "exists" in command("new", "mine.toml", code=2)
    assert (tmp_path / "mine.toml").read_text() == "mine"


def test_the_list_has_every_kind_with_help(command: Command, tmp_path: Path) -> None:
    everything = json.loads(command("list", "--json"))
    assert {"algorithm", "power-control", "grouping", "fading", "device", "scenario"} <= set(everything)
    assert all(entry["help"] for entries in everything.values() for entry in entries)
    assert "greedy-refined" in command("list", "grouping")


def test_the_list_tells_the_settings_of_a_part(command: Command) -> None:
    listed = json.loads(command("list", "grouping", "greedy_refined", "--json"))["settings"]
    assert {"xi", "max_passes"} <= {row["setting"] for row in listed}
    assert "0.3" in command("list", "grouping", "greedy-refined")
    assert "required" in command("list", "partition", "dirichlet")


def test_a_comparison_is_resumed_by_the_name_of_its_directory(command: Command, tmp_path: Path) -> None:
    arguments = ["compare", "air-fedga", *SMALL, "--vary", "algorithm.kind=air-fedga,air-fedavg", "--seeds", "0-1"]
    compared = command(*arguments, "--target", "accuracy>=0.2", "--out", "sweep", "--json")
    shutil.rmtree(tmp_path / "sweep" / "air-fedavg-seed-1")
    kept = (tmp_path / "sweep" / "air-fedga-seed-0" / "meta.json").read_bytes()
    assert command("resume", "sweep", "--json") == compared
    assert (tmp_path / "sweep" / "air-fedavg-seed-1" / "meta.json").is_file()
    assert (tmp_path / "sweep" / "air-fedga-seed-0" / "meta.json").read_bytes() == kept


def test_a_run_that_fails_is_listed_with_the_command_that_repeats_it(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    varied = ["compare", "air-fedga", *SMALL, "--vary", "training.learning_rate=1e30,0.1", "--seeds", "2"]
    monitored = pytest.MonkeyPatch()
    monitored.setattr(sys, "argv", ["testbed", *varied, "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    monitored.undo()
    output, message = capsys.readouterr()
    assert ended.value.code == 0 and len(json.loads(output)["alternatives"]) == 2
    (words,) = (line.partition(": testbed ")[2] for line in message.splitlines() if "alone" in line)
    assert "diverged" in command(*shlex.split(words), code=1)


def test_the_doctor_finds_this_installation_sound(command: Command, tmp_path: Path) -> None:
    findings = json.loads(command("doctor", "--json"))["findings"]
    assert {finding["subject"] for finding in findings} >= {"python", "torch", "threads", "packages", "data"}


BAD_REQUESTS = {
    "an unknown key": (["--set", "devices.cuont=3"], ["devices", "cuont", "count"]),
    "an unknown kind": (["--set", "data.partition.kind=dirichlett"], ["data.partition", "dirichlet"]),
    "an unknown dataset": (["--set", "data.dataset=digitz"], ["data.dataset", "digits"]),
    "an unknown device": (["--set", "devices.profile=jetson-tx3"], ["devices.profile", "jetson-tx2-max-n"]),
    "an unknown algorithm": (["--set", "algorithm.kind=air-fedgb"], ["air-fedgb", "air-fedga"]),
    "an unknown setting of the method": (["--set", "algorithm.groping=single"], ["groping", "grouping"]),
    "a negative bandwidth": (["--set", "channel.uplink.bandwidth_hz=-1"], ["bandwidth_hz", "-1", "greater than 0"]),
    "the wrong unit": (["--set", "channel.uplink.bandwidth_hz=3 s"], ["bandwidth_hz", "'s'", "MHz"]),
    "no clients": (["--set", "devices.count=0"], ["devices.count", "0", "greater than or equal to 1"]),
    "a negative seed": (["--seed", "-1"], ["seed", "-1", "at least 0"]),
    "an unknown kernel": (["--kernel", "batchd"], ["batchd", "batched"]),
    "not an override": (["--set", "devices.count"], ["devices.count", "key=value"]),
    "data that is not there": (["--set", "data.dataset=mnist"], ["mnist", "--data"]),
    "more classes than there are": (
        ["--set", 'data.partition={kind="pathological", classes_per_client=11}'],
        ["classes_per_client", "11", "10"],
    ),
    "more clients than samples": (["--set", "devices.count=2000", "--set", "data.partition=iid"], ["2000", "1437"]),
    "more groups than clients": (
        ["--set", 'algorithm.grouping={kind="tier", num_groups=41}'],
        ["num_groups", "41", "40 clients"],
    ),
    "a fault of nobody": (["--set", "fault=[{device=99, start_s=1}]"], ["fault", "99"]),
    "a rate for nobody": (["--set", "training.learning_rate.fedsgd=0.1"], ["learning_rate"]),
}


@pytest.mark.parametrize("request_", BAD_REQUESTS)
def test_a_wrong_request_gets_one_message_code_2_and_leaves_nothing(
    request_: str, command: Command, tmp_path: Path
) -> None:
    arguments, expected = BAD_REQUESTS[request_]
    message = command("run", "air-fedga", *arguments, "--out", "run", code=2, AIRWAN_DATA="")
    assert all(word in message for word in expected), message
    assert left_behind(tmp_path) == []


BAD_COMMANDS = {
    "an unknown scenario": (["run", "air-fedgs"], ["air-fedgs", "air-fedga"]),
    "an unknown verb": (["rum"], ["rum"]),
    "nothing to resume": (["resume", "nowhere"], ["nowhere", "does not exist"]),
    "an unknown metric": (
        ["compare", "air-fedga", "--vary", "devices.count=5", "--target", "acuracy>=0.8"],
        ["acuracy", "accuracy"],
    ),
    "a target without a number": (
        ["compare", "air-fedga", "--vary", "devices.count=5", "--target", "accuracy>=high"],
        ["accuracy>=high"],
    ),
    "seeds that are none": (["compare", "air-fedga", "--vary", "devices.count=5", "--seeds", "a"], ["seeds", "'a'"]),
    "an unknown rule": (
        ["compare", "air-fedga", "--vary", "devices.count=5", "--target-rule", "last"],
        ["last", "stable"],
    ),
    "nothing to vary": (["compare", "air-fedga", "--vary", "devices.count"], ["devices.count"]),
    "a bad alternative": (
        ["compare", "air-fedga", "--vary", "algorithm.kind=air-fedga,fedavgg"],
        ["fedavgg", "fedavg"],
    ),
    "an unknown kind of part": (["list", "groping"], ["groping", "grouping"]),
    "settings of nothing": (["list", "grouping", "gredy"], ["gredy", "greedy-paper"]),
    "a run that is none": (["show", "nowhere"], ["nowhere", "does not exist"]),
    "a trace that is none": (["timeline", "nowhere", "--perfetto", "x.gz"], ["x.gz", ".json.gz"]),
    "a page that is none": (["timeline", "nowhere", "--html", "x.txt"], ["x.txt", ".html"]),
    "a timeline of no form": (["timeline", "nowhere"], ["nothing to write", "--png", "--html"]),
    "a report without a page": (["report", "nowhere"], ["--html"]),
    "a report that is no page": (["report", "nowhere", "--html", "x.pdf"], ["x.pdf", ".html"]),
    "a report on nothing": (["report", "nowhere", "--html", "x.html"], ["nowhere", "does not exist"]),
    "a report on an unknown metric": (
        ["report", "nowhere", "--html", "x.html", "--target", "acuracy>=0.8"],
        ["acuracy", "accuracy"],
    ),
    "a picture that is none": (["timeline", "nowhere", "--png", "x.svg"], ["x.svg", ".png"]),
}


@pytest.mark.parametrize("case", BAD_COMMANDS)
def test_a_wrong_command_gets_one_message_and_code_2(case: str, command: Command, tmp_path: Path) -> None:
    arguments, expected = BAD_COMMANDS[case]
    message = command(*arguments, code=2)
    assert all(word in message for word in expected), message
    assert left_behind(tmp_path) == []


BAD_SWEEPS = {
    "a metric that no run records": (
        ["--vary", "devices.count=5", "--target", "patience<=3"],
        ["patience", "known: accuracy, accuracy_class_K, client_accuracy_p10, loss, loss_VIEW, perplexity"],
    ),
    "a metric of language on data to classify": (
        ["--vary", "devices.count=5", "--target", "perplexity<=3"],
        ["perplexity", "known: accuracy, accuracy_class_0,", "client_accuracy_p10, loss"],
    ),
    "a view that the world does not have": (
        ["--vary", "devices.count=5", "--target", "loss_mean<=3"],
        ["loss_mean", "known: accuracy, accuracy_class_0,", "client_accuracy_p10, loss"],
    ),
    "a class that the data does not have": (
        ["--vary", "devices.count=5", "--target", "accuracy_class_17>=0.5"],
        ["accuracy_class_17", *(f"accuracy_class_{label}," for label in range(10)), "client_accuracy_p10, loss"],
    ),
    "a stop at what no run records": (
        ["--vary", "devices.count=5", "--set", "run.stop.target='accuracy_class_17>=0.5'"],
        ["accuracy_class_17", "accuracy_class_9", "client_accuracy_p10, loss"],
    ),
    "what does not go together": (
        ["--vary", "algorithm.payload=delta,model", "--vary", "algorithm.power_control=ideal,cotaf"],
        ["1 of the 4", "payload=model with power_control=cotaf:", 'needs payload = "delta"'],
    ),
    "more groups than clients": (
        ["--vary", "devices.count=5,40", "--vary", 'algorithm.grouping=single,{kind="tier", num_groups=9}'],
        ["1 of the 4", "count=5 with grouping=tier:", "there are 5 clients"],
    ),
    "a column that lacks a setting": (
        ["--vary", "devices.count=5,6", "--vary", "algorithm.grouping=single,tier"],
        ["2 of the 4", "  grouping=tier:", "num_groups: this setting is missing"],
    ),
    "a map of one variation": (["--vary", "devices.count=5,6", "--heatmap", "a.png"], ["--heatmap", "exactly two"]),
    "a map that is no picture": (
        ["--vary", "devices.count=5,6", "--vary", "algorithm.grouping=single", "--heatmap", "a.svg"],
        ["a.svg", ".png"],
    ),
    "a setting varied twice": (["--vary", "devices.count=5", "--vary", "devices.count=6"], ["varied twice"]),
}


@pytest.mark.parametrize("case", BAD_SWEEPS)
def test_a_sweep_that_could_not_be_finished_is_refused_before_any_run(
    case: str, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("a run was started")

    monkeypatch.setattr("testbed.experiments.sweep.run_sweep", never)
    arguments, expected = BAD_SWEEPS[case]
    message = command("compare", "air-fedga", *arguments, code=2)
    assert all(word in message for word in expected), message
    assert left_behind(tmp_path) == []


def test_a_file_that_is_not_toml_says_where(command: Command, tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[scenario\nname = 3")
    assert "broken.toml is not a TOML file" in command("run", "broken.toml", code=2)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert "binary.toml is not a TOML file" in command("validate", "binary.toml", code=2)


def test_a_directory_that_cannot_be_written_is_refused_before_the_run(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    message = command("run", "air-fedga", "--out", "file/run", code=2)
    assert "file" in message
    assert left_behind(tmp_path) == ["file"]


def test_a_diverging_run_stops_when_the_update_is_read_and_is_stored_as_failed(
    command: Command, tmp_path: Path
) -> None:
    explode = ["--set", "training.learning_rate=1e30", "--set", "training.local_steps=50"]
    message = command("run", "air-fedga", *SMALL, *explode, "--out", "run", code=1)
    assert all(word in message for word in ("client", "round", "t = ", "not finite"))
    (row,) = json.loads(command("ls", ".", "--json"))["runs"]
    assert row["status"] == "failed" and "not finite" in row["error"]


def test_an_interruption_at_any_version_leaves_nothing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: RunProgress, label: str) -> Callable[[Any], None]:
        def observe(at: Any) -> None:
            if at.version == 3:
                raise KeyboardInterrupt

        return observe

    monkeypatch.setattr(RunProgress, "observer", interrupt)
    assert "interrupted" in command("run", "air-fedga", *SMALL, "--out", "run", code=130)
    assert left_behind(tmp_path) == []


@pytest.mark.slow
def test_an_interrupted_run_exits_with_130_and_leaves_nothing(tmp_path: Path) -> None:
    long_run = ["run", "air-fedga", "--set", "run.horizon_s=100000", "--kernel", "serial", "--out", "run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "testbed.cli", *long_run], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    time.sleep(10)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130, message
    assert "interrupted" in message and "Traceback" not in message
    assert left_behind(tmp_path) == []
