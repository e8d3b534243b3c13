# ruff: noqa: T201 - a script that prints what it measured
"""What a million registered clients cost: set-up, memory, and a round, beside the same run with a thousand.

    python tests/benchmarks/population.py [--clients 1000000] [--rounds 20]

Every measurement is made in a process of its own. Memory is the largest resident set beyond the process with everything
imported and the data set made. Times are of this process's own computing (CPU), so that other work on the machine does
not count; a round's is the median, a version's of a method without rounds the mean, for it trains many jobs at a time.
100 clients are active a round, or train at any time; the samples have 8 features, one a client.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

METHODS: dict[str, dict[str, Any]] = {
    "fedavg, ofdma": {"algorithm.kind": "fedavg", "algorithm.fedavg": {"access": "ofdma"}},
    "fedavg, tdma": {"algorithm.kind": "fedavg", "algorithm.fedavg": {"access": "tdma"}},
    "air-fedavg": {"algorithm.kind": "air-fedavg", "algorithm.air-fedavg": {}},
    "fedasync": {"algorithm.kind": "fedasync", "algorithm.fedasync": {}},
    "fedbuff": {"algorithm.kind": "fedbuff", "algorithm.fedbuff": {}},
}


def measure(method: str, num_clients: int, num_rounds: int) -> dict[str, float]:
    import numpy as np
    import pyarrow  # noqa: F401 - part of the process before the run
    import torch

    from testbed.experiments.run import prepare
    from testbed.experiments.scenario import Scenario
    from testbed.learning.datasets.dataset import Dataset

    torch.set_num_threads(1)
    rng, num_samples = np.random.default_rng(0), max(num_clients, 1000)
    data = Dataset(
        name="population",
        train_inputs=rng.standard_normal((num_samples, 8)).astype(np.float32),
        train_labels=rng.integers(10, size=num_samples),
        test_inputs=rng.standard_normal((100, 8)).astype(np.float32),
        test_labels=np.arange(100) % 10,
        num_classes=10,
    )
    settings = METHODS[method] | {
        "devices.count": num_clients,
        "data.partition": "iid",
        "training.batch_size": 10,
        "training.learning_rate": 0.1,
        "run.horizon_rounds": num_rounds,
        "run.horizon_s": 1e6,
        "run.evaluation_interval_s": 1e5,
    }
    kind = settings["algorithm.kind"]
    has_rounds = "fedavg" in kind
    some = {"selection": {"kind": "random", "num_clients": 100}} if has_rounds else {"concurrency": 100}
    settings[f"algorithm.{kind}"] |= some
    scenario = Scenario.load("air-fedga")
    for key, value in settings.items():
        scenario = scenario.set(key, value)
    resolved = scenario.resolve()
    before_mb, start_s = resident_mb(), time.process_time()
    rounds_s: list[float] = []
    experiment = prepare(resolved, 0, data, observe=lambda _: rounds_s.append(time.process_time()))
    experiment.run()
    return {
        "set-up [s]": rounds_s[0] - start_s,
        "first round [s]": rounds_s[1] - rounds_s[0],
        "round [ms]": 1e3 * float((np.median if has_rounds else np.mean)(np.diff(rounds_s)[1:])),
        "memory [MB]": resident_mb() - before_mb,
    }


def resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure(options.alone, options.clients, options.rounds)))
        return
    for method in METHODS:
        rows = []
        for num_clients in (1000, options.clients):
            command = [sys.executable, __file__, "--alone", method, "--clients", str(num_clients)]
            answer = subprocess.check_output([*command, "--rounds", str(options.rounds)], text=True)
            rows.append(json.loads(answer))
            print(f"{method}, {num_clients} clients:", ", ".join(f"{name} {x:.3g}" for name, x in rows[-1].items()))
        print(f"{method}: a round takes {rows[1]['round [ms]'] / rows[0]['round [ms]']:.2f} times as long")


if __name__ == "__main__":
    main()
