"""Data sets to learn from, each a part with `load(data_dir) -> Dataset`.

`digits` comes with scikit-learn and is always there. `mnist` and `fashion-mnist` are read from a data folder
that the user names, in the original gzip-compressed IDX files, `cifar10` in lossless WebP mosaics; nothing is
downloaded and nothing is written. Two sets are text: `pydoc-topics`, always there, and `tiny-shakespeare`.

Reading order: `dataset` (what every part returns), `digits`, `idx`, `cifar10`; `text` (how a text becomes windows of
tokens), `pydoc_topics`, `tiny_shakespeare`.
"""

from testbed.learning.datasets.dataset import Dataset, DatasetSource

__all__ = ["Dataset", "DatasetSource"]
