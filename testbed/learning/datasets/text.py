"""What data sets of text share: a text is split, tokenized and cut into windows.

The split is at a position: the first nine tenths of the characters are for training. A sample is a window of
T = `context` tokens, and its labels are the tokens that follow each of them:

    inputs_i = (x_s, ..., x_{s+T-1}),    labels_i = (x_{s+1}, ..., x_{s+T}),    s = i stride

Tokens after the last whole window are left out. Test windows never overlap; if there are more than `max_test_windows`,
that many of them are kept, evenly spaced over the test text.
"""

from collections.abc import Mapping
from typing import Annotated, Final

import numpy as np
from pydantic import PositiveInt

from testbed.errors import RequestError
from testbed.learning.datasets.dataset import Dataset
from testbed.learning.tokenizers.tokenizer import Tokenizer, Tokens
from testbed.settings import Part, component

__all__ = ["TRAIN_FRACTION", "TextSettings", "spaced", "windows"]

TRAIN_FRACTION: Final = 0.9


class TextSettings(Part):
    """The settings of every data set of text; 256 test windows of 64 tokens take a small model 0.1 to 0.2 s."""

    tokenizer: Annotated[Tokenizer, component("tokenizer")] = "char"  # type: ignore[assignment]  # cuts the text
    context: PositiveInt = 64  # tokens of a window
    stride: PositiveInt | None = None  # tokens between the beginnings of training windows; none: context, no overlap
    max_test_windows: PositiveInt = 256  # test windows that are kept

    def dataset(self, name: str, text: str, sources: Mapping[str, str]) -> Dataset:
        """Return the data set of a text.

        Raises
        ------
        RequestError : a part of the text is shorter than one window, or the tokenizer refuses it.
        """
        position = int(TRAIN_FRACTION * len(text))
        parts = {"train": text[:position], "test": text[position:]}
        vocabulary = self.tokenizer.fit(parts["train"])
        strides = {"train": self.stride or self.context, "test": self.context}
        inputs: dict[str, Tokens] = {}
        labels: dict[str, Tokens] = {}
        for part, piece in parts.items():
            tokens = vocabulary.encode(piece)
            if len(tokens) <= self.context:
                raise RequestError(
                    f"data set {name!r}: its {part} text has {len(tokens)} tokens, and a window of context = "
                    f"{self.context} needs {self.context + 1}: use a shorter context"
                )
            inputs[part], labels[part] = windows(tokens, self.context, strides[part])
        kept = spaced(len(inputs["test"]), self.max_test_windows)
        return Dataset(
            name=name,
            train_inputs=inputs["train"],
            train_labels=labels["train"],
            test_inputs=inputs["test"][kept],
            test_labels=labels["test"][kept],
            num_classes=vocabulary.size,
            sources=sources,
        )


def windows(tokens: Tokens, context: int, stride: int) -> tuple[Tokens, Tokens]:
    """Return inputs and labels, (num_windows, context) each, of more than `context` tokens.

    >>> inputs, labels = windows(np.arange(8), context=3, stride=2)
    >>> inputs.tolist(), labels.tolist()
    ([[0, 1, 2], [2, 3, 4], [4, 5, 6]], [[1, 2, 3], [3, 4, 5], [5, 6, 7]])
    """
    pairs = np.lib.stride_tricks.sliding_window_view(tokens, context + 1)[::stride]
    return pairs[:, :-1].copy(), pairs[:, 1:].copy()


def spaced(num: int, most: int) -> Tokens:
    """Return at most `most` of the positions 0, ..., num - 1, evenly spaced, the first and the last among them.

    >>> spaced(5, 3).tolist(), spaced(2, 3).tolist()
    ([0, 2, 4], [0, 1])
    """
    if num <= most:
        return np.arange(num, dtype=np.int64)
    return np.linspace(0, num - 1, most).round().astype(np.int64)
