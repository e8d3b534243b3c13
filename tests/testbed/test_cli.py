"""The command line as a person meets it: what it prints, what it leaves, and what it says to bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

TESTBED = [sys.executable, "-m", "testbed.cli"]
SMALL = ["--set", "devices.count=6", "--set", "run.horizon_s=150", "--set", "run.evaluation_interval_s=10"]


def command(*arguments: str, cwd: Path, code: int = 0, **environment: str) -> str:
    """Run the command, check the exit code and that there is no traceback; return output or the message."""
    done = subprocess.run(
        [*TESTBED, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, env=os.environ | environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if code == 0 else done.stderr


def left_behind(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_run_is_saved_listed_shown_and_drawn(tmp_path: Path) -> None:
    out = command("run", "air-fedga", *SMALL, "--out", "one", "--json", cwd=tmp_path)
    document = json.loads(out)
    assert document["status"] == "done" and document["num_versions"] > 0
    command("run", "air-fedga", *SMALL, "--set", "algorithm.kind=fedavg", "--out", "two", cwd=tmp_path)
    listed = json.loads(command("ls", ".", "--json", cwd=tmp_path))["runs"]
    assert [row["name"] for row in listed] == ["one", "two"]
    shown = json.loads(command("show", "one", "two", "--json", cwd=tmp_path))
    assert shown["differences"]["algorithm.kind"] == ["air-fedga", "fedavg"]
    assert "algorithm.kind" in command("show", "one", "two", cwd=tmp_path)
    command("timeline", "one", "--png", "pictures/one.png", cwd=tmp_path)
    assert (tmp_path / "pictures/one.png").read_bytes().startswith(b"\x89PNG")


def test_a_comparison_is_one_json_document_with_a_row_per_method(tmp_path: Path) -> None:
    methods = "algorithm.kind=air-fedga,air-fedavg"
    arguments = ["compare", "air-fedga", *SMALL, "--vary", methods, "--seeds", "0-1", "--target", "accuracy>=0.999"]
    document: dict[str, Any] = json.loads(command(*arguments, "--json", cwd=tmp_path))
    assert [row["label"] for row in document["alternatives"]] == ["air-fedga", "air-fedavg"]
    for row in document["alternatives"]:
        assert (row["num_reached"], row["num_seeds"]) == (0, 2)
        assert row["time_to_s"]["median"] is None and row["time_to_s"]["reached"] is False
    assert set(document["explanations"]) == {"air-fedga", "air-fedavg"}
    assert left_behind(tmp_path) == []
    assert "not reached" in command(*arguments, cwd=tmp_path)


def test_a_dry_run_counts_what_a_run_does_and_leaves_nothing(tmp_path: Path) -> None:
    needs = json.loads(command("run", "air-fedga", *SMALL, "--dry-run", "--json", cwd=tmp_path))
    assert left_behind(tmp_path) == []
    real = json.loads(command("run", "air-fedga", *SMALL, "--out", "run", "--json", cwd=tmp_path))
    assert needs["num_versions"] == real["num_versions"]
    assert needs["timeline_exact"] is True and needs["wall_s"] > 0 and needs["flop"] > 0


def test_a_new_file_is_valid_and_is_never_overwritten(tmp_path: Path) -> None:
    command("new", "mine.toml", cwd=tmp_path)
    assert "valid" in command("validate", "mine.toml", cwd=tmp_path)
    assert "# " in (tmp_path / "mine.toml").read_text()
    (tmp_path / "mine.toml").write_text("mine")
    assert "exists" in command("new", "mine.toml", cwd=tmp_path, code=2)
    assert (tmp_path / "mine.toml").read_text() == "mine"


def test_the_list_has_every_kind_with_help(tmp_path: Path) -> None:
    everything = json.loads(command("list", "--json", cwd=tmp_path))
    assert {"algorithm", "power-control", "grouping", "fading", "device", "scenario"} <= set(everything)
    assert all(entry["help"] for entries in everything.values() for entry in entries)
    assert "greedy-refined" in command("list", "grouping", cwd=tmp_path)


def test_the_doctor_finds_this_installation_sound(tmp_path: Path) -> None:
    findings = json.loads(command("doctor", "--json", cwd=tmp_path))["findings"]
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
def test_a_wrong_request_gets_one_message_code_2_and_leaves_nothing(request_: str, tmp_path: Path) -> None:
    arguments, expected = BAD_REQUESTS[request_]
    message = command("run", "air-fedga", *arguments, "--out", "run", cwd=tmp_path, code=2, AIRWAN_DATA="")
    assert all(word in message for word in expected), message
    assert left_behind(tmp_path) == []


BAD_COMMANDS = {
    "an unknown scenario": (["run", "air-fedgs"], ["air-fedgs", "air-fedga"]),
    "an unknown verb": (["rum"], ["rum"]),
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
    "a run that is none": (["show", "nowhere"], ["nowhere", "does not exist"]),
    "a picture that is none": (["timeline", "nowhere", "--png", "x.svg"], ["x.svg", ".png"]),
}


@pytest.mark.parametrize("case", BAD_COMMANDS)
def test_a_wrong_command_gets_one_message_and_code_2(case: str, tmp_path: Path) -> None:
    arguments, expected = BAD_COMMANDS[case]
    message = command(*arguments, cwd=tmp_path, code=2)
    assert all(word in message for word in expected), message
    assert left_behind(tmp_path) == []


def test_a_file_that_is_not_toml_says_where(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[scenario\nname = 3")
    assert "broken.toml is not a TOML file" in command("run", "broken.toml", cwd=tmp_path, code=2)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    assert "binary.toml is not a TOML file" in command("validate", "binary.toml", cwd=tmp_path, code=2)


def test_a_directory_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    message = command("run", "air-fedga", "--out", "file/run", cwd=tmp_path, code=2)
    assert "file" in message
    assert left_behind(tmp_path) == ["file"]


def test_a_diverging_run_stops_when_the_update_is_read_and_is_stored_as_failed(tmp_path: Path) -> None:
    explode = ["--set", "training.learning_rate=1e30", "--set", "training.local_steps=50"]
    message = command("run", "air-fedga", *SMALL, *explode, "--out", "run", cwd=tmp_path, code=1)
    assert all(word in message for word in ("client", "round", "t = ", "not finite"))
    (row,) = json.loads(command("ls", ".", "--json", cwd=tmp_path))["runs"]
    assert row["status"] == "failed" and "not finite" in row["error"]


def test_an_interrupted_run_exits_with_130_and_leaves_nothing(tmp_path: Path) -> None:
    long_run = ["run", "air-fedga", "--set", "run.horizon_s=100000", "--kernel", "serial", "--out", "run"]
    process = subprocess.Popen([*TESTBED, *long_run], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=30)
    assert process.returncode == 130, message
    assert "interrupted" in message and "Traceback" not in message
    assert left_behind(tmp_path) == []
