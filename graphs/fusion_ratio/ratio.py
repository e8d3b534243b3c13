"""The rule that says how much structure goes into a fused model, and what it remembers during a run.

    shares = rule.start(num_clusters, rng)
    share = shares.play(cluster)                            # beta_c of the models sent now
    ... clients measure the accuracy of what they received ...
    shares.learn(cluster, accuracy, traffic_bytes)          # of that share; the next one may differ

Asking twice changes nothing: only `learn` moves on. A method with one share for all starts with one cluster.
"""

from typing import Protocol

import numpy as np

__all__ = ["FusionRatio", "Shares"]


class Shares(Protocol):
    """The shares of all clusters in one run, and what was learnt about them."""

    def play(self, cluster: int) -> float:
        """Return beta_c in [0, 1], the share of the structural model in what cluster c receives next."""
        ...

    def learn(self, cluster: int, accuracy: float, traffic_bytes: float) -> None:
        """Take in what the share in play led to.

        Parameters
        ----------
        accuracy : in [0, 1], mean validation accuracy in the cluster under the model received, weighted by graphs.
        traffic_bytes : of the cluster in this round, up and down [B].

        Raises
        ------
        RequestError : an accuracy outside [0, 1], or traffic below 0.
        """
        ...


class FusionRatio(Protocol):
    """A rule for shares."""

    def start(self, num_clusters: int, rng: np.random.Generator) -> Shares:
        """Return the shares at the start of a run.

        Parameters
        ----------
        rng : the stream of these shares; only a rule that draws keeps it.

        Raises
        ------
        RequestError : fewer than one cluster.
        """
        ...
