"""Placements: where chunks of jobs are computed; a placement decides nothing about the result.

`inline` runs them here, one after another.
"""

__all__: list[str] = []
