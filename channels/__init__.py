"""Physics and transport: what a transmission does to signals, and what it costs in time and energy.

A reader meets `channels.cell.Cell` first (one server, many devices, one shared medium) and
`channels.aircomp.superpose`, the sum that the air computes.

Read `aircomp` (analog aggregation) and `orthogonal` (digital uploads), both pure functions; then what they
are fed: `path_loss`, `shadowing`, `fading` (`correlated_fading`, `trace_fading`), `block_fading`, `noise`; then
the radio: `uplink` (its settings), `combining`, `uplink_channels`, `block_precoding`, `analog_uplink` and
`digital_uplink`; then where time passes: `turn` (who holds the medium), `downlink` and `cell`. The package `wan` is
the other transport: links and flows between regions. `parts` lists what a scenario can name. Everything works on NumPy
arrays; nothing here needs torch.
"""

__all__ = [
    "absence",
    "aircomp",
    "analog_uplink",
    "block_fading",
    "block_precoding",
    "cell",
    "combining",
    "correlated_fading",
    "digital_uplink",
    "downlink",
    "fading",
    "noise",
    "orthogonal",
    "parts",
    "path_loss",
    "shadowing",
    "trace_fading",
    "turn",
    "uplink",
    "uplink_channels",
    "wan",
]
