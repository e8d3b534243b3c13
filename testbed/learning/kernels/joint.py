"""The arithmetic of a joint job: split learning of a cluster, iteration by iteration.

    s_i = bottom_i(x_i) ,   l_i = CE(top(s_i), y_i) ,   g_i = d l_i / d s_i            (activations and gradients cross)
    bottom_i <- bottom_i - eta (d s_i / d bottom_i)^T g_i                              (its own full gradient)
    top      <- top - eta sum_i q_i d l_i / d top                                      (shared: once an iteration)

All gradients of an iteration belong to the top as it was before its step. A sequential top steps after every client
instead; with copies each client has a top, and they are averaged at the end like the bottoms.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from testbed.learning.kernels.joint_heads import LocalHeads
from testbed.learning.kernels.joint_job import JointJob, JointOutput, WireCodec
from testbed.learning.split_model import cut_in_two
from testbed.learning.task import State

__all__ = ["skipped_jointly", "train_jointly"]


def train_jointly(job: JointJob) -> JointOutput:
    """Return what a cluster learnt."""
    cluster = _Cluster(job)
    try:
        for step in range(job.num_steps):
            cluster.iterate(step)
    except _DivergedError:  # whoever reads the output is told
        nothing = np.full_like(job.parameters, np.nan)
        return JointOutput(nothing, float("nan"), float("nan"), cluster.wire.bits)
    parameters = cluster.result()
    parameters.setflags(write=False)
    with np.errstate(over="ignore", invalid="ignore"):
        norm = float(np.linalg.norm(parameters.astype(np.float64) - job.parameters))
    return JointOutput(parameters, cluster.first_loss, norm, cluster.wire.bits)


def skipped_jointly(job: JointJob) -> JointOutput:
    """Return the output of a job of which nothing is computed: its parameters as they were."""
    return JointOutput(job.parameters, 0.0, 0.0, np.zeros(len(job.clients)))


class _DivergedError(Exception):
    """Something that should cross the cut is not finite."""


@dataclass
class _Wire:
    """What passes between the halves, and how many bits each client's messages took."""

    codec: WireCodec
    bits: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def carry(self, client: int, tensor: torch.Tensor) -> torch.Tensor:
        """Return what arrives of a tensor, of the same shape."""
        if not torch.isfinite(tensor).all():
            raise _DivergedError
        vector = tensor.detach().reshape(-1).cpu().numpy()
        encoded = self.codec.encode(vector, [slice(0, len(vector))])
        self.bits[client] += encoded.bits
        return torch.from_numpy(self.codec.decode(encoded)).to(tensor.device).reshape(tensor.shape)


class _Cluster:
    """Bottoms and tops in training; positions, not client ids, number the clients."""

    def __init__(self, job: JointJob) -> None:
        self.job, self.num_clients = job, len(job.clients)
        model = job.task.load(job.parameters)
        bottom, top = cut_in_two(model, job.cut)
        self.bottoms = [deepcopy(bottom) for _ in job.clients]
        self.tops = [deepcopy(top) for _ in range(self.num_clients if job.top == "copies" else 1)]
        self.wire = _Wire(job.codec, np.zeros(self.num_clients))
        self.heads = [LocalHeads(job.local_weights, job.task.num_classes) for _ in job.clients]
        self.first_loss = 0.0

    def iterate(self, step: int) -> None:
        """Make one iteration of every client and of the top."""
        batches = [self._batch(step, position) for position in range(self.num_clients)]
        smashed = [bottom(inputs) for bottom, (inputs, _) in zip(self.bottoms, batches, strict=True)]
        arrived = [self.wire.carry(position, s).requires_grad_() for position, s in enumerate(smashed)]
        labels = [own for _, own in batches]
        gradients = self._step_top(step, arrived, labels)
        for position, (s, gradient) in enumerate(zip(smashed, gradients, strict=True)):
            at_cut = self.wire.carry(position, gradient)
            own = self.heads[position].step(s, *batches[position], self.job.learning_rate)
            at_cut = at_cut if own is None else at_cut + own
            weights = list(self.bottoms[position].parameters())
            _descend(weights, torch.autograd.grad(s, weights, at_cut), self.job.learning_rate)

    def _batch(self, step: int, position: int) -> tuple[torch.Tensor, torch.Tensor]:
        valid = torch.from_numpy(self.job.samples[step, position, : self.job.counts[position]]).to(self.job.task.device)
        return self.job.task.train_inputs[valid], self.job.task.train_labels[valid]

    def _step_top(
        self, step: int, arrived: Sequence[torch.Tensor], labels: Sequence[torch.Tensor]
    ) -> list[torch.Tensor]:
        """Step the top, or the tops; return the gradient of each client's loss at the cut."""
        job, rate = self.job, self.job.learning_rate
        orders = range(self.num_clients) if job.orders is None else job.orders[step].tolist()
        total = [torch.zeros_like(weight) for weight in self.tops[0].parameters()]
        returned: dict[int, torch.Tensor] = {}
        loss_of_all = 0.0
        for position in orders:
            top = self.tops[position if job.top == "copies" else 0]
            weights = list(top.parameters())
            loss = cross_entropy(top(arrived[position]), labels[position])
            *gradient, returned[position] = torch.autograd.grad(loss, [*weights, arrived[position]])
            loss_of_all += float(job.top_weights[position]) * loss.item()
            if job.top != "shared":
                _descend(weights, gradient, rate)
                continue
            if job.mixing is not None:
                mixed = torch.autograd.grad(self._mixed_loss(step, position, arrived, labels), weights)
                gradient = [(a + b) / 2 for a, b in zip(gradient, mixed, strict=True)]
            for sum_, part in zip(total, gradient, strict=True):
                sum_.add_(part, alpha=float(job.top_weights[position]))
        if job.top == "shared":
            _descend(list(self.tops[0].parameters()), total, rate)
        if step == 0:
            self.first_loss = loss_of_all
        return [returned[position] for position in range(self.num_clients)]

    def _mixed_loss(
        self, step: int, position: int, arrived: Sequence[torch.Tensor], labels: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Return the loss of a client's activations mixed with the next one's, as many as both have."""
        assert self.job.mixing is not None
        other, m = (position + 1) % self.num_clients, float(self.job.mixing[step, position])
        width = min(len(arrived[position]), len(arrived[other]))
        one, two = arrived[position][:width].detach(), arrived[other][:width].detach()
        scores = self.tops[0](m * one + (1 - m) * two)
        own, others = labels[position][:width], labels[other][:width]
        return m * cross_entropy(scores, own) + (1 - m) * cross_entropy(scores, others)

    def result(self) -> State:
        """Return the weighted mean of the bottoms and the top, (num_entries,) float32; sums are in float64."""
        means = self.job.mean_weights
        halves = _mean(self.bottoms, means) | _mean(self.tops, means if len(self.tops) > 1 else np.ones(1))
        flat = [halves[slot.name].reshape(-1).cpu().numpy().astype(np.float32) for slot in self.job.task.layout]
        return np.concatenate(flat)


def _descend(weights: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor], rate: float) -> None:
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.add_(gradient, alpha=-rate)


def _mean(halves: Sequence[nn.Module], weights: np.ndarray) -> dict[str, torch.Tensor]:
    parameters = [dict(half.named_parameters()) for half in halves]
    return {
        name: sum(w * each[name].detach().double() for w, each in zip(weights.tolist(), parameters, strict=True))
        for name in parameters[0]
    }
