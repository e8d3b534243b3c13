"""Ours: the whole simulator by its Python interface: clock, radio channel and records; evaluated at the end only."""

import argparse
from itertools import pairwise

from measurement import Seconds, Trained, measure, now
from scenario import dataset, options, scenario
from workload import Samples, build

from testbed.experiments.run import Progress


def train(model: str, samples: Samples, num_rounds: int, arguments: argparse.Namespace) -> Trained:
    """Run the scenario; a round lasts from one global version to the next."""
    marks_s: list[Seconds] = []

    def mark(_progress: Progress) -> None:
        marks_s.append(now())

    module = build(model)
    result = scenario(samples, num_rounds, arguments).run(model=module, dataset=dataset(samples), observe=mark)
    round_s = [stop - start for start, stop in pairwise(marks_s)]
    loss, accuracy = (float(result.series(metric)[1][-1]) for metric in ("loss", "accuracy"))
    return Trained(round_s, int(result.scenario["model"]["num_entries"]), loss, accuracy)


if __name__ == "__main__":
    measure("ours", train, ["torch", "numpy", "simpy"], options)
