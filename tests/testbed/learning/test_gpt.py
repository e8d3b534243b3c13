"""Laws of the decoder: it sees the past alone, its parts bear their names, its operations follow the rule of six."""

import math

import numpy as np
import pytest
import torch

from testbed.errors import RequestError
from testbed.learning.cost import training_cost
from testbed.learning.datasets.pydoc_topics import PydocTopicsDataset
from testbed.learning.kernels.batched import BatchedKernel
from testbed.learning.kernels.protocol import EvaluationJob, TrainingJob, form_chunks
from testbed.learning.loss import mean_loss, sample_losses
from testbed.learning.models.gpt import Decoder, Gpt
from testbed.learning.optimizer import OptimizerSettings
from testbed.learning.task import LearningTask


def decoder(context: int = 16, num_tokens: int = 30, **settings: object) -> torch.nn.Module:
    return Gpt(**settings).build((context,), num_tokens, 0)  # type: ignore[arg-type]


def tokens(num_windows: int, context: int = 16, num_tokens: int = 30) -> torch.Tensor:
    return torch.randint(num_tokens, (num_windows, context), generator=torch.Generator().manual_seed(1))


def num_parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_default_model_of_shakespeare_has_0_21_million_parameters_in_six_layers() -> None:
    model = Gpt().build((64,), 65, 0)
    d, blocks, vocabulary, context = 64, 4, 65, 64
    block = 2 * 2 * d + (3 * d * d + 3 * d) + (d * d + d) + (4 * d * d + 4 * d) + (4 * d * d + d)
    assert num_parameters(model) == 2 * vocabulary * d + context * d + blocks * block + 2 * d == 212_480
    units = list(
        dict.fromkeys(".".join(name.split(".")[: 1 + name.startswith("blocks")]) for name in model.state_dict())
    )
    assert units == ["token_embedding", "position_embedding", *(f"blocks.{k}" for k in range(4)), "norm", "head"]


@pytest.mark.parametrize("position", [0, 7, 15])
def test_a_position_sees_itself_and_the_past_and_nothing_that_follows(position: int) -> None:
    model = decoder(width=16).eval()
    before = tokens(3)
    after = before.clone()
    after[:, position] = (after[:, position] + 1) % 30
    moved = (model(after) - model(before)).abs().amax(dim=(0, 2))
    assert (moved[:position] == 0).all()
    assert (moved[position:] > 1e-6).all()


def test_windows_do_not_affect_each_other_and_shorter_ones_are_the_beginning_of_longer_ones() -> None:
    model = decoder(width=16).eval()
    windows = tokens(4)
    torch.testing.assert_close(model(windows)[2:3], model(windows[2:3]), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model(windows)[:, :5], model(windows[:, :5]), rtol=1e-5, atol=1e-6)


def test_the_untrained_model_is_as_good_as_a_guess() -> None:
    model = decoder(width=64)
    labels = tokens(64)[:, torch.randperm(16, generator=torch.Generator().manual_seed(0))]
    assert mean_loss(model(tokens(64)), labels).item() == pytest.approx(math.log(30), abs=0.05)


def test_the_loss_of_a_window_is_the_mean_over_its_tokens() -> None:
    model, inputs, labels = decoder(width=16), tokens(5), tokens(6)[1:]
    chances = torch.softmax(model(inputs).double(), dim=-1)
    by_hand = -chances.gather(-1, labels.unsqueeze(-1)).squeeze(-1).log().mean(dim=1)
    torch.testing.assert_close(sample_losses(model(inputs), labels).double(), by_hand, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(mean_loss(model(inputs), labels).double(), by_hand.mean(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("width", "num_blocks", "context", "num_tokens"), [(64, 4, 64, 65), (32, 2, 16, 100)])
def test_the_operations_are_six_a_parameter_and_token_and_those_of_attention(
    width: int, num_blocks: int, context: int, num_tokens: int
) -> None:
    model = Gpt(width=width, num_blocks=num_blocks).build((context,), num_tokens, 0)
    cost = training_cost(model, tokens(2, context, num_tokens), tokens(2, context, num_tokens))
    multiplied = 12 * num_blocks * width**2 + width * num_tokens  # weights that are in a product
    attention = 12 * num_blocks * context**2 * width
    assert cost.flop_per_sample == 6 * context * multiplied + attention
    assert cost.forward_flop_per_sample * 3 == cost.flop_per_sample
    assert cost.parameter_bytes == 4 * num_parameters(model)
    if width == 64:
        # The rule of six on all parameters: embeddings are looked up, attention is on top, which is a tenth more here.
        assert 1.05 < cost.flop_per_sample / (6 * num_parameters(model) * context) < 1.15


def test_a_tied_head_is_the_token_embedding_and_travels_once() -> None:
    tied, free = decoder(width=16, tie_weights=True), decoder(width=16)
    assert isinstance(tied, Decoder)
    assert tied.head.weight is tied.token_embedding.weight
    assert num_parameters(free) - num_parameters(tied) == 30 * 16


def test_dropout_acts_in_training_only() -> None:
    model = decoder(width=16, dropout=0.5)
    model.eval()
    assert torch.equal(model(tokens(2)), model(tokens(2)))
    model.train()
    with torch.random.fork_rng(devices=[]):
        assert not torch.equal(model(tokens(2)), model(tokens(2)))


def test_what_is_no_window_of_tokens_and_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(
        RequestError, match=r"model gpt needs windows of tokens \(context,\), not inputs of \(1, 8, 8\)"
    ):
        Gpt().build((1, 8, 8), 10, 0)
    with pytest.raises(ValueError, match="width = 10 is not a multiple of num_heads = 4"):
        Gpt(width=10)


class Blend(torch.nn.Module):
    """Scores that depend on the other windows, or of another shape."""

    def __init__(self, share: float, drop: int = 0) -> None:
        super().__init__()
        self.table, self.share, self.drop = torch.nn.Embedding(200, 200), share, drop

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.table(x)
        return (scores + self.share * scores.mean(dim=0))[:, self.drop :]


def test_what_a_forward_does_with_windows_is_observed_and_scores_of_another_shape_are_refused() -> None:
    data = PydocTopicsDataset(context=16, max_test_windows=40).load(None)
    settings = OptimizerSettings(learning_rate=1e-2)
    assert [LearningTask(Blend(share), data, settings, 4).traits.mixes_samples for share in (0.0, 0.5)] == [False, True]
    with pytest.raises(RequestError, match=r"scores of shape \(4, 15, 200\), expected \(4, 16, "):
        LearningTask(Blend(0.0, drop=1), data, settings, 4)


def test_it_learns_text_and_the_batched_kernel_computes_it_one_job_at_a_time() -> None:
    data = PydocTopicsDataset(context=16, max_test_windows=40).load(None)
    model = Gpt(width=32, num_blocks=2).build(data.input_shape, data.num_classes, 0)
    task = LearningTask(model, data, OptimizerSettings(kind="adamw", learning_rate=1e-2), batch_width=32)
    rows = np.random.default_rng(0).integers(0, len(data.train_inputs), size=(60, 32))
    job = TrainingJob(
        task=task, client=0, index=0, base_version=0, parameters=task.initial_state(), samples=rows,
        counts=np.full(60, 32), num_steps=60, torch_seed=0, optimizer_state=np.zeros(task.num_state, np.float32),
        learning_rates=np.full(60, 1e-2),
    )  # fmt: skip
    losses = []
    (chunk,) = form_chunks([job], BatchedKernel())
    (output,) = chunk.compute()
    for state in (job.parameters, output.parameters):
        evaluation = EvaluationJob(task=task, version=0, parameters=state)
        losses.append(form_chunks([evaluation], BatchedKernel())[0].compute()[0].loss)
    assert losses[0] == pytest.approx(math.log(data.num_classes), abs=0.2)
    assert losses[1] < 0.75 * losses[0]
    plain = LearningTask(model, data, OptimizerSettings(learning_rate=0.1), batch_width=32)
    simple = TrainingJob(**{**vars(job), "task": plain, "optimizer_state": None, "learning_rates": None})
    assert "windows of tokens" in BatchedKernel().family(simple).reason
