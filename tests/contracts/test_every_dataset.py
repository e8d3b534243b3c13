"""The contract of every data set: it loads, read-only and complete, or it is refused by name."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from examples import Example, examples

from testbed import catalogue
from testbed.errors import RequestError
from testbed.learning.datasets import Dataset

ARRAYS = ("train_inputs", "train_labels", "test_inputs", "test_labels")


@pytest.fixture(scope="module", params=examples("dataset"), ids=str)
def example(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def dataset(example: Example, request: pytest.FixtureRequest) -> Dataset:
    source = example.build()
    try:
        return source.load(None)  # type: ignore[no-any-return]
    except RequestError:
        folder = request.getfixturevalue("data_dir")
    try:
        return source.load(folder)  # type: ignore[no-any-return]
    except RequestError as refusal:
        return pytest.skip(str(refusal))


def test_without_its_files_a_data_set_is_refused_by_name(example: Example, tmp_path: Path) -> None:
    for folder in (None, tmp_path, tmp_path / "missing"):
        try:
            assert len(example.build().load(folder).train_labels) > 0  # it comes with a library
        except RequestError as refusal:
            assert repr(example.name) in str(refusal)
    assert list(tmp_path.iterdir()) == []


def test_inputs_are_finite_and_labels_are_those_of_the_classes(example: Example, dataset: Dataset) -> None:
    assert dataset.name == example.name
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
    example: Example, dataset: Dataset, request: pytest.FixtureRequest
) -> None:
    again = without_what_is_cached(example).load(request.getfixturevalue("data_dir"))
    assert again.train_inputs.base is not dataset.train_inputs.base
    assert again.digest() == dataset.digest()
    assert again.sources == dataset.sources
    assert dataset.sources
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in dataset.sources.values())


def without_what_is_cached(example: Example) -> Any:
    """Return the part from a second copy of its module, which has loaded nothing yet."""
    source_class = catalogue.load("dataset", example.name)
    spec = importlib.util.find_spec(source_class.__module__)
    assert spec is not None
    assert spec.loader is not None
    copy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copy)
    return getattr(copy, source_class.__name__)(**example.settings)
