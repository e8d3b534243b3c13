"""A small decoder-only transformer, in the form of GPT-2.

    x = token_embedding[tokens] + position_embedding
    each block:  x <- x + attention(norm(x)),    x <- x + mlp(norm(x))
    logits = head(norm(x))

Attention is causal: a position sees itself and those before it. Names of the state: `token_embedding`,
`position_embedding`, `blocks.0` to `blocks.{L-1}`, `norm`, `head`. Sources: Vaswani et al., "Attention is all you
need", 2017; Radford et al., "Language models are unsupervised multitask learners", 2019, section 2.3 (normalisation
before each part, and the scaled initial weights of what is added to the residual stream).
"""

import math
from typing import Annotated, Final

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import nn
from torch.nn import functional

from testbed.errors import RequestError
from testbed.learning.torch_seed import seeded
from testbed.settings import Part

__all__ = ["Decoder", "Gpt"]

_SPREAD: Final = 0.02  # standard deviation of the initial weights (GPT-2)
_MLP_RATIO: Final = 4


class Gpt(Part):
    """A decoder-only transformer for windows of tokens; the defaults have 0.21 million parameters with 65 symbols.

    Its context is that of the data. Biases and weights of normalisations are as PyTorch has them; all other weights are
    normal with a standard deviation of 0.02, and of 0.02 / sqrt(2 L) where a block adds to the residual stream.
    """

    kind: str = "gpt"
    width: PositiveInt = 64  # d: entries of a token's vector
    num_blocks: PositiveInt = 4  # L
    num_heads: PositiveInt = 4  # a divisor of the width
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # share of activations set to zero in training
    tie_weights: bool = False  # whether the head is the token embedding

    @model_validator(mode="after")
    def _check(self) -> "Gpt":
        if self.width % self.num_heads:
            raise RequestError(f"width = {self.width} is not a multiple of num_heads = {self.num_heads}")
        return self

    def build(self, input_shape: tuple[int, ...], num_classes: int, torch_generator_seed: int) -> nn.Module:
        """Return the module for windows `input_shape = (T,)` of `num_classes` tokens; see `Architecture.build`."""
        if len(input_shape) != 1:
            raise RequestError(f"model gpt needs windows of tokens (context,), not inputs of {input_shape}")
        with seeded(torch_generator_seed):
            return Decoder(self, input_shape[0], num_classes)


class Decoder(nn.Module):
    """The module of `Gpt`: tokens (n, T) int64 to scores (n, T, vocabulary)."""

    def __init__(self, settings: Gpt, context: int, num_tokens: int) -> None:
        super().__init__()
        width = settings.width
        self.token_embedding = nn.Embedding(num_tokens, width)
        self.position_embedding = nn.Embedding(context, width)
        self.dropout = nn.Dropout(settings.dropout)
        self.blocks = nn.ModuleList(_Block(settings) for _ in range(settings.num_blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_tokens, bias=False)
        self.apply(_initialise)
        for name, parameter in self.named_parameters():
            if name.endswith("output.weight"):
                nn.init.normal_(parameter, std=_SPREAD / math.sqrt(2 * settings.num_blocks))
        if settings.tie_weights:
            self.head.weight = self.token_embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the scores of what follows each token; T at most the context."""
        positions = self.position_embedding.weight[: tokens.shape[1]]  # (T, d)
        x = self.dropout(self.token_embedding(tokens) + positions)  # (n, T, d)
        for block in self.blocks:
            x = block(x)  # (n, T, d)
        scores: torch.Tensor = self.head(self.norm(x))  # (n, T, vocabulary)
        return scores


class _Block(nn.Module):
    def __init__(self, settings: Gpt) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(settings.width)
        self.attention = _Attention(settings)
        self.mlp_norm = nn.LayerNorm(settings.width)
        self.mlp = _Mlp(settings)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.attention_norm(x))
        return x + self.mlp(self.mlp_norm(x))  # type: ignore[no-any-return]


class _Attention(nn.Module):
    def __init__(self, settings: Gpt) -> None:
        super().__init__()
        self.num_heads = settings.num_heads
        self.input = nn.Linear(settings.width, 3 * settings.width)  # queries, keys and values in one product
        self.output = nn.Linear(settings.width, settings.width)
        self.dropout_probability = settings.dropout
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, length, width = x.shape
        queries, keys, values = (
            part.view(n, length, self.num_heads, -1).transpose(1, 2)  # (n, heads, T, d / heads)
            for part in self.input(x).chunk(3, dim=-1)
        )
        probability = self.dropout_probability if self.training else 0.0
        seen = functional.scaled_dot_product_attention(queries, keys, values, dropout_p=probability, is_causal=True)
        joined = seen.transpose(1, 2).reshape(n, length, width)  # (n, T, d)
        return self.dropout(self.output(joined))  # type: ignore[no-any-return]


class _Mlp(nn.Module):
    def __init__(self, settings: Gpt) -> None:
        super().__init__()
        self.input = nn.Linear(settings.width, _MLP_RATIO * settings.width)
        self.output = nn.Linear(_MLP_RATIO * settings.width, settings.width)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.output(functional.gelu(self.input(x))))  # type: ignore[no-any-return]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_SPREAD)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
