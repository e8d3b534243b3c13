import numpy as np
import pytest

from graphs.fusion import mean_of
from graphs.model_choice import average_by_choice, choose_models
from testbed.errors import RequestError

UPLOADS = np.array([[1.0, 2.0], [3.0, 0.0], [-1.0, 4.0]])
SIZES = np.array([1, 3, 2])


def test_each_client_takes_the_model_of_lowest_loss_and_of_equals_the_first() -> None:
    losses = np.array([[0.3, 0.1, 0.2], [0.5, 0.5, 0.5], [np.inf, 2.0, 1.0]])
    assert choose_models(losses).tolist() == [1, 0, 2]


def test_a_model_is_the_mean_of_its_takers_and_stays_where_there_are_none() -> None:
    models = np.array([[9.0, 9.0], [8.0, 8.0], [7.0, 7.0]])
    after = average_by_choice(models, UPLOADS, SIZES, np.array([0, 0, 2]))
    np.testing.assert_allclose(after, [[2.5, 0.5], [8.0, 8.0], [-1.0, 4.0]])
    assert models[0, 0] == 9.0


def test_with_one_model_it_is_fedavg() -> None:
    after = average_by_choice(np.zeros((1, 2)), UPLOADS, SIZES, choose_models(np.ones((3, 1))))
    np.testing.assert_array_equal(after[0], mean_of(range(3), UPLOADS, SIZES))


@pytest.mark.parametrize("losses", [np.empty((0, 2)), np.empty((2, 0)), np.ones(3), np.array([[np.nan, 1.0]])])
def test_losses_that_are_none_are_refused(losses: np.ndarray) -> None:
    with pytest.raises(RequestError, match="losses must be a number"):
        choose_models(losses)
