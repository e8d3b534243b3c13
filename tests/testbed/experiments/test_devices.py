"""Laws of the device of a whole run: refused where it is missing, part of what a run is, and the same run otherwise.

Runs on a GPU are pretended (see `pretended.py`): they say that nothing of a run meets what lies elsewhere.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from pretended import DEVICE, pretended
from small import small_regions, small_scenario
from small_split import small_split

from testbed.cli.application import main
from testbed.errors import RequestError
from testbed.experiments import assembly
from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario
from testbed.learning import device as devices
from testbed.learning.placement import auto

SHORT = {"run__horizon_s": 24, "run__evaluation_interval_s": 8}
WORLDS = {
    "federation": lambda: small_scenario(run__kernel="serial", algorithm__kind="fedavg", **SHORT),
    "batched": lambda: small_scenario(**SHORT),
    "regions": lambda: small_regions(
        algorithm__kind="cocodc", run__horizon_rounds=8, run__evaluation_interval_rounds=4
    ),
    "data-parallel": lambda: small_regions(
        algorithm__kind="ddp", run__horizon_rounds=6, run__evaluation_interval_rounds=2
    ),
    "split": lambda: small_split(run__horizon_s=4, run__evaluation_interval_s=2),
}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have `cuda` mean the device that is pretended."""
    monkeypatch.setattr(devices, "cuda_devices", lambda: ["Pretended 3000"])
    monkeypatch.setattr(assembly, "torch_device", lambda kind: DEVICE if kind == "cuda" else torch.device("cpu"))
    with pretended():
        yield


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cuda_devices", list)


def values(run: RunResult) -> list[float]:
    table = run.tables["evaluation"]
    return [float(value) for value in table["value"].to_pylist()]


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_a_run_on_another_device_is_the_same_run_to_rounding(world: str, gpu: None) -> None:
    scenario = WORLDS[world]()
    here, there = scenario.run(seed=1), scenario.set("run.device", "cuda").run(seed=1)
    assert here.run_id != there.run_id
    assert "device" not in here.scenario["run"] and there.scenario["run"]["device"] == "cuda"
    assert here.meta["device"] == "cpu" and there.meta["device"].startswith("Pretended 3000, CUDA ")
    assert len(set(values(here))) > 4
    assert values(there) == pytest.approx(values(here), rel=1e-3, nan_ok=True)
    assert there.tables["span"].equals(here.tables["span"])


def answer(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Any, str]:
    """Return the exit code of the command line, and its message."""
    monkeypatch.setattr("sys.argv", ["testbed", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("verb", [["run", "air-fedga"], ["compare", "air-fedga", "--vary", "devices.count=5,6"]])
def test_without_a_gpu_it_is_refused_in_one_message_before_anything_starts(
    verb: list[str], no_gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    code, message = answer([*verb, "--device", "cuda", "--out", str(out)], monkeypatch, capsys)
    assert code == 2 and not out.exists()
    wanted = r"run\.device: 'cuda' was asked for, and PyTorch \S+ \(.*\) sees no CUDA device; allowed here: 'cpu'"
    assert len(re.findall(wanted, message)) == 1, message


def test_a_device_of_another_name_is_refused_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = answer(["run", "air-fedga", "--device", "gpu"], monkeypatch, capsys)
    assert code == 2 and "run.device = 'gpu': must be 'cpu' or 'cuda'" in message


def test_stored_results_of_the_cpu_are_not_replayed_for_a_gpu(gpu: None, tmp_path: Path) -> None:
    scenario = small_scenario(run__horizon_s=60, run__store=str(tmp_path), run__store_min_flop_per_byte=0)
    first, second = scenario.run(seed=1), scenario.set("run.device", "cuda").run(seed=1)
    third = scenario.set("run.device", "cuda").run(seed=1)
    assert [run.meta["store"]["num_reused"] for run in (first, second)] == [0, 0]
    assert third.meta["store"]["num_reused"] == third.meta["store"]["num_chunks"] > 0


def test_auto_starts_no_workers_that_would_wait_for_one_gpu(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "num_cores", lambda: 2)
    monkeypatch.setattr(auto, "_START_FLOP", 0.0)
    scenario = small_scenario(run__kernel="serial", run__placement="auto", run__device="cuda", run__horizon_s=60)
    reason = scenario.run(seed=1).meta["placement_reason"]
    assert reason == "in the process of the run: workers would wait for the same GPU"


def test_graphs_are_refused_on_a_gpu(gpu: None) -> None:
    with pytest.raises(RequestError, match=r"run\.device = 'pretended': the samples of 'digit-graphs' are no arrays"):
        Scenario.load("fedgcf").set("run.device", "cuda").set("data.dataset", "digit-graphs").run(seed=0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("placement", ["inline", "processes"])
def test_a_run_on_a_gpu_has_the_same_bytes_twice_and_wherever_it_is_placed(placement: str) -> None:
    scenario = small_scenario(run__device="cuda", run__kernel="serial", run__horizon_s=60)
    here, there = scenario.run(seed=1), scenario.set("run.placement", placement).run(seed=1)
    assert all(here.tables[name].equals(there.tables[name]) for name in here.tables)
