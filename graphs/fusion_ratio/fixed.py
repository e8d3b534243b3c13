"""A fixed share. Our choice, as a control: 1 is the structural model alone, 0 the node model alone."""

import numpy as np

from graphs.fusion_ratio.arms import check_outcome
from graphs.fusion_ratio.ratio import Shares
from testbed.errors import RequestError
from testbed.settings import Fraction, Part

__all__ = ["Fixed"]


class Fixed(Part):
    """The same share for every cluster and round."""

    kind: str = "fixed"
    share: Fraction = 0.5  # beta, of the structural model

    def start(self, num_clusters: int, rng: np.random.Generator) -> Shares:
        """Return the shares at the start; see `FusionRatio.start`."""
        if num_clusters < 1:
            raise RequestError(f"num_clusters = {num_clusters}: a {self.kind} needs at least one cluster")
        return _Constant(self.share)


class _Constant:
    def __init__(self, share: float) -> None:
        self._share = share

    def play(self, cluster: int) -> float:
        return self._share

    def learn(self, cluster: int, accuracy: float, traffic_bytes: float) -> None:
        check_outcome(accuracy, traffic_bytes)
