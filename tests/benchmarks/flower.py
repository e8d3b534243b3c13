"""Flower: its federated averaging in its simulation over Ray, one worker a core, in its own environment."""

import argparse
import logging
import os
import tempfile
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import flower_client
from flwr.app import ArrayRecord, ConfigRecord, Context, Message
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from measurement import Seconds, Trained, measure, note_peak, now
from workload import Samples, build


class _Timed(FedAvg):
    """Federated averaging that notes the time when the first round begins and when each ends."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.times_s: list[Seconds] = []

    def configure_train(self, server_round: int, *rest: Any) -> Iterable[Message]:
        if not self.times_s:
            self.times_s.append(now())
        return super().configure_train(server_round, *rest)

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> Any:
        result = super().aggregate_train(server_round, replies)
        self.times_s.append(now())
        return result


def train(model: str, samples: Samples, num_rounds: int, arguments: argparse.Namespace) -> Trained:
    """Train with as many workers as asked for; nothing is evaluated on the way."""
    logging.getLogger("flwr").setLevel(logging.WARNING)
    size, module, trained = samples.size, build(model), []
    server = ServerApp()

    with tempfile.TemporaryDirectory() as folder:
        flower_client.keep_samples(Path(folder), samples.train_inputs, samples.train_labels)

        @server.main()
        def main(grid: Grid, _context: Context) -> None:
            strategy = _Timed(
                fraction_train=size.cohort / size.num_clients,
                fraction_evaluate=0.0,
                min_train_nodes=size.cohort,
                min_available_nodes=size.num_clients,
            )
            config = ConfigRecord({"model": model, "folder": folder, "samples-per-client": size.samples_per_client})
            result = strategy.start(grid, ArrayRecord(module.state_dict()), num_rounds=num_rounds, train_config=config)
            module.load_state_dict(result.arrays.to_torch_state_dict())
            round_s = [stop - start for start, stop in pairwise(strategy.times_s)]
            note_peak()
            trained.append(Trained.scored(module, samples, round_s))

        run_simulation(
            server_app=server,
            client_app=flower_client.app,
            num_supernodes=size.num_clients,
            backend_config={
                "init_args": {
                    "address": "local",
                    "num_cpus": arguments.processes,
                    "include_dashboard": False,
                    "log_to_driver": False,
                },
                "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            },
        )
    (outcome,) = trained
    return outcome


if __name__ == "__main__":
    measure("flower", train, ["flwr", "ray", "torch", "numpy"])
