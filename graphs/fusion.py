"""The fusion of FedGCF: structural models, one a cluster, a common node model, and what a client goes on with.

    W_struct^c = sum over i in C_c of n_i W_i / sum of n_i
    W_node     = sum over i in S_node of n_i W_i / sum of n_i
    W_c        = beta_c W_struct^c + (1 - beta_c) W_node

Gao et al., arXiv 2412.18845; the weights n_i and the direction of beta are our choice. All is affine: models that are
shifted or scaled together give fused ones that are. F2 of the specification is tested in `tests/graphs/test_fusion.py`.
"""

from collections.abc import Sequence

import numpy as np

from algorithms.aggregation.weighted_mean import weighted_mean
from graphs.graph_set import IntArray
from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["fuse", "mean_of", "structural_means"]


def mean_of(clients: Sequence[int], models: FloatArray, data_sizes: IntArray) -> FloatArray:
    """Return the mean of the models of some clients, weighted by their graphs: (num_parameters,) float64.

    Parameters
    ----------
    clients : whose, at least one.
    models : (M, num_parameters), weights or updates.
    data_sizes : (M,) n_i.
    """
    chosen = list(clients)
    return weighted_mean(models[chosen], np.asarray(data_sizes, dtype=np.float64)[chosen])


def structural_means(models: FloatArray, data_sizes: IntArray, clusters: IntArray) -> FloatArray:
    """Return W_struct of each cluster: (num_clusters, num_parameters) float64.

    Parameters
    ----------
    models : (M, num_parameters).
    data_sizes : (M,) n_i.
    clusters : (M,) from 0 on, none empty.

    Raises
    ------
    RequestError : arrays of different lengths, or an empty cluster.
    """
    if not len(models) == len(data_sizes) == len(clusters) > 0:
        lengths = len(models), len(data_sizes), len(clusters)
        raise RequestError(f"models, data sizes and clusters are not of the same clients: lengths {lengths}")
    present = np.unique(clusters)
    if not np.array_equal(present, np.arange(len(present))):
        raise RequestError(f"clusters must be numbered from 0 without a gap, got {present.tolist()}")
    return np.stack([mean_of(np.flatnonzero(clusters == c).tolist(), models, data_sizes) for c in present])


def fuse(structural: FloatArray, node: FloatArray, shares: FloatArray) -> FloatArray:
    """Return beta_c W_struct^c + (1 - beta_c) W_node of each cluster: (num_clusters, num_parameters).

    A share of 0 or 1 gives the one or the other model bit by bit.

    Parameters
    ----------
    structural : (num_clusters, num_parameters).
    node : (num_parameters,).
    shares : (num_clusters,) beta_c in [0, 1].

    Raises
    ------
    RequestError : a share outside [0, 1], or not one for each cluster.

    >>> fuse(np.array([[2.0], [4.0]]), np.array([0.0]), np.array([0.5, 0.25])).tolist()
    [[1.0], [1.0]]
    """
    beta = np.asarray(shares, dtype=np.float64)
    if beta.shape != (len(structural),):
        raise RequestError(f"{len(structural)} structural models need as many shares, got shape {beta.shape}")
    if not ((beta >= 0) & (beta <= 1)).all():
        raise RequestError(f"shares = {beta.tolist()}: the share of the structural model must be in [0, 1]")
    return beta[:, None] * structural + (1.0 - beta[:, None]) * node
