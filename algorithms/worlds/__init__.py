"""Worlds: thin façades over the ground verbs, in which methods are written.

`federation` is the world of a server, its clients and one radio cell. Read `federation.py` first, then a method
(`algorithms/over_the_air/air_fedga.py`); `algorithm.py` says what a method is, `uploads.py` has the verbs of the
uplink, `participation.py` what all verbs ask and record of who is there, `server.py` the global model, `group.py` a set
of clients that transmit together, `scheduler.py` a selection at work, `channel_state.py` what a power control is told,
`release.py` what releases a group's next round, `rows.py` the tables this world adds to the records.
"""
