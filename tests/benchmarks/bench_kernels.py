"""The kernels: ten clients' jobs of the comparison's workload, by every kernel that computes."""

import argparse

import pytest
from scenario import dataset, scenario
from workload import MODELS, SEED, SMALL, Samples, build

from testbed.experiments.run import prepare, torch_threads
from testbed.learning.kernels.protocol import form_chunks


@pytest.fixture(scope="module")
def samples():
    return Samples.draw(SMALL)


@pytest.mark.parametrize("kernel", ["serial", "batched"])
@pytest.mark.parametrize("model", MODELS)
def test_ten_jobs(benchmark, samples, model, kernel):
    asked = argparse.Namespace(kernel=kernel, placement="inline", processes=1)
    workload = prepare(scenario(samples, 1, asked).resolve(), SEED, dataset(samples), model=build(model)).workload
    jobs = [workload.next_job(client, 0, workload.initial_state) for client in range(SMALL.cohort)]

    def compute():
        return [output for chunk in form_chunks(jobs, workload.jobs.kernel) for output in chunk.compute()]

    with torch_threads(1):
        outputs = benchmark(compute)
    assert len(outputs) == len(jobs)
