"""Samples of unequal cost, such as graphs: what a job costs is the sum over the samples that it visits."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import small_experiment

from testbed.learning.cost import TrainingCost
from testbed.learning.minibatches import BatchPlan
from testbed.learning.workload import Workload

PER_SAMPLE = np.random.default_rng(1).uniform(1e3, 1e5, 1797)


def uneven(cost: TrainingCost) -> TrainingCost:
    per_sample = PER_SAMPLE[: cost_samples()]
    return replace(
        cost,
        flop_per_sample=float(per_sample.mean()),
        forward_flop_per_sample=float(per_sample.mean()) / 3,
        flop_of_sample=per_sample,
    )


def cost_samples() -> int:
    return len(small_experiment().workload.data.train_labels)


@cache
def workload(batch_size: Any = 50, local_steps: int = 7) -> Workload:
    """Return a workload of digits whose costs are made up."""
    made = small_experiment(training__batch_size=batch_size, training__local_steps=local_steps).workload
    made.cost = uneven(made.cost)
    return made


@pytest.mark.parametrize("batch_size", [50, "full"])
def test_a_job_costs_the_sum_over_all_samples_of_all_its_steps(batch_size: Any) -> None:
    made = workload(batch_size)
    job = made.next_job(1, 0, made.initial_state)
    expected = 0.0
    for step in range(job.num_steps):
        row = step % len(job.counts)
        expected += PER_SAMPLE[job.samples[row][: job.counts[row]]].sum()
    assert made.flop_of(job) == pytest.approx(expected, rel=1e-12)


def test_equal_costs_by_sample_are_the_cost_without_them() -> None:
    made = small_experiment(training__batch_size=50, training__local_steps=7).workload
    plain = made.cost
    job = made.next_job(0, 0, made.initial_state)
    before = made.flop_of(job), made.job_flop, made.part_done(job, 0.6 * made.flop_of(job))
    made.cost = replace(plain, flop_of_sample=np.full(cost_samples(), plain.flop_per_sample))
    assert made.flop_of(job) == pytest.approx(before[0], rel=1e-12)
    np.testing.assert_allclose(made.job_flop, before[1], rtol=1e-12)
    part = made.part_done(job, 0.6 * before[0])
    assert part is not None
    assert before[2] is not None
    assert part.num_steps == before[2].num_steps


@pytest.mark.parametrize("batch_size", [50, "full"])
@settings(deadline=None)
@given(fraction=st.floats(0.0, 1.0))
def test_what_is_done_is_the_longest_beginning_that_costs_no_more(batch_size: Any, fraction: float) -> None:
    made = workload(batch_size)
    job = made.next_job(2, 0, made.initial_state)
    flop = fraction * made.flop_of(job)
    part = made.part_done(job, flop)
    num_steps = part.num_steps if part else 0
    assert part is None or made.flop_of(part) <= flop * (1 + 1e-8)
    assert num_steps == job.num_steps or made.flop_of(job.cut(num_steps + 1)) > flop
    assert made.part_done(job, -flop - 1.0) is None


def test_a_planned_job_costs_as_one_that_visits_all_samples_equally_often() -> None:
    made = workload(50, 6)
    for client, shard in enumerate(made.shards):
        visits = BatchPlan(50, local_steps=6).samples_per_job(len(shard)) / len(shard)
        assert made.job_flop[client] == pytest.approx(visits * PER_SAMPLE[shard].sum(), rel=1e-12)


def test_a_forward_pass_is_its_share_of_each_sample() -> None:
    cost = workload().cost
    samples = np.array([[4, 7], [7, 100]])
    assert cost.flop_of(samples) == pytest.approx(PER_SAMPLE[[4, 7, 7, 100]].sum(), rel=1e-12)
    assert cost.forward_flop_of(samples) == pytest.approx(PER_SAMPLE[[4, 7, 7, 100]].sum() / 3, rel=1e-12)
    assert cost.flop_of(np.empty(0, np.int64)) == 0.0
