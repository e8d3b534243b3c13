"""Laws of a workload: what a number of operations has got of a job done."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from small import small_experiment

from testbed.learning.workload import Workload


@cache
def workload() -> Workload:
    """Return minibatches of 50, the last of an epoch smaller: steps of unequal cost."""
    return small_experiment(training__batch_size=50, training__local_steps=9).workload


def test_a_number_of_operations_has_done_the_steps_it_pays_for_and_not_one_more() -> None:
    job = workload().next_job(0, 0, workload().initial_state.copy())
    assert len({*job.counts.tolist()}) == 2
    for num_steps in range(1, job.num_steps + 1):
        flop = workload().flop_of(job.cut(num_steps))
        for paid in (flop, flop * (1 - 1e-12)):  # a stopped job's operations are rounded
            part = workload().part_done(job, paid)
            assert part is not None and part.num_steps == num_steps
        before = workload().part_done(job, flop * (1 - 1e-6))
        assert (before.num_steps if before else 0) == num_steps - 1


@settings(deadline=None)
@given(st.floats(0.0, 1.0))
def test_what_is_done_is_the_longest_beginning_that_costs_no_more(fraction: float) -> None:
    job = workload().next_job(1, 0, workload().initial_state.copy())
    flop = fraction * workload().flop_of(job)
    part = workload().part_done(job, flop)
    num_steps = part.num_steps if part else 0
    assert part is None or workload().flop_of(part) <= flop * (1 + 1e-8)
    assert num_steps == job.num_steps or workload().flop_of(job.cut(num_steps + 1)) > flop
    assert part is None or (part.client, part.index, part.torch_seed) == (job.client, job.index, job.torch_seed)


def test_the_term_costs_no_operations() -> None:
    """Element-wise work is not counted, and the term is element-wise, like weight decay and momentum."""
    base = workload().initial_state.copy()
    costs = [workload().flop_of(workload().next_job(2, 0, base, weight)) for weight in (0.0, 1.0)]
    assert costs[0] == costs[1] == workload().job_flop[2]
