"""Rounds of the whole simulator on the comparison's workload, small: clock, channel, records and arithmetic."""

import argparse

import pytest
from scenario import dataset, scenario
from workload import MODELS, SEED, SMALL, Samples, build

from testbed.experiments.run import prepare, torch_threads

NUM_ROUNDS = 3


@pytest.fixture(scope="module")
def samples():
    return Samples.draw(SMALL)


@pytest.mark.parametrize("model", MODELS)
def test_three_rounds(benchmark, samples, model):
    asked = argparse.Namespace(kernel="batched", placement="inline", processes=1)
    resolved, data = scenario(samples, NUM_ROUNDS, asked).resolve(), dataset(samples)

    def built():
        return (prepare(resolved, SEED, data, model=build(model)),), {}

    with torch_threads(1):
        reason = benchmark.pedantic(lambda experiment: experiment.run(), setup=built, rounds=5)
    assert reason == "rounds"
