"""Laws of tasks in parcels: the data lie once and are not copied, the model is a copy of its own, tied is tied."""

from typing import Any

import numpy as np
import torch
from torch import nn

from testbed.learning.placement.parcel import pack_task, place_buffers, unpack_task
from testbed.learning.placement.shared_memory import Pool, View, slot_bytes


class Tied(nn.Module):
    """Two layers with one matrix, a buffer that counts, and a view of a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(13, 13, bias=False), nn.Linear(13, 13, bias=False)
        self.second.weight = self.first.weight
        self.norm, self.head = nn.BatchNorm1d(13), nn.Linear(13, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.second(torch.tanh(self.first(inputs)))))  # type: ignore[no-any-return]


def sent(task: Any) -> tuple[Any, np.ndarray[Any, Any]]:
    words, buffers = pack_task(task)
    pool = Pool()
    content, offsets = place_buffers(buffers, lambda size: np.frombuffer(pool.bytes_at(pool.take(size)), np.uint8))
    data = content.data
    found = unpack_task(words, [data[at : at + len(buffer)] for at, buffer in zip(offsets, buffers, strict=True)])
    pool.close()
    return found, content


def address(tensor: torch.Tensor) -> int:
    return tensor.data_ptr()


def test_the_data_of_a_task_lie_where_they_were_put_and_as_well_aligned_as_before(make_task: Any) -> None:
    task = make_task(Tied)
    found, content = sent(task)
    start = content.ctypes.data
    for name in ("train_inputs", "train_labels", "test_inputs", "test_labels"):
        here, there = getattr(task, name), getattr(found, name)
        assert torch.equal(here, there)
        assert start <= address(there) < start + content.nbytes
        assert address(here) % 64 == address(there) % 64


def test_a_task_that_was_sent_has_a_model_of_its_own_with_the_same_ties(make_task: Any) -> None:
    task = make_task(Tied)
    found, content = sent(task)
    assert found.model.first.weight is found.model.second.weight
    assert found.layout == task.layout and found.trainable == task.trainable
    assert all(
        not content.ctypes.data <= address(p) < content.ctypes.data + content.nbytes for p in found.model.parameters()
    )
    assert all(address(parameter) % 64 == 0 for parameter in found.model.parameters())
    state = task.initial_state() + np.float32(1.0)
    found.load(state)
    assert found.unload().tobytes() == state.tobytes()
    assert task.initial_state().tobytes() == found.initial_state().tobytes() == task.unload().tobytes()
    found.model.norm.num_batches_tracked += 1
    found.load(state)
    assert int(found.model.norm.num_batches_tracked) == 0


def test_what_is_written_on_one_side_is_read_on_the_other_and_found_again_by_its_address() -> None:
    pool = Pool()
    view = View(pool.file)
    places = [pool.take(size) for size in (5000, 5000, 70, 3_000_000, 5000)]
    arrays = [np.full(place.num_bytes // 4, k, np.float32) for k, place in enumerate(places)]
    for place, array in zip(places, arrays, strict=True):
        pool.write(place, array)
    for place, array in zip(places, arrays, strict=True):
        there = view.array(place, "<f4", array.shape)
        assert there.tobytes() == array.tobytes() and there.ctypes.data % 64 == 0
        here = pool.array(place, "<f4", array.shape)
        assert pool.find(here) == place
        part = pool.find(here[4:8])
        assert part is not None and view.array(part, "<f4", (4,)).tobytes() == array[4:8].tobytes()
        assert pool.find(here[::2]) is None and pool.find(array) is None
    pool.give_back(places[1])
    assert pool.take(4900) == places[1]
    pool.close()


def test_a_slot_is_large_enough_and_at_most_an_eighth_too_large() -> None:
    for num_bytes in [*range(1, 5000), 10**6, 10**8 + 1]:
        assert num_bytes <= slot_bytes(num_bytes) <= max(64 + num_bytes, num_bytes * 1.126)
        assert slot_bytes(num_bytes) % 64 == 0
        assert slot_bytes(slot_bytes(num_bytes)) == slot_bytes(num_bytes)


def test_tensors_that_share_their_memory_share_it_in_the_task_that_was_sent(make_task: Any) -> None:
    task = make_task(Tied)
    whole = torch.zeros(8)
    task.own = whole, whole[2:]
    found, _ = sent(task)
    found.own[0][2] = 1.0
    assert found.own[1][0] == 1.0 and whole[2] == 0.0
