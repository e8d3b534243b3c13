"""Laws of a task: the state that travels, what is observed of a model, and that jobs leave no trace in it."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from testbed.errors import RequestError
from testbed.learning.linear_stack import linear_layers
from testbed.learning.loss import class_scores, masked_mean_loss
from testbed.learning.task import _shared_tensor


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(13, 13), nn.Linear(13, 13), nn.Linear(13, 10)
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.first(x)))


def test_the_layout_has_parameters_and_float_buffers_in_state_dict_order_but_no_counters(
    make_task: Any,
) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.Linear(16, 10)))
    names = [slot.name for slot in task.layout]
    assert names == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "2.weight", "2.bias"
    ]  # fmt: skip
    assert task.layout.size == 13 * 16 + 16 + 4 * 16 + 160 + 10


def test_data_that_are_read_only_are_in_memory_once() -> None:
    inputs = np.ones((5, 13), dtype=np.float32)
    inputs.flags.writeable = False
    assert np.shares_memory(_shared_tensor(inputs).numpy(), inputs)


def test_tied_weights_travel_once(make_task: Any) -> None:
    task = make_task(Tied)
    assert [slot.name for slot in task.layout if "weight" in slot.name] == ["first.weight", "head.weight"]


def test_unloading_returns_the_state_that_was_loaded(make_task: Any) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.Linear(16, 10)))
    state = np.arange(task.layout.size, dtype=np.float32)
    task.load(state)
    np.testing.assert_array_equal(task.unload(), state)


def test_loading_sets_counters_back(make_task: Any) -> None:
    task = make_task(lambda: nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.Linear(16, 10)))
    task.model[1].num_batches_tracked += 5
    task.load(task.initial_state())
    assert task.model[1].num_batches_tracked == 0


def test_the_given_model_is_copied_and_the_global_generator_untouched(make_task: Any) -> None:
    model = nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.Linear(16, 10))
    before, luck = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    task = make_task(lambda: model)
    task.load(np.zeros(task.layout.size, dtype=np.float32))
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert torch.equal(luck, torch.get_rng_state())


@pytest.mark.parametrize(
    ("layer", "trait"),
    [
        (nn.Dropout(0.5), "draws"),
        (nn.RReLU(), "draws"),
        (nn.BatchNorm1d(16), "changes_buffers"),
        (nn.BatchNorm1d(16, track_running_stats=False), "mixes_samples"),
        (nn.LayerNorm(16), None),
        (nn.Dropout(0.0), None),
        (nn.GELU(), None),
    ],
)
def test_traits_are_observed_where_they_are_and_nowhere_else(
    make_task: Any, layer: nn.Module, trait: str | None
) -> None:
    traits = make_task(lambda: nn.Sequential(nn.Linear(13, 16), layer, nn.Linear(16, 10))).traits
    found = [name for name in ("draws", "changes_buffers", "mixes_samples") if getattr(traits, name)]
    assert found == ([trait] if trait else [])
    assert traits.vmap_complaint == ""


def test_a_model_that_looks_at_values_cannot_be_batched_and_says_why(make_task: Any) -> None:
    class Looks(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x if float(x.sum()) < 1e9 else 2 * x)

    assert "vmap" in make_task(lambda: Looks(13, 10)).traits.vmap_complaint


def test_a_model_that_does_not_fit_the_data_is_refused(make_task: Any) -> None:
    with pytest.raises(RequestError, match=r"cannot take samples of shape \(13,\)"):
        make_task(lambda: nn.Linear(12, 10))
    with pytest.raises(RequestError, match="scores of shape"):
        make_task(lambda: nn.Linear(13, 9))


def test_only_plain_stacks_are_recognised_as_such() -> None:
    linear = nn.Linear(4, 4)
    frozen = nn.Linear(4, 4).requires_grad_(False)
    nested = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(3, 2))
    assert [layer.weight for layer in linear_layers(nested)] == ["1.0.weight", "2.weight"]
    for other in (
        nn.Sequential(linear, nn.ReLU(), linear),
        nn.Sequential(frozen, nn.ReLU(), nn.Linear(4, 2)),
        nn.Sequential(nn.Linear(4, 2), nn.ReLU()),
        nn.Sequential(nn.Linear(4, 1)),
        nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Linear(4, 2)),
        linear,
    ):
        assert linear_layers(other) == ()


def test_padding_has_no_weight_in_the_loss() -> None:
    scores, labels = (
        torch.randn(5, 3, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 1, 2, 0, 1]),
    )
    padded = masked_mean_loss(scores, labels, torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0]))
    torch.testing.assert_close(padded, nn.functional.cross_entropy(scores[:3], labels[:3]))


def test_a_single_score_is_the_log_odds_of_the_second_class() -> None:
    odds, labels = torch.tensor([0.3, -2.0]), torch.tensor([1, 0])
    expected = nn.functional.binary_cross_entropy_with_logits(odds, labels.float())
    for output in (odds, odds[:, None], (odds, "more")):
        loss = nn.functional.cross_entropy(class_scores(output), labels)
        torch.testing.assert_close(loss, expected)
