"""Feature heterogeneity: how alike the features at the two ends of an edge are, and how that differs between clients.

GCFL (Xie et al., NeurIPS 2021) tells clients apart by the distribution of the cosine of the features at the ends of an
edge: a Kolmogorov-Smirnov test at level 0.01, or the Jensen-Shannon divergence. It compares agreements, never features,
so clients need not have the same ones. Our choices: 20 bins on [-1, 1]; a node without features agrees with none (0).
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import ks_2samp

from graphs.graph_set import GraphSet, IntArray
from graphs.structure.distances import jensen_shannon_bits
from testbed.errors import RequestError
from testbed.layout import FloatArray

__all__ = ["AgreementDifference", "agreement_difference", "attribute_agreement"]

_NUM_BINS = 20


@dataclass(frozen=True)
class AgreementDifference:
    """How far the agreements of two clients are apart.

    Attributes
    ----------
    jensen_shannon_bits : of the histograms, in [0, 1].
    p_value : of the Kolmogorov-Smirnov test that both are draws of one distribution.
    """

    jensen_shannon_bits: float
    p_value: float

    @property
    def differs(self) -> bool:
        """Whether the test rejects at level 0.01, as GCFL's analysis does."""
        return self.p_value < 0.01


def attribute_agreement(graphs: GraphSet, members: IntArray) -> FloatArray:
    """Return cos(x_u, x_v) for every edge of the graphs `members`, whatever its directions, once: (num_edges,)."""
    agreements = [_of_graph(graphs, int(graph)) for graph in members]
    return np.concatenate(agreements) if agreements else np.empty(0)


def agreement_difference(first: FloatArray, second: FloatArray) -> AgreementDifference:
    """Return how far two samples of agreements, each of at least one edge, are apart.

    Raises
    ------
    RequestError : a sample without edges.
    """
    if len(first) == 0 or len(second) == 0:
        raise RequestError("attribute agreement needs at least one edge on either side")
    bins = np.linspace(-1.0, 1.0, _NUM_BINS + 1)
    inside = [np.clip(np.round(sample, 9), -1.0, 1.0) for sample in (first, second)]
    histograms = np.stack([np.histogram(sample, bins)[0] for sample in inside])
    return AgreementDifference(float(jensen_shannon_bits(histograms)[0, 1]), float(ks_2samp(*inside).pvalue))


def _of_graph(graphs: GraphSet, graph: int) -> FloatArray:
    features = graphs.features_of(graph).astype(np.float64)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    units = features / np.where(norms > 0, norms, 1.0)
    source, target = np.unique(np.sort(graphs.edges_of(graph), axis=0), axis=1)  # once, or the test counts it twice
    return np.asarray((units[source] * units[target]).sum(axis=1))
