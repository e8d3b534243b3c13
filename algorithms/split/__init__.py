"""Split federated learning: the bottom of a model on the clients, its top with the server or with a client.

Read `split_fed.py` first, then `parallel_sfl.py`. `cluster_times.py` and `clustering.py` are what ParallelSFL decides
by, `label_mix.py` how far a mix of labels is from everybody's. The verbs come from `algorithms/worlds/split.py`.
"""
