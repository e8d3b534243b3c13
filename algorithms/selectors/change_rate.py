"""Change rate: the fragment that changes most; of equals the lowest index.

With Delta the all-reduced pseudo-gradient when the fragment was last applied, n its entries, I the steps between its
two last sendings before that, t_b its last sending and t now:

    l2         R = |Delta|_2 / I                        divided by sqrt(n) if `normalise`
    l1         R = |Delta|_1 / (I n)
    rms-age    R = |Delta|_2 / sqrt(n) (t - t_b) / I    how far it should be by now

CoCoDC (Zhu et al., arXiv 2504.17672) sends first what changes fastest. Which quantity its figures had is not known:
`l2` is the one its description suggests, all three are seen in a public prototype. There `l1` is of local parameters,
which takes a further all-reduce; our choice is to read it off the pseudo-gradient, as regions have to agree. A fragment
that was not applied yet has R = 0.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from algorithms.selectors.history import History
from testbed.settings import Part

__all__ = ["ChangeRate"]


class ChangeRate(Part):
    """The fragment that changes most."""

    kind: str = "change-rate"
    reads_trained_values: ClassVar[bool] = True
    measure: Literal["l2", "l1", "rms-age"] = "l2"  # what stands for the change; see the formulas
    normalise: bool = False  # of `l2`: divided by the root of the size, so that unequal fragments compare

    def rate(self, step: int, history: History) -> float:
        """Return R of a fragment after inner step `step`."""
        change = history.change
        if change is None:
            return 0.0
        if self.measure == "l1":
            return change.l1_norm / (change.interval_steps * max(change.num_entries, 1))
        if self.measure == "rms-age":
            return change.rms * (step - history.last_send) / change.interval_steps
        return (change.rms if self.normalise else change.l2_norm) / change.interval_steps

    def choose(self, step: int, candidates: Sequence[int], histories: Sequence[History]) -> int:
        """Return the fragment; see `Selector.choose`."""
        return max(candidates, key=lambda p: self.rate(step, histories[p]))  # the first of equals
