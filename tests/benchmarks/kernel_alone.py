"""Ours without the simulator: the jobs of a round, made beforehand, computed by the same kernel in the same chunks.

What `ours` takes longer than this is what clock, channel, records, the making of jobs and the averaging cost.
"""

import argparse

import numpy as np
from measurement import Trained, measure, now
from scenario import dataset, options, scenario
from workload import SEED, Samples, build

from testbed import catalogue
from testbed.experiments.run import prepare, torch_threads
from testbed.learning.jobs import TrainingOutput
from testbed.learning.kernels.protocol import form_chunks


def train(model: str, samples: Samples, num_rounds: int, arguments: argparse.Namespace) -> Trained:
    """Compute the jobs of each round; nothing else is timed."""
    resolved = scenario(samples, num_rounds, arguments).resolve()
    workload = prepare(resolved, SEED, dataset(samples), model=build(model)).workload
    kernel, placement = workload.jobs.kernel, catalogue.load("placement", arguments.placement)()
    rng, size = np.random.default_rng(SEED), samples.size
    state, round_s = workload.initial_state, []
    with torch_threads(1):
        for version in range(num_rounds):
            cohort = rng.choice(size.num_clients, size.cohort, replace=False).tolist()
            jobs = [workload.next_job(client, version, state) for client in cohort]
            start_s = now()
            outputs = [output for chunk in placement.run(form_chunks(jobs, kernel)) for output in chunk]
            round_s.append(now() - start_s)
            learnt = [output.parameters for output in outputs if isinstance(output, TrainingOutput)]
            state = np.mean(learnt, axis=0, dtype=np.float64).astype(np.float32)
    return Trained.scored(workload.task.load(state, training=False), samples, round_s)


if __name__ == "__main__":
    measure("kernel", train, ["torch", "numpy"], options)
