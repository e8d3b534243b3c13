"""The wide-area network between regions: links, topologies, flows that share, collectives.

A reader meets `network.Network` first (transfers and all-reduces between regions, on the clock) and its settings
`settings.NetworkSettings`; then `fair_share.fill`, how concurrent flows divide links among them.

Read `link` (one link), `bandwidth` (how its capacity varies; `gilbert_elliott`, `bandwidth_trace`, `trace_formats`),
`topology` (which links there are; `full_mesh`, `graphml`, `measured`, `link_list`) and `routing`; then `fair_share` and
`flow_engine`, both without a clock; then where time passes: `traffic`, `flights` (flows with their records) and
`network`. `ways` is what a flow needs to know of its route, `faults` takes links and nodes down, `collectives` says who
sends what to whom in an all-reduce. What files are read comes through `data_folder`.
"""

__all__ = [
    "bandwidth",
    "bandwidth_trace",
    "collectives",
    "data_folder",
    "fair_share",
    "faults",
    "flights",
    "flow_engine",
    "full_mesh",
    "gilbert_elliott",
    "graphml",
    "link",
    "link_list",
    "measured",
    "network",
    "routing",
    "settings",
    "topology",
    "trace_formats",
    "traffic",
    "ways",
]
