"""How different the clients' data are, in three respects: classes, structure, features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphs.graph_set import GraphSet, IntArray
from graphs.node_set import NodeSet

__all__ = ["Heterogeneity", "heterogeneity"]

_NUM_BINS = 20

Values = npt.NDArray[np.floating]


@dataclass(frozen=True, kw_only=True, eq=False)
class Heterogeneity:
    """How far each client is from all together: 0 is no difference. A respect that was not asked for is None.

    Attributes
    ----------
    label_js_bits : (num_clients,) Jensen-Shannon divergence of the client's classes and those of its domain, 0 to 1.
    structure_distance : (num_clients,) Euclidean distance of the client's structure vector and the mean of all,
        weighted by their numbers of graphs.
    feature_js_bits : (num_clients,) Jensen-Shannon divergence of the client's attribute agreements and those of all, 0
        to 1; not a number for a client without edges.
    """

    label_js_bits: Values
    structure_distance: Values | None = None
    feature_js_bits: Values | None = None

    def means(self) -> dict[str, float]:
        """Return the mean over clients, those without a value left out, of each respect that was asked for."""
        found = {name: getattr(self, name) for name in ("label_js_bits", "structure_distance", "feature_js_bits")}
        return {
            name: float(values[~np.isnan(values)].mean()) if not np.isnan(values).all() else float("nan")
            for name, values in found.items()
            if values is not None
        }


def heterogeneity(
    data: GraphSet | NodeSet,
    shards: Sequence[IntArray],
    vectors: Values | None = None,
    agreements: Sequence[Values] | None = None,
) -> Heterogeneity:
    """Return how far the clients' data are from all that was dealt.

    Our choice: each client is compared with all together, not with every other client, because clients of two domains
    have no classes in common.

    Parameters
    ----------
    data : what was dealt.
    shards : each client's graphs, of one domain, or nodes; at least one.
    vectors : (num_clients, width) structure vectors.
    agreements : each client's attribute agreements, the cosines of the features at the two ends of its edges, -1 to 1
        (GCFL's measure of features, comparable across domains); compared in 20 bins.
    """
    sizes = np.array([len(shard) for shard in shards], float)
    label_js = np.array([_label_js_bits(data, shards, shard) for shard in shards])
    distance = None
    if vectors is not None:
        distance = np.linalg.norm(vectors - np.average(vectors, axis=0, weights=sizes), axis=1)
    feature_js = None
    if agreements is not None:
        counts = np.stack([_histogram(values) for values in agreements])
        feature_js = np.array([_js_bits(row, counts.sum(axis=0)) if row.any() else np.nan for row in counts])
    return Heterogeneity(label_js_bits=label_js, structure_distance=distance, feature_js_bits=feature_js)


def _label_js_bits(data: GraphSet | NodeSet, shards: Sequence[IntArray], shard: IntArray) -> float:
    dealt = np.concatenate(shards)
    if isinstance(data, GraphSet):
        dealt = dealt[data.domain_of[dealt] == data.domain_of[shard[0]]]
    width = int(data.labels[dealt].max()) + 1
    return _js_bits(*(np.bincount(data.labels[ids], minlength=width) for ids in (shard, dealt)))


def _histogram(agreements: Values) -> IntArray:
    # Rounded, or a cosine of 1 - 2^-53 would lie in another bin than one of 1 + 2^-52.
    inside = np.clip(np.round(agreements, 9), -1.0, 1.0)
    return np.histogram(inside, np.linspace(-1.0, 1.0, _NUM_BINS + 1))[0].astype(np.int64)


def _js_bits(first: IntArray, second: IntArray) -> float:
    """Return JS(p, q) = H((p + q) / 2) - (H(p) + H(q)) / 2 [bit] of two histograms that are not empty."""
    p, q = first / first.sum(), second / second.sum()
    divergence = _entropy_bits((p + q) / 2) - (_entropy_bits(p) + _entropy_bits(q)) / 2
    return float(np.clip(divergence, 0.0, 1.0))


def _entropy_bits(p: npt.NDArray[np.float64]) -> float:
    return float(-np.sum(p[p > 0] * np.log2(p[p > 0])))
