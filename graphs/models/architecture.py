"""What every graph network has in common: built for the shape of graphs, with a head for every domain.

A network is a part of kind "model". It cannot be built for arrays; `build_for_graphs` makes a module that maps a
`GraphBatch` to logits (num_graphs, max_classes). Domains with fewer classes than the largest have logits so negative in
the columns they lack that softmax gives these no probability and no gradient.
"""

from typing import TYPE_CHECKING, Final, NoReturn, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from graphs.models.shape import GraphShape
from testbed.errors import RequestError
from testbed.settings import Part

if TYPE_CHECKING:
    from torch import nn

__all__ = ["NO_CLASS", "FlopArray", "GraphArchitecture", "GraphModelPart", "Sizes"]

# The logit of a class that a domain does not have: exp(NO_CLASS - any logit) is 0 in single precision.
NO_CLASS: Final = -1e9

Sizes = int | npt.NDArray[np.int64]
FlopArray = npt.NDArray[np.float64]


@runtime_checkable
class GraphArchitecture(Protocol):
    """A model of graphs, as scenarios name it."""

    @property
    def local_tensors(self) -> tuple[str, ...]:
        """Shell patterns of the names of those tensors of the state that clients keep to themselves; () if none."""
        ...

    def build_for_graphs(self, shape: GraphShape, torch_generator_seed: int) -> "nn.Module":
        """Return a new module that maps a batch of graphs to logits (num_graphs, shape.max_classes).

        Its initial parameters depend on the architecture, the shape and the seed alone, those that are exchanged not on
        how many domains there are; the global generators stay as they were. The module has
        `forward_flop(num_nodes, num_edges, domain)`, see `graphs.models.skeleton`.

        Raises
        ------
        RequestError : the architecture does not fit such graphs.
        """
        ...


class GraphModelPart(Part):
    """The base of the models of graphs: refuses arrays."""

    def build(self, input_shape: tuple[int, ...], num_classes: int, torch_generator_seed: int) -> NoReturn:
        """Refuse: see `Architecture.build`."""
        raise RequestError(
            f"model {self.kind} takes graphs, not arrays of shape {input_shape}; models for arrays are "
            "logistic-regression, mlp and paper-cnn"
        )

    def need_one_domain(self, shape: GraphShape, share: str) -> None:
        """Refuse to share the first or last layers of several domains."""
        if len(shape.domains) > 1:
            raise RequestError(
                f"model {self.kind} with share = {share!r} needs one domain, not {', '.join(shape.domains)}: their "
                "features and classes mean different things; share = 'convolutions' keeps first and last layers apart"
            )
