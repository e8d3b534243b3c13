"""The scenarios of regions that read the data folder: their files are there, an outage costs time and nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_sets import data_folder, data_folder_with

from testbed.experiments.result import RunResult
from testbed.experiments.scenario import Scenario

NEEDS = {
    "cocodc-backbone": "topologies/graphml/Geant2012.graphml",
    "cocodc-cities": "wondernetwork_pings/pings_2018.csv.gz",
    "cocodc-outage": "mobile_bandwidth/lte_4g.zip",
}


def run(name: str, **settings: Any) -> RunResult:
    folder = data_folder_with(NEEDS[name])
    scenario = Scenario.load(name).set("run.kernel", "none")
    for key, value in settings.items():
        scenario = scenario.set(key.replace("__", "."), value)
    return scenario.run(seed=0, data_dir=folder)


def test_without_the_variable_the_data_is_looked_for_beside_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRWAN_DATA", raising=False)
    assert data_folder() == (Path(__file__).parents[2] / "../shared/data").resolve()
    monkeypatch.setenv("AIRWAN_DATA", "elsewhere")
    assert data_folder() == Path.cwd() / "elsewhere"


@pytest.mark.parametrize("name", NEEDS)
def test_all_bits_of_finished_exchanges_arrived(name: str) -> None:
    found = run(name, algorithm__kind="diloco", run__horizon_rounds=96, run__evaluation_interval_rounds=24)
    delivered = found.column("flow", "outcome") == "delivered"
    assert found.column("flow", "bits")[delivered].sum() == pytest.approx(found.column("sync", "bits").sum(), rel=1e-9)
    assert len(found.column("sync", "sync")) == 4


def stalls(found: RunResult) -> list[tuple[float, float]]:
    is_stall = found.column("span", "kind") == "stall"
    starts_s, ends_s = (found.column("span", name)[is_stall] for name in ("start_s", "end_s"))
    return sorted(zip(starts_s.tolist(), ends_s.tolist(), strict=True))


@pytest.mark.parametrize("method", ["diloco", "streaming-diloco", "cocodc"])
def test_a_link_that_fails_holds_everybody_up_until_it_is_back_and_loses_nothing(method: str) -> None:
    settings = {"algorithm__kind": method, "run__horizon_rounds": 240}
    failing, whole = run("cocodc-outage", **settings), run("cocodc-outage", **settings, network__fault=[])
    longest = max(stalls(failing), key=lambda stall: stall[1] - stall[0])
    assert longest[0] < 320 < longest[1]  # it ends after the link is back, at 320 s
    assert longest[1] - longest[0] > 100
    assert max((end_s - start_s for start_s, end_s in stalls(whole)), default=0.0) < 40
    assert 60 < failing.elapsed_s - whole.elapsed_s < 140
    if method != "cocodc":  # which sends as often as the network has carried so far
        for column in ("fragment", "send_step", "apply_step", "bits"):
            np.testing.assert_array_equal(failing.column("sync", column), whole.column("sync", column))
