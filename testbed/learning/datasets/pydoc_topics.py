"""English text that every Python has: the help topics of the language reference.

The topics of `pydoc_data.topics`, sorted by name, with an empty line between them: about 460,000 characters of
technical prose and grammar. The text is that of the Python in use: another version has another, and the record states
its hash.
"""

import hashlib
from functools import lru_cache
from pathlib import Path

from testbed.learning.datasets.dataset import Dataset
from testbed.learning.datasets.text import TextSettings

__all__ = ["PydocTopicsDataset"]


class PydocTopicsDataset(TextSettings):
    """The help topics of Python's own documentation, about 460,000 characters of English, always available."""

    kind: str = "pydoc-topics"

    def load(self, data_dir: Path | None) -> Dataset:
        """Return the data set; `data_dir` is not used. It is made once per process.

        Raises
        ------
        RequestError : a context that is longer than the text, or a vocabulary that is too large for it.
        """
        return _load(self)


@lru_cache(maxsize=2)
def _load(settings: PydocTopicsDataset) -> Dataset:
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name] for name in sorted(topics))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return settings.dataset("pydoc-topics", text, {"pydoc_data.topics": digest})
