"""Worlds: thin façades over the ground verbs, in which methods are written.

`federation` is the world of a server, its clients and one radio cell. Read `federation.py` first, then a method
(`algorithms/over_the_air/air_fedga.py`); `server.py` holds the global model, `group.py` a set of clients that
transmit together, `release.py` what releases its next round, `rows.py` the tables this world adds to the records.
"""
