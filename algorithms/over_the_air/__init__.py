"""Methods that aggregate over the air.

`air_fedga.py` (groups, asynchronous between them) and `synchronous.py` (everybody who is asked, at once) differ in
nothing but the grouping and the mixing; read them side by side. `air_fedavg.py` and `dynamic.py` are the synchronous
round with everybody and with the energy-aware selection. `foretelling.py` says when the rounds of a synchronous run
will transmit, `transmission_plans.py` plans them one by one or all at once.
"""
