"""The magic mirror method: orders of downloads and uploads on one half-duplex channel (FedGA).

Client i downloads for a_i, trains for c_i, uploads for b_i; one client at a time uses the channel, all downloads come
before all uploads. With the orders i_1, ..., i_N of the downloads and j_1, ..., j_N of the uploads

    p_(i_n) = sum_(m<=n) a_(i_m) + c_(i_n)                           trained
    t_0 = sum a,   t_n = max(t_(n-1), p_(j_n)) + b_(j_n)             uploaded; t_N is the makespan

which is max(sum a + sum b, max_i (A_i + c_i + B_i)) with A_i the downloads up to i and B_i the uploads from i on. Read
backwards in time it is the same problem with the parts of a and b exchanged: a schedule and its mirror take equally
long. Uploads in the order of p are best for given downloads; so, in the mirror, are downloads in descending order of
q_(j_n) = sum_(m>=n) b_(j_m) + c_(j_n) for given uploads. The method does both in turn while the makespan falls.

Source: Ma et al., "FedGA", Journal on Communications 44(11), 2023 (MMM). Our choice: the first order of the downloads
is that of the clients, so the first pass is the upload-only ordering and the result is never worse than that. The
iteration ends where neither order alone can be improved, which need not be an optimum: how often it is one depends on
how training compares to transfers. `best_of_starts` (our choice) runs it from several orders and in the mirror.

The laws and the comparison with brute force are tested in `tests/algorithms/schedules/test_magic_mirror.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from testbed.layout import FloatArray

__all__ = ["Orders", "RoundTimes", "best_of_starts", "magic_mirror", "makespan_s", "trained_s", "upload_only"]

Order = tuple[int, ...]


class Orders(NamedTuple):
    """Who downloads and who uploads when: two permutations of the clients, first to last."""

    downloads: Order
    uploads: Order

    def mirrored(self) -> "Orders":
        """Return the same schedule read backwards in time."""
        return Orders(self.uploads[::-1], self.downloads[::-1])


@dataclass(frozen=True, eq=False)
class RoundTimes:
    """How long each part of a round takes.

    Attributes
    ----------
    download_s, train_s, upload_s : (num_clients,) a_i, c_i and b_i [s], at least 0.
    """

    download_s: FloatArray
    train_s: FloatArray
    upload_s: FloatArray

    def __post_init__(self) -> None:
        shape = (len(self.download_s),)
        for name in ("download_s", "train_s", "upload_s"):
            values = getattr(self, name)
            if np.shape(values) != shape or shape == (0,):
                raise ValueError(f"{name} has shape {np.shape(values)}; expected {shape}, at least one client")
            if not np.all(np.isfinite(values) & (np.asarray(values) >= 0)):
                raise ValueError(f"{name} must be at least 0 and finite, got {values}")

    def mirrored(self) -> "RoundTimes":
        """Return the round read backwards in time: what was uploaded is downloaded."""
        return RoundTimes(self.upload_s, self.train_s, self.download_s)


def trained_s(times: RoundTimes, downloads: Sequence[int]) -> FloatArray:
    """Return p : (num_clients,), when each client has trained [s].

    >>> trained_s(RoundTimes(np.array([1.0, 2.0]), np.array([5.0, 0.5]), np.ones(2)), (1, 0)).tolist()
    [8.0, 2.5]
    """
    order = np.asarray(downloads, dtype=np.intp)
    ends_s = np.empty(len(order))
    ends_s[order] = np.cumsum(times.download_s[order])
    return ends_s + times.train_s


def makespan_s(times: RoundTimes, orders: Orders) -> float:
    """Return t_N, when the last upload ends [s].

    >>> makespan_s(RoundTimes(np.array([1.0, 2.0]), np.array([5.0, 0.5]), np.ones(2)), Orders((1, 0), (1, 0)))
    9.0
    """
    ready_s = trained_s(times, orders.downloads)
    end_s = float(np.sum(times.download_s))
    for client in orders.uploads:
        end_s = max(end_s, float(ready_s[client])) + float(times.upload_s[client])
    return end_s


def upload_only(times: RoundTimes, downloads: Sequence[int]) -> Orders:
    """Return the best orders with the downloads as given: uploads first trained, first served."""
    return Orders(tuple(downloads), _ascending(trained_s(times, downloads)))


def magic_mirror(times: RoundTimes, downloads: Sequence[int] | None = None) -> Orders:
    """Return the orders where the iteration ends, begun with these `downloads` (by default in client order).

    Never worse than `upload_only(times, downloads)`.
    """
    best = upload_only(times, range(len(times.train_s)) if downloads is None else downloads)
    best_s = makespan_s(times, best)
    while True:
        # The uploads are, in the mirror, the downloads: there the best last step is the best first step here.
        better = upload_only(times.mirrored(), best.uploads[::-1]).mirrored()
        better = upload_only(times, better.downloads)
        better_s = makespan_s(times, better)
        if not better_s < best_s:
            return best
        best, best_s = better, better_s


def best_of_starts(times: RoundTimes) -> Orders:
    """Return the best of what the iteration reaches from several first orders, here and in the mirror (our choice).

    The first orders: the clients', shortest download first, longest upload first, and Mitten's rule for a flow
    shop with time lags (a_i < b_i first, by a_i + c_i; then the others, longest c_i + b_i first).
    """
    candidates = [magic_mirror(times, start) for start in _starts(times)]
    mirror = times.mirrored()
    candidates += [magic_mirror(mirror, start).mirrored() for start in _starts(mirror)]
    return min(candidates, key=lambda orders: makespan_s(times, orders))


def _starts(times: RoundTimes) -> Iterator[Order]:
    yield tuple(range(len(times.train_s)))
    yield _ascending(times.download_s)
    yield _ascending(-times.upload_s)
    early = times.download_s < times.upload_s
    lag = np.where(early, times.download_s + times.train_s, -(times.train_s + times.upload_s))
    yield tuple(np.lexsort([lag, ~early]).tolist())


def _ascending(values: FloatArray) -> Order:
    return tuple(np.argsort(values, kind="stable").tolist())
