"""The table that a world of split learning adds to the records of a run."""

from testbed.records import Schema

__all__ = ["CLUSTER"]

CLUSTER = Schema.of(
    "cluster",
    "What one cluster of split learning did in one round, or one client that trained the whole model.",
    version=("int", "global version it started from"),
    cluster=("int", "number of the cluster in its round"),
    host=("int", "device that hosted the top; -1: the server, or nobody"),
    num_bottoms=("int", "clients that held a bottom, N_c"),
    cut=("int", "modules of the model that were their bottom; 0: it was not cut"),
    num_iterations=("int", "iterations, tau_c"),
    iteration_s=("float", "mean time of an iteration as it went [s]"),
    planned_iteration_s=("float", "time of an iteration without queues and shared links, t_o [s]"),
    waiting_s=("float", "mean over bottoms and iterations of the wait for the slowest [s]"),
    divergence=("float", "KL(Phi_c || Phi_0) of the bottoms' labels from everybody's [nat]"),
    bits=("float", "activations and gradients of all iterations [bit]"),
    start_s=("float", "when the server sent its model [s]"),
    end_s=("float", "when the server had its model back [s]"),
    span_id=("int", "the transfer that brought it"),
)
