"""The contract of every data set: it loads, read-only and complete, or it is refused by name.

Samples are arrays, or graphs, which lie in a store and of which clients keep some to test with.
"""

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from examples import Example, examples

from testbed import catalogue
from testbed.errors import RequestError
from testbed.learning.client_split import SplitFractions
from testbed.learning.datasets import Dataset
from testbed.learning.datasets.dataset import AnyDataset

ARRAYS = ("train_inputs", "train_labels", "test_inputs", "test_labels")


@pytest.fixture(scope="module", params=examples("dataset"), ids=str)
def example(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def any_dataset(example: Example, request: pytest.FixtureRequest) -> AnyDataset:
    source = example.build()
    try:
        return source.load(None)  # type: ignore[no-any-return]
    except RequestError:
        folder = request.getfixturevalue("data_dir")
    try:
        return source.load(folder)  # type: ignore[no-any-return]
    except RequestError as refusal:
        return pytest.skip(str(refusal))


@pytest.fixture
def dataset(any_dataset: AnyDataset) -> Dataset:
    if not isinstance(any_dataset, Dataset):
        pytest.skip("its samples are no arrays")
    return any_dataset


@pytest.fixture
def store(any_dataset: AnyDataset) -> Any:
    if isinstance(any_dataset, Dataset):
        pytest.skip("its samples are arrays")
    return any_dataset


def test_without_its_files_a_data_set_is_refused_by_name(example: Example, tmp_path: Path) -> None:
    for folder in (None, tmp_path, tmp_path / "missing"):
        try:
            assert len(example.build().load(folder).train_labels) > 0  # it comes with a library
        except RequestError as refusal:
            assert repr(example.name) in str(refusal)
    assert list(tmp_path.iterdir()) == []


def test_inputs_are_finite_and_labels_are_those_of_the_classes(example: Example, dataset: Dataset) -> None:
    assert dataset.name == example.name
    assert not dataset.needs_full_batches
    assert dataset.num_classes >= 2
    for part in ("train", "test"):
        inputs, labels = getattr(dataset, f"{part}_inputs"), getattr(dataset, f"{part}_labels")
        assert inputs.dtype == (np.int64 if dataset.is_language else np.float32)
        assert labels.dtype == np.int64
        assert inputs.shape == (len(labels), *dataset.input_shape)
        assert np.isfinite(inputs).all()
        occurring = set(np.unique(labels))
        assert occurring <= set(range(dataset.num_classes))
        assert len(occurring) == dataset.num_classes or dataset.is_language  # not every token is in every text


def test_a_label_is_one_of_the_sample_or_the_token_that_follows(dataset: Dataset) -> None:
    for part in ("train", "test"):
        inputs, labels = getattr(dataset, f"{part}_inputs"), getattr(dataset, f"{part}_labels")
        if dataset.is_language:
            assert inputs.shape == labels.shape
            np.testing.assert_array_equal(inputs[:, 1:], labels[:, :-1])
        else:
            assert labels.shape == (len(inputs),)


def test_every_array_is_read_only(dataset: Dataset) -> None:
    for name in ARRAYS:
        with pytest.raises(ValueError, match="read-only"):
            getattr(dataset, name)[0] = 0


def test_reading_it_afresh_gives_the_same_samples_and_its_sources_are_hashed(
    example: Example, any_dataset: AnyDataset, request: pytest.FixtureRequest
) -> None:
    again = without_what_is_cached(example).load(request.getfixturevalue("data_dir"))
    assert again.digest() == any_dataset.digest()
    assert again.sources == any_dataset.sources
    assert any_dataset.sources
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in any_dataset.sources.values())
    if isinstance(any_dataset, Dataset):
        assert again.train_inputs.base is not any_dataset.train_inputs.base


# -- graphs ------------------------------------------------------------------------------------------------------------


def test_a_stores_samples_are_taken_by_number_and_have_one_label_each(store: Any) -> None:
    assert store.name
    assert store.num_classes >= 2
    assert not store.is_language
    assert store.tests_by_client
    assert store.test_inputs is store.train_inputs
    np.testing.assert_array_equal(store.test_labels, store.train_labels)
    assert store.train_labels.dtype == np.int64
    assert store.train_labels.shape == (len(store.train_inputs),)
    assert set(np.unique(store.train_labels)) == set(range(store.num_classes))
    index = torch.tensor([2, 0, 2])
    batch = store.train_inputs[index]
    assert len(batch) == 3
    assert torch.isfinite(batch.x).all()


def test_a_stores_labels_are_read_only(store: Any) -> None:
    with pytest.raises(ValueError, match="read-only"):
        store.train_labels[0] = 0


def test_clients_of_a_store_keep_samples_to_test_with_whatever_the_scenario_says(store: Any) -> None:
    shards = [np.arange(start, len(store.train_labels), 4) for start in range(4)]
    seen = store.seen_by(None, shards, by_client=False)
    for fractions in (None, SplitFractions(train=0.5, validation=0.2, test=0.3)):
        splits = seen.split(shards, fractions, np.random.default_rng)
        for client, shard in enumerate(shards):
            parts = (splits.train[client], splits.validation[client], splits.test[client])
            np.testing.assert_array_equal(np.sort(np.concatenate(parts)), shard)
            assert len(parts[0]) > 0 < len(parts[2])


def without_what_is_cached(example: Example) -> Any:
    """Return the part from a second copy of its module, which has loaded nothing yet."""
    source_class = catalogue.load("dataset", example.name)
    spec = importlib.util.find_spec(source_class.__module__)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return getattr(copy, source_class.__name__)(**example.settings)
