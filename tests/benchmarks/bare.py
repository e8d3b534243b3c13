"""The floor: federated averaging as a competent user writes it by hand in PyTorch, without any framework.

One model into which the global state is loaded for every client, plain gradients, steps in place. With several
processes the cohort is dealt to them, and each adds up what its clients learnt; state and sums lie in shared memory.
"""

import argparse
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

import torch
from measurement import Seconds, Trained, measure, note_peak, now
from torch import multiprocessing, nn
from torch.nn import functional
from workload import BATCH_SIZE, LEARNING_RATE, SEED, Samples, build

Tensors = list[torch.Tensor]


def train(model: str, samples: Samples, num_rounds: int, arguments: argparse.Namespace) -> Trained:
    """Train with as many processes as asked for."""
    module = build(model)
    state = [parameter.detach().clone() for parameter in module.parameters()]
    run = _alone if arguments.processes == 1 else _together
    round_s = list(run(module, state, samples, num_rounds, arguments.processes))
    _load(module, state)
    return Trained.scored(module, samples, round_s)


def _alone(module: nn.Module, state: Tensors, samples: Samples, num_rounds: int, _processes: int) -> Iterator[Seconds]:
    luck = torch.Generator().manual_seed(SEED)
    for _ in range(num_rounds):
        start_s = now()
        total = _add_up(module, state, samples, _cohort(samples, luck), luck)
        for tensor, summed in zip(state, total, strict=True):
            torch.div(summed, samples.size.cohort, out=tensor)
        yield now() - start_s


def _together(
    module: nn.Module, state: Tensors, samples: Samples, num_rounds: int, processes: int
) -> Iterator[Seconds]:
    luck = torch.Generator().manual_seed(SEED)
    context = multiprocessing.get_context("fork")
    sums = [[torch.zeros_like(tensor).share_memory_() for tensor in state] for _ in range(processes)]
    shared = [tensor.clone().share_memory_() for tensor in state]
    pipes, workers = [], []
    for rank in range(processes):
        ours, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(module, shared, samples, sums[rank], rank, theirs), daemon=True)
        worker.start()
        pipes.append(ours)
        workers.append(worker)
    for _ in range(num_rounds):
        start_s = now()
        cohort = _cohort(samples, luck)
        for rank, pipe in enumerate(pipes):
            pipe.send(cohort[rank::processes])
        for pipe in pipes:
            pipe.recv()
        for tensor, *summed in zip(shared, *sums, strict=True):
            torch.div(sum(summed), samples.size.cohort, out=tensor)
        yield now() - start_s
    for tensor, trained in zip(state, shared, strict=True):
        tensor.copy_(trained)
    note_peak()
    for pipe, worker in zip(pipes, workers, strict=True):
        pipe.send(None)
        worker.join()


def _work(module: nn.Module, state: Tensors, samples: Samples, sums: Tensors, rank: int, pipe: Connection) -> None:
    torch.set_num_threads(1)
    luck = torch.Generator().manual_seed(SEED + 1 + rank)
    while (clients := pipe.recv()) is not None:
        for summed, total in zip(sums, _add_up(module, state, samples, clients, luck), strict=True):
            summed.copy_(total)
        pipe.send(True)


def _add_up(
    module: nn.Module, state: Tensors, samples: Samples, clients: Sequence[int], luck: torch.Generator
) -> Tensors:
    """Return the sum of what the clients learn, each from `state`."""
    parameters = list(module.parameters())
    total = [torch.zeros_like(tensor) for tensor in state]
    for client in clients:
        _load(module, state)
        inputs, labels = samples.of_client(client)
        for batch in torch.randperm(len(labels), generator=luck).split(BATCH_SIZE):
            loss = functional.cross_entropy(module(inputs[batch]), labels[batch])
            gradients = torch.autograd.grad(loss, parameters)
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.sub_(gradient, alpha=LEARNING_RATE)
        with torch.no_grad():
            for summed, parameter in zip(total, parameters, strict=True):
                summed.add_(parameter)
    return total


@torch.no_grad()
def _load(module: nn.Module, state: Tensors) -> None:
    for parameter, tensor in zip(module.parameters(), state, strict=True):
        parameter.copy_(tensor)


def _cohort(samples: Samples, luck: torch.Generator) -> list[int]:
    return torch.randperm(samples.size.num_clients, generator=luck)[: samples.size.cohort].tolist()


if __name__ == "__main__":
    measure("bare", train, ["torch", "numpy"])
