"""Laws of text as data: windows cover it in order, nothing of the test text is learnt from, short text is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.errors import RequestError
from testbed.learning.datasets import Dataset
from testbed.learning.datasets.pydoc_topics import PydocTopicsDataset
from testbed.learning.datasets.text import TRAIN_FRACTION, TextSettings, spaced, windows
from testbed.learning.datasets.tiny_shakespeare import TinyShakespeareDataset
from testbed.learning.partition import ContiguousPartition, label_distance, label_histogram
from testbed.learning.tokenizers.bpe import BpeTokenizer
from testbed.learning.tokenizers.byte import ByteTokenizer
from testbed.learning.tokenizers.char import CharTokenizer

TEXT = "".join(chr(ord("a") + k % 26) for k in range(1000))


def data_of(text: str = TEXT, **settings: object) -> Dataset:
    return TextSettings(**settings).dataset("words", text, {})  # type: ignore[arg-type]


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 100))
def test_windows_are_all_that_fit_and_a_label_is_the_token_that_follows(context: int, stride: int, more: int) -> None:
    tokens = np.arange(context + 1 + more)
    inputs, labels = windows(tokens, context, stride)
    assert len(inputs) == more // stride + 1
    np.testing.assert_array_equal(labels, inputs + 1)
    np.testing.assert_array_equal(inputs, np.arange(len(inputs))[:, None] * stride + np.arange(context))


def test_windows_without_overlap_read_the_training_text_once_and_in_order() -> None:
    data = data_of(context=8)
    train, test = TEXT[:900], TEXT[900:]
    vocabulary = CharTokenizer().fit(train)
    for inputs, piece in ((data.train_inputs, train), (data.test_inputs, test)):
        assert vocabulary.decode(inputs.reshape(-1)) == piece[: 8 * ((len(piece) - 1) // 8)]


def test_only_training_windows_overlap_and_test_windows_are_spread_evenly() -> None:
    data, dense = data_of(context=8), data_of(context=8, stride=2)
    assert len(dense.train_inputs) == (900 - 9) // 2 + 1
    np.testing.assert_array_equal(dense.train_inputs[::4][: len(data.train_inputs)], data.train_inputs)
    np.testing.assert_array_equal(dense.test_inputs, data.test_inputs)
    few = data_of(context=8, max_test_windows=3)
    np.testing.assert_array_equal(few.test_inputs, data.test_inputs[[0, 6, 11]])


@given(st.integers(1, 300), st.integers(1, 300))
def test_evenly_spaced_positions_are_different_and_as_many_as_asked_for(num: int, most: int) -> None:
    kept = spaced(num, most)
    assert len(kept) == min(num, most)
    assert (np.diff(kept) >= 1).all()
    assert kept[0] == 0 and (kept[-1] == num - 1 or most == 1)


def test_a_text_shorter_than_a_window_is_refused_with_the_part_and_the_reason() -> None:
    assert len(data_of(context=99).test_inputs) == 1
    with pytest.raises(RequestError, match="its test text has 100 tokens, and a window of context = 100 needs 101"):
        data_of(context=100)
    with pytest.raises(RequestError, match="its train text has 1 tokens"):
        data_of(text="ab")


def test_the_vocabulary_knows_the_training_text_alone() -> None:
    train, test = "abc" * 30, "xyz" * 4
    data = data_of(text=train[:81] + "xyz" * 3, context=3)
    assert data.num_classes == 4  # a, b, c and all others
    assert set(data.test_labels.reshape(-1).tolist()) == {3}
    other = data_of(text=train[:81] + test[:9].upper(), context=3)
    np.testing.assert_array_equal(other.train_inputs, data.train_inputs)
    assert other.num_classes == data.num_classes


def test_tokens_of_the_same_text_are_fewer_the_more_a_tokenizer_merges() -> None:
    text = "the sea the open sea the blue the fresh the ever free " * 40
    counts = [len(BpeTokenizer(vocab_size=size).fit(text).encode(text)) for size in (257, 265, 280)]
    bytes_alone = len(ByteTokenizer().fit(text).encode(text))
    assert bytes_alone > counts[0] > counts[1] > counts[2]
    # The first pair is the most frequent one: "th" or "he" of the 200 "the", "e " does not stay within a word.
    assert counts[0] == bytes_alone - max(text.count(pair) for pair in ("th", "he", " t"))


def test_byte_pairs_stay_within_words_and_are_refused_when_there_are_too_few() -> None:
    text = "ab cd " * 50
    vocabulary = BpeTokenizer(vocab_size=259).fit(text)
    assert all(" " not in vocabulary.decode(np.array([token]))[1:] for token in range(256, vocabulary.size))
    with pytest.raises(RequestError, match="vocab_size = 400, but the training text of 300 characters has words for"):
        BpeTokenizer(vocab_size=400).fit(text)


def test_training_byte_pairs_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for before in (None, "true"):
        monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
        if before is not None:
            monkeypatch.setenv("TOKENIZERS_PARALLELISM", before)
        BpeTokenizer(vocab_size=258).fit("ab cd " * 50).encode("ab")
        assert os.environ.get("TOKENIZERS_PARALLELISM") == before


def test_without_the_package_byte_pairs_are_refused_and_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("testbed.learning.tokenizers.bpe.find_spec", lambda name: None)
    with pytest.raises(RequestError, match="pip install tokenizers"):
        BpeTokenizer(vocab_size=300).fit(TEXT)


def test_the_help_topics_are_english_text_that_is_always_there() -> None:
    data = PydocTopicsDataset().load(None)
    assert data.is_language and data.input_shape == (64,)
    assert len(data.train_inputs) * 64 > 300_000
    assert 80 < data.num_classes < 200
    assert PydocTopicsDataset().load(None) is data


@pytest.mark.parametrize("data_dir", ["tiny_shakespeare"], indirect=True)
def test_shakespeare_has_65_characters_all_of_which_the_training_text_knows(data_dir: Path) -> None:
    data = TinyShakespeareDataset().load(data_dir)
    assert data.num_classes == 65 + 1
    assert data.train_inputs.shape == (int(TRAIN_FRACTION * 1_115_394) // 64, 64)
    assert data.test_inputs.shape == (256, 64)
    assert max(data.train_labels.max(), data.test_labels.max()) == 64  # no unknown one occurs


def test_another_file_than_the_known_one_is_refused_and_both_hashes_are_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is not a folder"):
        TinyShakespeareDataset().load(tmp_path)
    (tmp_path / "tiny_shakespeare").mkdir()
    with pytest.raises(RequestError, match=r"input\.txt cannot be read"):
        TinyShakespeareDataset().load(tmp_path)
    (tmp_path / "tiny_shakespeare" / "input.txt").write_text("To be, or not to be")
    with pytest.raises(RequestError, match=r"19 bytes that are not the known ones .*not 86c4e6aa9db7"):
        TinyShakespeareDataset().load(tmp_path)


def test_regions_read_stretches_of_equal_length_in_order_and_their_words_differ() -> None:
    data = PydocTopicsDataset().load(None)
    rng = np.random.default_rng(0)
    shards = ContiguousPartition().deal(data.train_labels, 4, rng)
    assert np.concatenate(shards).tolist() == list(range(len(data.train_labels)))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    histograms = label_histogram(data.train_labels, shards, data.num_classes)
    assert histograms.sum() == data.train_labels.size
    mixes = histograms / histograms.sum(axis=1, keepdims=True)
    whole = histograms.sum(axis=0) / histograms.sum()
    np.testing.assert_allclose(label_distance(histograms), np.abs(mixes - whole).sum(axis=1))
    shuffled = np.array_split(rng.permutation(len(data.train_labels)), 4)
    even = label_distance(label_histogram(data.train_labels, shuffled, data.num_classes))
    assert label_distance(histograms).min() > 2 * even.max()
