"""Stacks of convolutions by hand: channels last, without autograd, the descent fused into the products.

For one sample, with layers z_l = W_l * x_l + b_l and x_{l+1} = max(P z_l, 0), P the largest of every square:

    D_l = P^T ((W_{l+1}^T * D_{l+1}) (x_{l+1} > 0)),    W_l <- (1 - rate decay) W_l - rate sum D_l (x) x_l

The linear layers above are those of `dense`, and the loss is the mean cross-entropy. To pool before rectifying is the
same and a quarter of the work: where the largest of a square is not positive, no gradient passes either way.

It is the same arithmetic as autograd's, which spends a third of its time elsewhere: in poolings of images whose
channels lie apart, in gradients that are written out and read again only to be subtracted, in memory for results that
has to be provided. The state is trained in place, in the memory in which it is returned.

Of a large linear layer in plain descent, steps are kept apart for a while (`deferred`), and jobs that start from one
state go in lockstep, so that the layer's matrix is read once for all of them. Convolutions gain nothing from company.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import torch

from testbed.learning.convolution_stack import ConvolutionLayer
from testbed.learning.kernels.deferred import DeferredMatrix, deferred_rows
from testbed.learning.kernels.lent_memory import lend_state
from testbed.learning.kernels.lockstep import Asking, in_lockstep
from testbed.learning.kernels.protocol import Chunk, Family, Output, TrainingJob, TrainingOutput
from testbed.learning.linear_stack import LinearLayer
from testbed.learning.task import LearningTask, State

__all__ = ["convolution_family"]

_aten = torch.ops.aten
_LAST = torch.channels_last

# Beyond ten jobs a matrix that is read once for all of them costs hardly less.
_MOST_JOBS: Final = 10

# States and activations of a chunk: of all its jobs, for none lets go of them while another is at work.
_CHUNK_BYTES: Final = 1.2e8


def convolution_family(job: TrainingJob) -> Family:
    """Return the family of a job of a plain stack of convolutions: several a chunk if it keeps steps apart."""
    task, stack = job.task, job.task.traits.convolutions
    assert stack is not None
    name, max_jobs, reason = "convolution", 1, "one job at a time, channels last, without autograd"
    if any(_rows_apart(job, layer) for layer in stack.linear):
        # The steps that are kept apart are at most a quarter of the matrices.
        num_activations = int(job.counts.max()) * task.traits.saved_entries_per_sample
        job_bytes = 4 * (task.layout.size + task.layout.size // 4 + num_activations)
        max_jobs = min(_MOST_JOBS, max(1, int(_CHUNK_BYTES // job_bytes)))
        name, reason = "convolution/deferred", "in lockstep, channels last, without autograd"
    return Family(task, f"{task.name}/train/{name}", _train_all, max_jobs, 1, f"a stack of convolutions: {reason}")


def _rows_apart(job: TrainingJob, layer: LinearLayer) -> int:
    """Return how many rows of a job's steps of a layer are kept apart; only those of plain descent are."""
    if job.task.optimizer.momentum or job.proximal_weight:
        return 0
    num_rows = deferred_rows(layer.num_inputs, layer.num_outputs, int(job.counts.max()))
    return min(num_rows, job.num_samples)


@torch.no_grad()
def _train_all(chunk: Chunk) -> Sequence[Output]:
    jobs = [job for job in chunk.jobs if isinstance(job, TrainingJob)]
    shared = _shared_starts(jobs)
    return in_lockstep([_train(job, shared.get(id(job.parameters))) for job in jobs])


def _shared_starts(jobs: Sequence[TrainingJob]) -> dict[int, State]:
    """Return a copy of each state from which several jobs start, by the state's identity."""
    users = Counter(id(job.parameters) for job in jobs)
    starts: dict[int, State] = {}
    for job in jobs:
        key = id(job.parameters)
        if users[key] > 1 and key not in starts:
            # It lies on the border that all lent memory has: the bits of a product can depend on that.
            starts[key] = lend_state(job.task)
            starts[key][:] = job.parameters
    return starts


def _train(job: TrainingJob, shared: State | None) -> Asking[TrainingOutput]:
    """Train a job; `shared` : a copy of its parameters that others use too, None if it is alone."""
    task, trained = job.task, lend_state(job.task)
    network = _Network(job, trained, shared)
    samples = torch.from_numpy(job.samples)
    batches = [row[:count] for row, count in zip(samples, job.counts.tolist(), strict=True)]
    first_loss = 0.0
    for step in range(job.num_steps):
        if step < len(batches):
            inputs = _channels_last(task.train_inputs.index_select(0, batches[step]))
            labels = task.train_labels.index_select(0, batches[step]).unsqueeze(1)
        scores = yield from network.forward(inputs)
        if step == 0:
            first_loss = -float(torch.log_softmax(scores, 1).gather(1, labels).mean())
        gradient = torch.softmax(scores, 1)
        gradient.scatter_add_(1, labels, torch.full((len(labels), 1), -1.0))
        yield from network.descend(gradient.div_(len(labels)))
    network.store()
    return TrainingOutput.of(job, trained, first_loss)


class _Network:
    """The weights of a job: linear ones where the result will lie, those of convolutions beside it, channels last."""

    def __init__(self, job: TrainingJob, trained: State, shared: State | None) -> None:
        task, stack = job.task, job.task.traits.convolutions
        assert stack is not None
        self.stack = stack
        self.optimizer, self.proximal_weight = task.optimizer, job.proximal_weight
        self.places = _tensors(task, trained)
        self.deferred = self._defer(job, self.places if shared is None else _tensors(task, shared))
        for slot in task.layout:
            if shared is None or slot.name not in self.deferred:
                trained[slot.start : slot.stop] = job.parameters[slot.start : slot.stop]
        self.tensors = {
            name: place.contiguous(memory_format=_LAST) if place.ndim == 4 else place
            for name, place in self.places.items()
        }
        self.bases = {name: tensor.clone() for name, tensor in self.tensors.items()} if self.proximal_weight else {}
        self.velocities: dict[str, torch.Tensor] = {}
        self._convolved: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]] = []
        self._inputs: list[torch.Tensor] = []

    def _defer(self, job: TrainingJob, starts: dict[str, torch.Tensor]) -> dict[str, DeferredMatrix]:
        """Return the matrices whose steps are kept apart."""
        deferred: dict[str, DeferredMatrix] = {}
        for layer in self.stack.linear:
            num_rows = _rows_apart(job, layer)
            if num_rows:
                start, place = starts[layer.weight], self.places[layer.weight]
                deferred[layer.weight] = DeferredMatrix(start, place, self.optimizer, num_rows)
        return deferred

    def store(self) -> None:
        """Write the weights to where the result lies that do not lie there yet."""
        for matrix in self.deferred.values():
            matrix.settle()
        for name, place in self.places.items():
            if self.tensors[name] is not place:
                place.copy_(self.tensors[name])

    def forward(self, inputs: torch.Tensor) -> Asking[torch.Tensor]:
        """Return the scores (num_samples, num_classes), and keep what `descend` needs."""
        self._convolved.clear()
        self._inputs.clear()
        x = inputs
        for layer in self.stack.convolutions:
            z, where = self._convolve(x, layer), None
            pooled = z
            if layer.pooling > 1:
                pooled, where = _aten.max_pool2d_with_indices(z, [layer.pooling] * 2)
            self._convolved.append((x, z, where))
            x = pooled.relu_() if layer.rectified else pooled
        self._shape = x.shape
        x = x.flatten(1)
        for above in self.stack.linear:
            self._inputs.append(x)
            if above.weight in self.deferred:
                x = yield from self.deferred[above.weight].forward(x)
            else:
                x = x.mm(self.tensors[above.weight].t())
            if above.bias is not None:
                x.add_(self.tensors[above.bias])
            if above.rectified:
                x.relu_()
        return x

    def _convolve(self, x: torch.Tensor, layer: ConvolutionLayer) -> torch.Tensor:
        bias = None if layer.bias is None else self.tensors[layer.bias]
        return torch.conv2d(x, self.tensors[layer.weight], bias, layer.stride, layer.padding)

    def descend(self, gradient: torch.Tensor) -> Asking[None]:
        """Take one step down, given the gradient of the loss by the scores."""
        rectified = self.stack.convolutions[-1].rectified
        for layer, x in zip(reversed(self.stack.linear), reversed(self._inputs), strict=True):
            outer = gradient
            if layer.weight in self.deferred:
                gradient = yield from self.deferred[layer.weight].backward(outer)
            else:
                gradient = outer.mm(self.tensors[layer.weight])
            if x is not self._inputs[0] or rectified:
                gradient = _through_rectifier(gradient, x)
            self._descend_linear(layer, outer, x)
        gradient = gradient.view(self._shape).contiguous(memory_format=_LAST)
        for position in reversed(range(len(self._convolved))):
            gradient = self._descend_convolution(position, gradient)

    def _descend_linear(self, layer: LinearLayer, outer: torch.Tensor, x: torch.Tensor) -> None:
        if layer.weight in self.deferred:
            self.deferred[layer.weight].descend(outer, x)
        elif self.optimizer.momentum or self.proximal_weight:
            self._descend(layer.weight, outer.t().mm(x))
        else:  # the gradient is never written out
            rate = self.optimizer.learning_rate
            kept = 1.0 - rate * self.optimizer.weight_decay
            self.tensors[layer.weight].addmm_(outer.t(), x, beta=kept, alpha=-rate)
        if layer.bias is not None:
            self._descend(layer.bias, outer.sum(0))

    def _descend_convolution(self, position: int, gradient: torch.Tensor) -> torch.Tensor:
        """Return the gradient by what the layer below gave, given that by what this layer gives, rectified."""
        layer = self.stack.convolutions[position]
        x, z, where = self._convolved[position]
        if where is not None:
            sides = [layer.pooling] * 2
            gradient = _aten.max_pool2d_with_indices_backward(gradient, z, sides, sides, [0, 0], [1, 1], False, where)
        weight = self.tensors[layer.weight]
        found: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = _aten.convolution_backward(
            gradient, x, weight, [len(weight)], layer.stride, layer.padding, [1, 1], False, [0, 0], 1,
            [position > 0, True, layer.bias is not None],
        )  # fmt: skip
        below, of_weight, of_bias = found
        if position > 0 and self.stack.convolutions[position - 1].rectified:
            below = _through_rectifier(below, x)
        self._descend(layer.weight, of_weight)
        if layer.bias is not None:
            self._descend(layer.bias, of_bias)
        return below

    def _descend(self, name: str, gradient: torch.Tensor) -> None:
        """Take a tensor one step down its gradient; see `OptimizerSettings` for the equation."""
        tensor, optimizer = self.tensors[name], self.optimizer
        if optimizer.weight_decay:
            gradient = gradient.add(tensor, alpha=optimizer.weight_decay)
        if self.bases:
            gradient = gradient.add(tensor - self.bases[name], alpha=self.proximal_weight)
        if optimizer.momentum:
            velocity = self.velocities.get(name)
            gradient = gradient if velocity is None else velocity.mul_(optimizer.momentum).add_(gradient)
            self.velocities[name] = gradient
        tensor.add_(gradient, alpha=-optimizer.learning_rate)


def _tensors(task: LearningTask, state: State) -> dict[str, torch.Tensor]:
    """Return the tensors of a state, views of it."""
    flat = torch.from_numpy(state)
    return {slot.name: flat[slot.start : slot.stop].view(slot.shape) for slot in task.layout}


def _through_rectifier(gradient: torch.Tensor, rectified: torch.Tensor) -> torch.Tensor:
    """Return the gradient by what a rectifier was given, from that by what it gave."""
    through: torch.Tensor = _aten.threshold_backward(gradient, rectified, 0.0)
    return through


def _channels_last(images: torch.Tensor) -> torch.Tensor:
    """Return images (n, channels, height, width) with the channels of a point side by side."""
    if images.shape[1] > 1:
        return images.contiguous(memory_format=_LAST)
    # With a single channel both orders are the same memory, and only the strides say which is meant.
    _, _, height, width = images.shape
    return images.as_strided(images.shape, (height * width, 1, width, 1))
