"""Placements: where chunks of jobs are computed; a placement decides nothing about the result.

`inline` runs them here, one after another.
`replaying` is put around another placement and computes only what a store of results does not hold.
"""

__all__: list[str] = []
