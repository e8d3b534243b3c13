"""Size skew alone: label mixes as in the whole, amounts of data log-normal."""

from typing import Annotated

import numpy as np
from pydantic import Field, PositiveInt

from testbed.learning.partition.deal import Deal
from testbed.learning.partition.rule import IntArray, require_samples
from testbed.settings import Part

__all__ = ["QuantitySkewPartition"]


class QuantitySkewPartition(Part):
    """Random samples for everybody, in amounts that follow a log-normal distribution.

        n_i = min_samples + (n - N min_samples) e_i / sum_j e_j,    e_i = exp(sigma z_i),  z_i ~ N(0, 1)

    up to rounding, for N clients and n samples. Our choice: log-normal rather than Dirichlet shares (Li et al., ICDE
    2022, have Dirichlet), because its one parameter is the spread itself - log n_i has the standard deviation sigma,
    whatever N - because sigma = 0 is exactly `iid`, and because amounts of data per user that were measured are
    heavy-tailed as it is (log-normal also in Li et al., "Federated optimization in heterogeneous networks", MLSys
    2020). Everybody gets `min_samples` beforehand, so no draw is refused.
    """

    kind: str = "quantity-skew"
    sigma: Annotated[float, Field(ge=0)]  # larger means that clients' sizes differ more; 0: not at all
    # 1 is the least with which every client can train at all.
    min_samples: PositiveInt = 1  # of a client

    def deal(self, labels: IntArray, num_clients: int, rng: np.random.Generator) -> Deal:
        """Return the deal; see `Partition.deal`."""
        require_samples(len(labels), num_clients, self.min_samples)
        logs = self.sigma * rng.standard_normal(num_clients)
        amounts = np.exp(logs - logs.max())  # the largest is 1, so none overflows
        rest = len(labels) - num_clients * self.min_samples
        # Rounded cumulative shares never decrease, so no sample is dealt twice or left over.
        ends = np.rint(rest * np.cumsum(amounts) / amounts.sum()).astype(np.int64)
        ends = np.minimum(ends, rest) + self.min_samples * np.arange(1, num_clients + 1)
        owners = np.empty(len(labels), dtype=np.int64)
        owners[rng.permutation(len(labels))] = np.repeat(np.arange(num_clients), np.diff(ends, prepend=0))
        return Deal(owners, num_clients)
