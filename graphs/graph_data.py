"""What a set of graphs and the nodes of one graph have in common, as a run sees them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from graphs.batch import GraphStore
from graphs.dealing import deal
from graphs.graph_set import GraphSet, IntArray
from graphs.models.skeleton import TRAINING_FLOP_RATIO, GraphModule
from graphs.node_set import NodeSet
from graphs.node_store import NodeStore
from testbed.errors import RequestError
from testbed.learning.client_split import SplitFractions, split_shards
from testbed.learning.cost import TrainingCost
from testbed.learning.held_out import ClientSplits, StreamOf

if TYPE_CHECKING:
    from torch import nn

__all__ = ["GraphData", "cost_by_formula"]


class GraphData(ABC):
    """Samples that are graphs, or nodes of one; see `testbed.learning.datasets.dataset.AnyDataset`.

    Training and test inputs are the same store: every client sets some of its own samples apart (`split`).

    Attributes
    ----------
    usual_split : how a client's samples are split where the scenario does not say.
    nature, sample_word, usual_model : of refusals: what the data set is, what a sample is, which model takes it.
    """

    usual_split: ClassVar[SplitFractions]
    nature: ClassVar[str]
    sample_word: ClassVar[str]
    usual_model: ClassVar[str]

    @property
    @abstractmethod
    def samples(self) -> GraphSet | NodeSet:
        """What is dealt."""

    @property
    @abstractmethod
    def train_inputs(self) -> GraphStore | NodeStore:
        """The store of all samples."""

    @property
    def test_inputs(self) -> GraphStore | NodeStore:
        """The same store."""
        return self.train_inputs

    @property
    def train_labels(self) -> IntArray:
        """The class of every sample, (num_samples,); of a graph that within its domain."""
        return self.samples.labels

    @property
    def test_labels(self) -> IntArray:
        """The same."""
        return self.samples.labels

    @property
    def name(self) -> str:
        """The name under which results mention it."""
        return self.samples.name

    @property
    def sources(self) -> Mapping[str, str]:
        """SHA-256 of each file the samples came from, by file name."""
        return self.samples.sources

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Nothing: graphs have no common shape, and a node is nothing without its neighbours."""
        return ()

    @property
    def is_language(self) -> bool:
        """It is not."""
        return False

    @property
    def tests_by_client(self) -> bool:
        """Every client is tested on samples of its own."""
        return True

    def digest(self) -> str:
        """Return the SHA-256 in hexadecimal of the samples, whatever their name and source."""
        return self.samples.digest()

    def deal(self, rule: Any, num_clients: int, rng: np.random.Generator) -> Sequence[IntArray]:
        """Return the deal of the samples; see `graphs.dealing.deal`."""
        return deal(self.samples, rule, num_clients, rng)

    def split(self, shards: Sequence[IntArray], fractions: SplitFractions | None, stream_of: StreamOf) -> ClientSplits:
        """Return every client's training, validation and test samples, in the proportions of its classes."""
        return split_shards(self.samples.labels, shards, fractions or self.usual_split, stream_of)

    def build(self, model: Any, torch_generator_seed: int) -> "nn.Module":
        """Return the module for samples of this shape; see `GraphArchitecture.build_for_graphs`."""
        if not hasattr(model, "build_for_graphs"):
            raise RequestError(
                f"data set {self.name!r} {self.nature}, and the model {model.kind!r} takes arrays: use "
                f"{self.usual_model}"
            )
        module: nn.Module = model.build_for_graphs(self.train_inputs.shape, torch_generator_seed)
        return module

    def graph_module(self, module: "nn.Module") -> GraphModule:
        """Return the module as one that says what a graph costs.

        Raises
        ------
        RequestError : a module of the user's own that does not.
        """
        if not isinstance(module, GraphModule):
            raise RequestError(
                f"a module for {self.sample_word}s derives from graphs.models.skeleton.GraphModule, to say what it "
                "costs"
            )
        return module


def cost_by_formula(
    module: "nn.Module", forward_flop: npt.NDArray[np.float64], mean_flop: float, activation_bytes_per_sample: float
) -> TrainingCost:
    """Return the cost of training a graph module on samples that differ.

    Parameters
    ----------
    forward_flop : (num_samples,) a forward pass of each sample [FLOP].
    mean_flop : that of a sample on average [FLOP].
    activation_bytes_per_sample : what a forward pass keeps of a sample [byte].
    """
    return TrainingCost(
        flop_per_sample=TRAINING_FLOP_RATIO * mean_flop,
        forward_flop_per_sample=mean_flop,
        parameter_bytes=sum(p.numel() * p.element_size() for p in module.parameters()),
        activation_bytes_per_sample=activation_bytes_per_sample,
        flop_of_sample=TRAINING_FLOP_RATIO * forward_flop,
    )
