"""Methods that aggregate over the air.

`air_fedga.py` (groups, asynchronous between them) and `air_fedavg.py` (everybody, synchronous) differ in nothing but
the grouping and the mixing; read them side by side.
"""
