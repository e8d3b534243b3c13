"""The two rules of IFCA: which of k models a client takes, and what becomes of each.

    client i takes the model of the lowest loss on its training data; model j <- sum n_i W_i / sum n_i over its takers

Ghosh et al., "An Efficient Framework for Clustered Federated Learning", NeurIPS 2020 (model averaging). Of equal losses
the first model is taken; a model that nobody took stays as it was.
"""

import numpy as np

from graphs.fusion import mean_of
from graphs.graph_set import IntArray
from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["average_by_choice", "choose_models"]


def choose_models(losses: FloatArray) -> IntArray:
    """Return the model that each client takes: (M,).

    Parameters
    ----------
    losses : (M, num_models), of each model on each client's training data.

    Raises
    ------
    RequestError : a client or a model is missing, or a loss is not a number.
    """
    exact = np.asarray(losses, dtype=np.float64)
    if exact.ndim != 2 or exact.size == 0 or np.isnan(exact).any():
        raise RequestError(f"losses must be a number for each client and model, got {exact!r}")
    return np.asarray(exact.argmin(axis=1), dtype=np.int64)


def average_by_choice(models: FloatArray, uploads: FloatArray, data_sizes: IntArray, choices: IntArray) -> FloatArray:
    """Return the models after a round: (num_models, num_parameters) float64.

    Parameters
    ----------
    models : (num_models, num_parameters) before it.
    uploads : (M, num_parameters) what each client made of the one it took.
    data_sizes : (M,) n_i.
    choices : (M,) which it took.
    """
    after = np.array(models, dtype=np.float64)
    for model in np.unique(choices):
        after[model] = mean_of(np.flatnonzero(choices == model).tolist(), uploads, data_sizes)
    return after
