"""A client's own samples for training, validation and testing."""

from collections.abc import Sequence
from typing import Final, Self

import numpy as np
from pydantic import model_validator

from testbed.errors import RequestError
from testbed.learning.held_out import ClientSplits, IntArray, StreamOf
from testbed.learning.stratified_draw import stratified_draw
from testbed.settings import Fraction, Settings

__all__ = ["GRAPH_SPLIT", "NODE_SPLIT", "SplitFractions", "part_sizes", "split_client", "split_shards"]


class SplitFractions(Settings):
    """`[data.client_split]`: the shares of what a client was dealt; they sum to 1."""

    train: Fraction = 0.8  # for training, more than 0
    validation: Fraction = 0.1  # for choices made during training
    test: Fraction = 0.1  # for results and nothing else, more than 0

    @model_validator(mode="after")
    def _check(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1.0) > 1e-9 or self.train == 0 or self.test == 0:
            raise RequestError(
                f"train = {self.train:g}, validation = {self.validation:g}, test = {self.test:g}: must sum to 1, with "
                "something to train on and something to test with"
            )
        return self


GRAPH_SPLIT: Final = SplitFractions()  # as in the code of GCFL and FedStar
NODE_SPLIT: Final = SplitFractions(train=0.2, validation=0.4, test=0.4)  # usual for the nodes of a subgraph


def part_sizes(num_samples: int, fractions: SplitFractions) -> tuple[int, int, int]:
    """Return how many samples are for training, validation and testing.

    Our choice: validation and testing get their shares, rounded (half to even) but at least one sample each, and
    training the rest; where that leaves it none, the larger of the two gives. Two samples are for training and testing,
    one is for training.

    >>> part_sizes(100, SplitFractions()), part_sizes(3, SplitFractions()), part_sizes(2, SplitFractions())
    ((80, 10, 10), (1, 1, 1), (1, 0, 1))
    """
    asked = (fractions.validation > 0, fractions.test > 0)
    if num_samples <= sum(asked):
        return min(num_samples, 1), 0, max(num_samples - 1, 0)
    validation, test = (
        max(round(num_samples * share), int(part))
        for share, part in zip((fractions.validation, fractions.test), asked, strict=True)
    )
    while validation + test >= num_samples:
        if validation >= test:
            validation -= 1
        else:
            test -= 1
    return num_samples - validation - test, validation, test


def split_client(
    members: IntArray, labels: IntArray, fractions: SplitFractions, rng: np.random.Generator
) -> tuple[IntArray, IntArray, IntArray]:
    """Return one client's samples for training, validation and testing, each sorted and close to its mix of classes.

    Parameters
    ----------
    members : (num_samples,) what the client was dealt, at least one.
    labels : (num_samples,) their classes; one class is enough.
    fractions : the shares.
    rng : the client's own stream.

    Raises
    ------
    RequestError : a client that holds nothing.
    """
    if len(members) == 0:
        raise RequestError("a client without samples has nothing to split")
    _, validation, test = part_sizes(len(members), fractions)
    held_out = stratified_draw(labels, validation + test, rng)
    tested = held_out[stratified_draw(labels[held_out], test, rng)]
    return (
        np.sort(np.delete(members, held_out)),
        np.sort(members[np.setdiff1d(held_out, tested)]),
        np.sort(members[tested]),
    )


def split_shards(
    labels: IntArray, shards: Sequence[IntArray], fractions: SplitFractions, stream_of: StreamOf
) -> ClientSplits:
    """Return every client's split, drawn from its own stream and so independent of all others.

    Parameters
    ----------
    labels : (num_samples,) classes of all samples.
    shards : what each client was dealt.

    Raises
    ------
    RequestError : a client with too few samples to train and to test with.
    """
    parts = [split_client(shard, labels[shard], fractions, stream_of(c)) for c, shard in enumerate(shards)]
    for client, (_, _, test) in enumerate(parts):
        if len(test) == 0:
            raise RequestError(
                f"client {client} was dealt {len(shards[client])} sample and needs at least two, one to train and one "
                "to test with: use fewer clients or more samples"
            )
    return ClientSplits(*(tuple(part[k] for part in parts) for k in range(3)))
