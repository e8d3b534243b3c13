"""Models to train, each a part with `build(input_shape, num_classes, torch_generator_seed) -> nn.Module`.

Reading order: `architecture` (the protocol and how weights are initialised), `logistic_regression`, `mlp`,
`paper_cnn`: plain `nn.Sequential`s that draw nothing in `forward` and keep no buffers, so every kernel can train
them. `gpt` is for windows of tokens.
"""

from testbed.learning.models.architecture import Architecture

__all__ = ["Architecture"]
