"""Laws of matrices whose steps are kept apart, and of jobs in lockstep."""

from collections.abc import Generator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from testbed.learning.kernels import lockstep
from testbed.learning.kernels.deferred import DeferredMatrix, deferred_rows
from testbed.learning.kernels.lockstep import Asking, Product, in_lockstep
from testbed.learning.optimizer import OptimizerSettings

RATE, WIDTH = 0.25, 3


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def answered(asking: Asking[torch.Tensor]) -> torch.Tensor:
    return in_lockstep([asking])[0]


@given(
    num_steps=st.integers(0, 9),
    num_rows=st.integers(WIDTH, 12),
    weight_decay=st.sampled_from([0.0, 0.3]),
    is_shared=st.booleans(),
)
def test_steps_kept_apart_are_the_steps_of_the_matrix(
    num_steps: int, num_rows: int, weight_decay: float, is_shared: bool
) -> None:
    start = normal(5, 7)
    weight, place = start.clone(), start.clone()
    if is_shared:
        place.fill_(torch.nan)  # there is nothing in it yet
    settings = OptimizerSettings(learning_rate=RATE, weight_decay=weight_decay)
    deferred = DeferredMatrix(start if is_shared else place, place, settings, num_rows)
    for step in range(num_steps):
        # The last batch of an epoch has fewer rows.
        x, outer = (normal(WIDTH - step % 2, side, seed=step + 1) for side in (7, 5))
        torch.testing.assert_close(answered(deferred.forward(x)), x @ weight.T, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(answered(deferred.backward(outer)), outer @ weight, rtol=1e-4, atol=1e-4)
        deferred.descend(outer, x)
        weight = (1 - RATE * weight_decay) * weight - RATE * outer.T @ x
    deferred.settle()
    torch.testing.assert_close(place, weight, rtol=1e-4, atol=1e-4)
    assert torch.equal(start, normal(5, 7))  # others read it


def test_only_matrices_beyond_the_cache_are_deferred_and_only_for_a_few_rows() -> None:
    assert deferred_rows(500, 499, 1) == 0 < deferred_rows(500, 500, 1)
    most = deferred_rows(3136, 512, 1)
    assert 4 * most * (3136 + 512) <= 3136 * 512
    assert deferred_rows(3136, 512, most // 2) == most
    assert deferred_rows(3136, 512, most // 2 + 1) == 0


def asks(matrix: torch.Tensor, rows: list[torch.Tensor]) -> Generator[Product, torch.Tensor, list[bytes]]:
    """Ask for both products of each rows, and return their bytes."""
    answers = []
    for own in rows:
        answers.append((yield Product(own, matrix, forward=True)).numpy().tobytes())
        answers.append((yield Product(own[:, : len(matrix)].contiguous(), matrix, forward=False)).numpy().tobytes())
    return answers


@pytest.mark.parametrize("are_independent", [True, False])
def test_jobs_in_lockstep_get_the_answers_that_they_get_alone(
    monkeypatch: pytest.MonkeyPatch, are_independent: bool
) -> None:
    if not are_independent:
        monkeypatch.setattr(lockstep, "_rows_are_independent", lambda *_: False)
    shared, own = normal(48, 80), normal(48, 80, seed=1)
    # Of one matrix and of another, of one height and of another, some for longer than others.
    plans = [(shared, [10, 10, 4]), (own, [10]), (shared, [10, 4]), (shared, [10, 10, 4, 10])]
    wanted = [
        (matrix, [normal(height, 80, seed=job + 2) for height in heights])
        for job, (matrix, heights) in enumerate(plans)
    ]
    alone = [in_lockstep([asks(*one)])[0] for one in wanted]
    assert in_lockstep([asks(*one) for one in wanted]) == alone
    assert in_lockstep([asks(*one) for one in wanted[::-1]]) == alone[::-1]
    assert [len(answers) for answers in alone] == [6, 2, 4, 8]


def test_products_of_one_matrix_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, ...]] = []

    def note(_num_threads: int, num_parts: int, num_rows: int, *_: int) -> bool:
        asked.append((num_parts, num_rows))
        return True

    monkeypatch.setattr(lockstep, "_rows_are_independent", note)
    shared = normal(48, 80)
    in_lockstep([asks(shared, [normal(10, 80, seed=job)]) for job in range(3)])
    assert asked == [(3, 10), (3, 10)]


def test_rows_that_depend_on_their_neighbours_are_told_from_those_that_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = lockstep._rows_are_independent.__wrapped__
    assert tried(1, 3, 10, 80, 48, 48, 1)
    product = torch.Tensor.mm

    def centred(rows: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
        return product(rows - rows.mean(0), matrix)

    monkeypatch.setattr(torch.Tensor, "mm", centred)
    assert not tried(1, 3, 10, 80, 48, 48, 1)
