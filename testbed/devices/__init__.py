"""Devices: how fast they compute, what that costs, and when they are there.

A reader meets `fleet.Fleet` first (the whole population as columns; `fleet[7]` is device 7) and
`device.Device` (a queue that turns FLOP into time and energy). Client id = device id.

Read in this order: `profiles` (the table of boards, phones and GPUs), `slowdown` (how speeds differ),
`availability` (absence as a function of time) and `availability_trace` (absence from a file), `device` (one job
after another), `energy` (from spans to seconds and joules), `fleet` (everybody). Nothing here knows what is
computed; no torch.
"""

__all__ = ["availability", "availability_trace", "device", "energy", "fleet", "profiles", "slowdown"]
