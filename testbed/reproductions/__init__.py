"""Reproductions: a paper's figures beside ours, claim by claim, with the honest gap.

`outline.py` says what a reproduction is made of; each paper has a package of its own with one module a section. The
command `testbed reproduce PAPER` runs them and prints each table as it is done; `docs/papers/` tells the story.
"""
