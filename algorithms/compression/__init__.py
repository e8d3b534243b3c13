"""How much of a payload is compressed, for whom, and what a server makes of answers of unequal precision.

`staleness_fraction.py`, `importance.py` and `batch_sizes.py` are the three rules of Caesar, pure functions of arrays;
`packing.py` writes packets and takes the step of the server, and `rounds.py` is the round of all methods that compress;
`dequantiser.py` is what ProWD needs beside them.
"""
