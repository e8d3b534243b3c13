"""Training across regions joined by a wide-area network, and what such methods share.

Read `fragments.py`: a model cut into the pieces that are synchronised one after another.
"""

from algorithms.cross_region.fragments import Fragment, Pattern, fragment

__all__ = ["Fragment", "Pattern", "fragment"]
