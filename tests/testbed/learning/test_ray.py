"""Laws of a Ray cluster: two nodes on this machine give the bytes of this process, whoever is killed on the way."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from testbed.errors import RequestError
from testbed.learning.kernels.protocol import form_chunks
from testbed.learning.kernels.serial import SerialKernel
from testbed.learning.minibatches import BatchPlan
from testbed.learning.placement.on_ray import RayPlacement

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed: pip install 'airwan[ray]'"),
]

SMALL = ["--num-cpus=1", "--object-store-memory=200000000", "--disable-usage-stats", "--block"]
# A network that takes its process along the first time anybody but the driver computes with it.
PROGRAM = """
import json, os, signal, sys
import torch
from torch import nn
from testbed import Scenario

marker, driver = sys.argv[1], os.getpid()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
    def forward(self, inputs):
        if os.getpid() != driver:
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.layer(inputs.flatten(1))

scenario = Scenario.load("air-fedga").set("run.kernel", "serial").set("devices.count", 6)
scenario = scenario.set("algorithm.kind", "fedavg")
scenario = scenario.set("run.horizon_s", 400).set("run.evaluation_interval_s", 100).set("training.local_steps", 2)
here = scenario.run(model=Net)
there = scenario.set("run.placement", "ray").run(model=Net)
same = [name for name in here.tables if there.tables[name].equals(here.tables[name])]
print(json.dumps({
    "same": sorted(same) == sorted(there.tables), "chunks": here.tables["chunk"].num_rows,
    "ids": [here.run_id, there.run_id], "reason": there.meta["placement_reason"], "killed": os.path.exists(marker),
}))
"""


def node(*words: str) -> "subprocess.Popen[bytes]":
    program = "from ray.scripts.scripts import main; main()"
    command = [sys.executable, "-c", program, "start", *words, "--node-ip-address=127.0.0.1", *SMALL]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


@pytest.fixture
def address() -> Iterator[str]:
    """A cluster of a head and one more node, one core each, on the loopback interface."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    nodes: list[subprocess.Popen[bytes]] = []
    try:
        add_node(nodes, address, "--head", f"--port={port}", "--include-dashboard=false")
        add_node(nodes, address, f"--address={address}")
        yield address
    finally:
        for started in nodes[::-1]:
            stop(started)


def add_node(nodes: "list[subprocess.Popen[bytes]]", address: str, *words: str) -> None:
    """Add a node to a cluster; on a busy machine one may give up before its own helpers are there."""
    for _ in range(5):
        started = node(*words)
        if is_complete(address, len(nodes) + 1):
            nodes.append(started)
            return
        stop(started)
    pytest.fail("a node of the cluster did not start five times")


def is_complete(address: str, num_nodes: int) -> bool:
    """Return whether the cluster has so many nodes within a while."""
    program = f"""
import time, ray
ray.init({address!r}, logging_level="critical", log_to_driver=False)
while sum(node["Alive"] for node in ray.nodes()) != {num_nodes}:
    time.sleep(0.5)
"""
    command = [sys.executable, "-c", program]
    for _ in range(3):  # a cluster that is not there yet is an error at once
        try:
            if subprocess.run(command, check=False, timeout=60, stderr=subprocess.DEVNULL).returncode == 0:
                return True
        except subprocess.TimeoutExpired:
            return False
    return False


def stop(started: "subprocess.Popen[bytes]") -> None:
    """End a node with all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGTERM)
    started.wait(60)


def test_a_cluster_of_two_nodes_gives_the_bytes_of_this_process_though_a_worker_is_killed(
    address: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(PROGRAM, encoding="utf-8")
    environment = os.environ | {"RAY_ADDRESS": address}
    command = [sys.executable, str(script), str(tmp_path / "killed")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["same"] and found["chunks"] > 20 and found["ids"][0] == found["ids"][1]
    assert found["killed"]
    assert found["reason"] == f"on 2 cores of 2 nodes of the Ray cluster at '{address}'"


def test_an_address_without_a_cluster_is_a_bad_request(make_task: Any, make_jobs: Any) -> None:
    task = make_task(lambda: nn.Linear(13, 10), batch_width=10)
    jobs = make_jobs(task, [BatchPlan(10, local_steps=1)] * 2, [30] * 2)
    with pytest.raises(RequestError, match=r"no Ray cluster can be joined at '127\.0\.0\.1:1'"):
        list(RayPlacement(ray_address="127.0.0.1:1").run(form_chunks(jobs, SerialKernel())))
