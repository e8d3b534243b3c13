"""Placements: where chunks of jobs are computed; a placement decides nothing about the result.

`inline` runs them here, one after another; `processes` in workers of this machine (`crew`, `worker`, and the memory
that they share, `shared_memory`); `on_ray` on a cluster; `auto` chooses; `choice` makes the one that a run asks for.
What goes to another process is written by `parcel` (tasks) and `chunk_parcel` (chunks and outputs, `flat`).
`replaying` is put around another placement and computes only what a store of results does not hold.
"""

__all__: list[str] = []
