"""What every data set looks like once it is in memory."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from testbed.errors import RequestError
from testbed.learning.client_split import SplitFractions, split_shards
from testbed.learning.held_out import ClientSplits, StreamOf

if TYPE_CHECKING:  # a data set in memory needs no torch
    from torch import nn

    from testbed.learning.cost import TrainingCost
    from testbed.records import Recorder

__all__ = ["AnyDataset", "Dataset", "DatasetSource", "Inputs"]

Inputs: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.int64]

# Samples on which the cost of one is counted.
_NUM_EXAMPLES = 2


class AnyDataset(Protocol):
    """What a run asks of a data set, whatever its samples are.

    `train_inputs[indices]` with a tensor of sample numbers, int64 (n,), is what the model takes for these samples; the
    same of `test_inputs`. Arrays become tensors; what else can be indexed so, and has a length, is a *store*, taken as
    it is: its samples have one label each. How arrays and labels look, says `Dataset`.
    """

    @property
    def name(self) -> str: ...
    @property
    def train_inputs(self) -> Any: ...
    @property
    def train_labels(self) -> npt.NDArray[np.int64]: ...
    @property
    def test_inputs(self) -> Any: ...
    @property
    def test_labels(self) -> npt.NDArray[np.int64]: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def input_shape(self) -> tuple[int, ...]: ...
    @property
    def sources(self) -> Mapping[str, str]: ...
    @property
    def is_language(self) -> bool: ...

    @property
    def tests_by_client(self) -> bool:
        """Whether every client is tested on samples of its own, set apart by `split`."""
        ...

    @property
    def needs_full_batches(self) -> bool:
        """Whether a client's samples are computed together, so that a step on some of them costs as much as on all."""
        ...

    def digest(self) -> str:
        """Return the SHA-256 in hexadecimal of the samples, whatever their name and source."""
        ...

    def record(self, records: "Recorder") -> None:
        """Write the tables, if any, that say what became of the data in the deal; called once, after `seen_by`."""
        ...

    def deal(self, rule: Any, num_clients: int, rng: np.random.Generator) -> Sequence[npt.NDArray[np.int64]]:
        """Return each client's samples as sorted indices, dealt by a rule of the kind `partition`.

        Raises
        ------
        RequestError : a rule for other samples, or one that cannot serve every client.
        """
        ...

    def seen_by(self, model: Any, shards: Sequence[npt.NDArray[np.int64]], *, by_client: bool) -> "AnyDataset":
        """Return the data as this model takes it after this deal: most often as it is.

        `by_client` : every client is to be tested on some of the samples it was dealt; the test samples are then the
        training samples, of which `split` sets some apart.

        Raises
        ------
        RequestError : the samples cannot be split by client.
        """
        ...

    def split(
        self, shards: Sequence[npt.NDArray[np.int64]], fractions: SplitFractions | None, stream_of: StreamOf
    ) -> ClientSplits | None:
        """Return what each client trains, validates and tests on; None: it trains on all that it was dealt.

        `fractions` : as the scenario states them; None: the usual ones, where clients are always tested by themselves.

        Raises
        ------
        RequestError : a client with too few samples.
        """
        ...

    def build(self, model: Any, torch_generator_seed: int) -> "nn.Module":
        """Return a new module of the architecture `model` for these samples.

        Raises
        ------
        RequestError : an architecture for other samples.
        """
        ...

    def cost(self, module: "nn.Module", splits: ClientSplits | None = None) -> "TrainingCost":
        """Return what training `module` on these samples costs, given what clients train, validate and test on."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Labelled samples for training and testing; read-only, for all runs of a process share them.

    There are two kinds, told apart by the shape of the labels. To classify, a sample has one label. Of language, a
    sample is a window of T tokens, and every token has a label: the token that follows it.

    Parameters
    ----------
    name : the name under which results mention it.
    train_inputs : (num_train, ...) float32, values in [0, 1] for images, channels first; language (num_train, T) int64.
    train_labels : (num_train,) int64 in 0, ..., num_classes - 1; language (num_train, T).
    test_inputs, test_labels : likewise.
    num_classes : number of classes, whether or not all occur; of language the size of the vocabulary.
    sources : SHA-256 in hexadecimal of each file the data came from, by file name.
    tests_by_client : whether every client is tested on samples of its own; see `seen_by`.

    Raises
    ------
    RequestError : arrays that do not fit together.
    """

    name: str
    train_inputs: Inputs
    train_labels: npt.NDArray[np.int64]
    test_inputs: Inputs
    test_labels: npt.NDArray[np.int64]
    num_classes: int
    sources: Mapping[str, str] = field(default_factory=dict)
    tests_by_client: bool = False

    def __post_init__(self) -> None:
        self._check("train", self.train_inputs, self.train_labels)
        self._check("test", self.test_inputs, self.test_labels)
        if self.train_inputs.shape[1:] != self.test_inputs.shape[1:]:
            shapes = f"{self.train_inputs.shape[1:]} and {self.test_inputs.shape[1:]}"
            raise self._refusal(f"train and test inputs have different shapes, {shapes}")
        if self.train_labels.shape[1:] != self.test_labels.shape[1:]:
            raise self._refusal("train and test labels have different shapes: one a sample, or one a token, in both")
        for name in ("train_inputs", "train_labels", "test_inputs", "test_labels"):
            view = getattr(self, name).view()  # a view, so that the caller's own array stays as it was
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    @property
    def is_language(self) -> bool:
        """Whether a sample is a window of tokens with a label each."""
        return self.train_labels.ndim > 1

    @property
    def needs_full_batches(self) -> bool:
        """They are computed one by one."""
        return False

    def record(self, records: "Recorder") -> None:
        """Write nothing."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.train_inputs.shape[1:])

    def deal(self, rule: Any, num_clients: int, rng: np.random.Generator) -> Sequence[npt.NDArray[np.int64]]:
        """Return the deal of the training samples; see `AnyDataset.deal`."""
        if not hasattr(rule, "deal"):
            raise self._refusal(f"the partition {rule.kind!r} deals graphs, and these samples are arrays")
        return rule.deal(self.train_labels, num_clients, rng)  # type: ignore[no-any-return]

    def seen_by(self, model: Any, shards: Sequence[npt.NDArray[np.int64]], *, by_client: bool) -> "Dataset":
        """Return the data as it is, or with the training samples to test with; see `AnyDataset.seen_by`."""
        if not by_client:
            return self
        if self.is_language:
            raise self._refusal("a text cannot be split by client: its windows have no class each")
        return replace(self, test_inputs=self.train_inputs, test_labels=self.train_labels, tests_by_client=True)

    def split(
        self, shards: Sequence[npt.NDArray[np.int64]], fractions: SplitFractions | None, stream_of: StreamOf
    ) -> ClientSplits | None:
        """Return None, if the test set is everybody's, or the clients' splits; see `AnyDataset.split`."""
        return None if fractions is None else split_shards(self.train_labels, shards, fractions, stream_of)

    def build(self, model: Any, torch_generator_seed: int) -> "nn.Module":
        """Return the module for inputs of this shape; see `Architecture.build`."""
        module: nn.Module = model.build(self.input_shape, self.num_classes, torch_generator_seed)
        return module

    def cost(self, module: "nn.Module", splits: ClientSplits | None = None) -> "TrainingCost":
        """Return the cost, counted on two samples."""
        import torch

        from testbed.learning.cost import training_cost

        examples = slice(0, _NUM_EXAMPLES)
        return training_cost(
            module, torch.tensor(self.train_inputs[examples]), torch.tensor(self.train_labels[examples])
        )

    def digest(self) -> str:
        """Return the SHA-256 in hexadecimal of the samples, whatever their name and source."""
        digest = hashlib.sha256(str(self.num_classes).encode())
        for array in (self.train_inputs, self.train_labels, self.test_inputs, self.test_labels):
            digest.update(str(array.shape).encode())
            # Little-endian, so that every machine gives the same samples the same name.
            digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
        return digest.hexdigest()

    def _check(self, part: str, inputs: Inputs, labels: npt.NDArray[np.int64]) -> None:
        found = f"inputs {inputs.shape} and labels {labels.shape}"
        if labels.ndim == 2:  # language
            if inputs.dtype != np.int64 or labels.dtype != np.int64 or inputs.shape != labels.shape or labels.size == 0:
                raise self._refusal(
                    f"{part} tokens need one label each, both int64 (n, T), and at least one; found {found} of "
                    f"{inputs.dtype} and {labels.dtype}"
                )
            self._check_range(f"{part} tokens", inputs)
        elif inputs.dtype != np.float32 or labels.dtype != np.int64:
            raise self._refusal(
                f"{part} inputs must be float32 and labels int64, not {inputs.dtype} and {labels.dtype}"
            )
        elif labels.ndim != 1 or len(inputs) != len(labels) or len(labels) == 0:
            raise self._refusal(f"{part} inputs need one label each, and at least one; found {found}")
        self._check_range(f"{part} labels", labels)

    def _check_range(self, what: str, labels: npt.NDArray[np.generic]) -> None:
        if labels.min() < 0 or labels.max() >= self.num_classes:
            found = f"{labels.min()} to {labels.max()}"
            raise self._refusal(f"{what} must be 0 to {self.num_classes - 1}, found {found}")

    def _refusal(self, reason: str) -> RequestError:
        return RequestError(f"data set {self.name!r}: {reason}")


class DatasetSource(Protocol):
    """Where a data set comes from: the part that a scenario names."""

    def load(self, data_dir: Path | None) -> AnyDataset:
        """Return the data set, read from its folder in `data_dir` if it is not part of a library.

        Raises
        ------
        RequestError : no folder given, or a file missing or damaged; the message names it.
        """
        ...
