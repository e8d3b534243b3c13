"""Laws of placements in whole runs: the same rows under the same name, and a failure that is told and saved."""

import os
import signal
from pathlib import Path

import pytest
import torch
from small import small_regions, small_scenario
from small_split import small_split
from torch import nn
from typer.testing import CliRunner

from testbed.cli.application import app
from testbed.errors import RequestError, RunFailure
from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario
from testbed.experiments.store import load_run

GRAPHS = {
    "algorithm": {"kind": "fedgcf"}, "data.dataset": "digit-graphs", "devices.count": 5, "run.horizon_rounds": 3,
    "model": {"kind": "gin", "width": 16, "num_layers": 2},
}  # fmt: skip


def graphs() -> Scenario:
    scenario = Scenario.load("fedgcf")
    for key, value in GRAPHS.items():
        scenario = scenario.set(key, value)
    return scenario


WORLDS = {
    "federation": lambda: small_scenario(run__kernel="serial", algorithm__kind="fedavg"),
    "regions": lambda: small_regions(algorithm__kind="diloco"),
    "graphs": graphs,
    "split": small_split,
}


def placed(scenario: Scenario) -> Scenario:
    return scenario.set("run.placement", "processes").set("run.num_workers", 2)


def same(one: RunResult, other: RunResult) -> bool:
    return set(one.tables) == set(other.tables) and all(one.tables[k].equals(other.tables[k]) for k in one.tables)


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_a_run_in_worker_processes_has_the_name_the_document_and_every_row_of_one_here(world: str) -> None:
    here = WORLDS[world]().run(seed=3)
    there = placed(WORLDS[world]()).run(seed=3)
    assert there.run_id == here.run_id and there.scenario == here.scenario
    assert same(here, there)
    assert (here.meta["placement"], there.meta["placement"]) == ("inline", "processes")
    assert there.meta["placement_reason"] == "2 worker processes"


def test_neither_the_placement_nor_its_settings_are_part_of_a_run() -> None:
    document = small_scenario().resolve().document
    ray = small_scenario(run__placement="ray", run__num_workers=7, run__ray_address="ray-head:6379")
    for other in (placed(small_scenario()), ray, small_scenario(run__placement="auto")):
        assert other.resolve().document == document


class Deadly(nn.Module):
    """A network that takes every process along but the one in which it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.home = nn.Linear(64, 10), os.getpid()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if os.getpid() != self.home:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.layer(inputs.flatten(1))  # type: ignore[no-any-return]


@pytest.mark.slow
def test_a_run_whose_workers_are_killed_fails_by_name_is_saved_as_failed_and_can_be_made_again(tmp_path: Path) -> None:
    scenario = placed(small_scenario(run__kernel="serial", run__horizon_s=100))
    with pytest.raises(
        RunFailure, match=r"ended by SIGKILL; the machine may have run out of memory: it computed client"
    ):
        scenario.run(model=Deadly, out=tmp_path / "run")
    saved = load_run(tmp_path / "run")
    assert saved.failed and "SIGKILL" in saved.error
    again = scenario.set("run.placement", "inline").set("run.num_workers", None).run(model=Deadly, out=tmp_path / "run")
    assert again.run_id == saved.run_id and not load_run(tmp_path / "run").failed


def test_workers_of_a_placement_without_workers_are_a_bad_request() -> None:
    with pytest.raises(RequestError, match=r"run\.num_workers = 2: the placement 'inline' has no such setting"):
        small_scenario(run__num_workers=2).run()


def test_the_command_line_takes_a_placement_and_its_workers(tmp_path: Path) -> None:
    words = ["run", "air-fedga", "--set", "run.horizon_s=20", "--set", "run.evaluation_interval_s=10"]
    out = tmp_path / "run"
    done = CliRunner().invoke(app, [*words, "--placement", "auto", "--workers", "2", "--out", str(out)])
    assert done.exit_code == 0, done.output
    meta = load_run(out).meta
    assert meta["placement"] == "auto" and "in the process of the run" in meta["placement_reason"]
