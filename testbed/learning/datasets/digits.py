"""The 8x8 handwritten digits that come with scikit-learn.

1797 images of 10 classes. Source: UCI Machine Learning Repository, "Optical recognition of handwritten
digits" (test part), as shipped inside scikit-learn.
"""

import hashlib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.datasets import load_digits

from testbed.learning.datasets.dataset import Dataset
from testbed.settings import Part
from testbed.streams import Purpose, stream

__all__ = ["NUM_TEST", "NUM_TRAIN", "SPLIT_SEED", "DigitsDataset"]

NUM_TRAIN: Final = 1437
NUM_TEST: Final = 360
SPLIT_SEED: Final = 0


class DigitsDataset(Part):
    """Handwritten digits, (1, 8, 8), pixels / 16: 1437 for training, 360 for testing, always available.

    Our choice: scikit-learn states no split, so the first 1437 of one fixed permutation (the stream
    DATA_SPLIT of seed 0, whatever the seed of the run) are for training and the rest for testing. Classes are
    not stratified.
    """

    kind: str = "digits"

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the data set; `data_dir` is not used. It is made once per process."""
        return _load()


@lru_cache(maxsize=1)
def _load() -> Dataset:
    pixels, labels = load_digits(return_X_y=True)
    inputs = (pixels / 16.0).astype(np.float32).reshape(-1, 1, 8, 8)
    order = stream(SPLIT_SEED, Purpose.DATA_SPLIT).permutation(NUM_TRAIN + NUM_TEST)
    train, test = order[:NUM_TRAIN], order[NUM_TRAIN:]
    file = resources.files("sklearn.datasets").joinpath("data", "digits.csv.gz")
    return Dataset(
        name="digits",
        train_inputs=inputs[train],
        train_labels=labels[train].astype(np.int64),
        test_inputs=inputs[test],
        test_labels=labels[test].astype(np.int64),
        num_classes=10,
        sources={file.name: hashlib.sha256(file.read_bytes()).hexdigest()},
    )
