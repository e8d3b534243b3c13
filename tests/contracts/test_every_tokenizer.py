"""The contract of every tokenizer: its vocabulary comes from the training text, and every text can be encoded."""

from typing import Any

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.learning.tokenizers import Tokenizer, Vocabulary

TEXT = "The sea, the sea! The open sea!\n\tThe blue, the fresh, the ever free \u2014 na\u00efve sea. " * 20
MANY = settings(max_examples=50)


@pytest.fixture(scope="module", params=examples("tokenizer"), ids=str)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return request.param.build()


@pytest.fixture(scope="module")
def vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    return tokenizer.fit(TEXT)


def test_the_training_text_comes_back_from_its_tokens(vocabulary: Vocabulary) -> None:
    tokens = vocabulary.encode(TEXT)
    assert tokens.dtype == np.int64 and tokens.ndim == 1
    assert 0 < len(tokens) <= len(TEXT.encode())
    assert vocabulary.decode(tokens) == TEXT


@MANY
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_becomes_tokens_of_the_vocabulary(vocabulary: Vocabulary, text: str) -> None:
    tokens = vocabulary.encode(text)
    assert len(tokens) <= len(text.encode())
    assert ((tokens >= 0) & (tokens < vocabulary.size)).all()
    assert isinstance(vocabulary.decode(tokens), str)


@MANY
@given(st.text(st.sampled_from(sorted(set(TEXT))), max_size=60))
def test_any_text_of_known_characters_comes_back(vocabulary: Vocabulary, text: str) -> None:
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_the_same_text_makes_the_same_vocabulary(tokenizer: Tokenizer, vocabulary: Vocabulary) -> None:
    again = tokenizer.fit(TEXT)
    assert again.size == vocabulary.size
    other = "free as the blue sea, or as anything else"
    assert again.encode(other).tolist() == vocabulary.encode(other).tolist()
