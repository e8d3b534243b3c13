"""Stacks of convolutions by hand: one job at a time, channels last, the descent fused into the products.

For one sample, with layers z_l = W_l * x_l + b_l and x_{l+1} = max(P z_l, 0), P the largest of every square:

    D_l = P^T ((W_{l+1}^T * D_{l+1}) (x_{l+1} > 0)),    W_l <- (1 - rate decay) W_l - rate sum D_l (x) x_l

The linear layers above are those of `dense`, and the loss is the mean cross-entropy. To pool before rectifying is the
same and a quarter of the work: where the largest of a square is not positive, no gradient passes either way.

It is the same arithmetic as autograd's, which spends a third of its time elsewhere: in poolings of images whose
channels lie apart, in gradients that are written out and read again only to be subtracted, in memory for results that
has to be provided. The state is trained in place, in the memory in which it is returned.
"""

from collections.abc import Sequence

import torch

from testbed.learning.convolution_stack import ConvolutionLayer
from testbed.learning.kernels.lent_memory import lend_state
from testbed.learning.kernels.protocol import Chunk, Family, Output, TrainingJob, TrainingOutput
from testbed.learning.linear_stack import LinearLayer
from testbed.learning.task import LearningTask

__all__ = ["convolution_family"]

_aten = torch.ops.aten
_LAST = torch.channels_last


def convolution_family(task: LearningTask) -> Family:
    """Return the family of the jobs of a plain stack of convolutions."""
    return Family(
        task,
        f"{task.name}/train/convolution",
        _train_each,
        max_jobs=1,
        min_lanes=1,
        reason="a stack of convolutions: one job at a time, channels last, without autograd",
    )


@torch.no_grad()
def _train_each(chunk: Chunk) -> Sequence[Output]:
    return [_train(job) for job in chunk.jobs if isinstance(job, TrainingJob)]


def _train(job: TrainingJob) -> TrainingOutput:
    task, trained = job.task, lend_state(job.task)
    trained[:] = job.parameters
    network = _Network(job, torch.from_numpy(trained))
    samples = torch.from_numpy(job.samples)
    batches = [row[:count] for row, count in zip(samples, job.counts.tolist(), strict=True)]
    first_loss = 0.0
    for step in range(job.num_steps):
        if step < len(batches):
            inputs = _channels_last(task.train_inputs.index_select(0, batches[step]))
            labels = task.train_labels.index_select(0, batches[step]).unsqueeze(1)
        scores = network.forward(inputs)
        if step == 0:
            first_loss = -float(torch.log_softmax(scores, 1).gather(1, labels).mean())
        gradient = torch.softmax(scores, 1)
        gradient.scatter_add_(1, labels, torch.full((len(labels), 1), -1.0))
        network.descend(gradient.div_(len(labels)))
    network.store()
    return TrainingOutput.of(job, trained, first_loss)


class _Network:
    """The weights of a job: linear ones where the result will lie, those of convolutions beside it, channels last."""

    def __init__(self, job: TrainingJob, state: torch.Tensor) -> None:
        task, stack = job.task, job.task.traits.convolutions
        assert stack is not None
        self.stack = stack
        self.optimizer, self.proximal_weight = task.optimizer, job.proximal_weight
        self.places = {slot.name: state[slot.start : slot.stop].view(slot.shape) for slot in task.layout}
        self.tensors = {
            name: place.contiguous(memory_format=_LAST) if place.ndim == 4 else place
            for name, place in self.places.items()
        }
        self.bases = {name: tensor.clone() for name, tensor in self.tensors.items()} if self.proximal_weight else {}
        self.velocities: dict[str, torch.Tensor] = {}
        self._convolved: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]] = []
        self._inputs: list[torch.Tensor] = []

    def store(self) -> None:
        """Write the weights of convolutions to where the result lies."""
        for name, place in self.places.items():
            if self.tensors[name] is not place:
                place.copy_(self.tensors[name])

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
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
            weight = self.tensors[above.weight].t()
            x = x.mm(weight) if above.bias is None else torch.addmm(self.tensors[above.bias], x, weight)
            if above.rectified:
                x.relu_()
        return x

    def _convolve(self, x: torch.Tensor, layer: ConvolutionLayer) -> torch.Tensor:
        bias = None if layer.bias is None else self.tensors[layer.bias]
        return torch.conv2d(x, self.tensors[layer.weight], bias, layer.stride, layer.padding)

    def descend(self, gradient: torch.Tensor) -> None:
        """Take one step down, given the gradient of the loss by the scores."""
        rectified = self.stack.convolutions[-1].rectified
        for layer, x in zip(reversed(self.stack.linear), reversed(self._inputs), strict=True):
            outer = gradient
            gradient = outer.mm(self.tensors[layer.weight])
            if x is not self._inputs[0] or rectified:
                gradient = _through_rectifier(gradient, x)
            self._descend_linear(layer, outer, x)
        gradient = gradient.view(self._shape).contiguous(memory_format=_LAST)
        for position in reversed(range(len(self._convolved))):
            gradient = self._descend_convolution(position, gradient)

    def _descend_linear(self, layer: LinearLayer, outer: torch.Tensor, x: torch.Tensor) -> None:
        if self.optimizer.momentum or self.proximal_weight:
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
