"""The table of names of this package, kind by kind; reading it imports nothing."""

from typing import Final

__all__ = ["PARTS"]

PARTS: Final[dict[str, dict[str, tuple[str, str]]]] = {}
