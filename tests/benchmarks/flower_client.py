"""The client of the side `flower`, imported by every worker; data and model are kept from message to message.

The library's own examples make both anew for each message, which takes longer.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from torch import nn
from torch.nn import functional
from workload import BATCH_SIZE, LEARNING_RATE, build

__all__ = ["app", "keep_samples"]

app = ClientApp()


def keep_samples(folder: Path, inputs: np.ndarray, labels: np.ndarray) -> None:
    """Lay the training samples down where workers map them into memory."""
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "labels.npy", labels)


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train one client for one epoch."""
    config = message.content["config"]
    module = _module(config["model"])
    module.load_state_dict(message.content["arrays"].to_torch_state_dict())
    inputs, labels = _samples(config["folder"])
    count = config["samples-per-client"]
    first = int(context.node_config["partition-id"]) * count
    optimizer = torch.optim.SGD(module.parameters(), lr=LEARNING_RATE)
    for batch in torch.randperm(count).add_(first).split(BATCH_SIZE):
        optimizer.zero_grad()
        functional.cross_entropy(module(inputs[batch]), labels[batch]).backward()
        optimizer.step()
    learnt = {
        "arrays": ArrayRecord(module.state_dict()),
        "metrics": MetricRecord({"num-examples": count}),
    }
    return Message(content=RecordDict(learnt), reply_to=message)


@cache
def _module(model: str) -> nn.Module:
    torch.set_num_threads(1)
    return build(model)


@cache
def _samples(folder: str) -> tuple[torch.Tensor, torch.Tensor]:
    # "c" lets torch have them without a complaint about read-only memory; nobody writes.
    inputs, labels = (np.load(Path(folder) / f"{name}.npy", mmap_mode="c") for name in ("inputs", "labels"))
    return torch.from_numpy(inputs), torch.from_numpy(labels)
