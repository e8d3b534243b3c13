"""What a run's accuracy is by three protocols: chosen by the test set, chosen by validation, and as it ends.

Their script keeps the model of every cluster as it was before each of its splits, and all models at the end, and takes
for each client the *largest test accuracy* over the kept models of clusters it was in; the result is the mean over
clients. That is selection on test samples, and an optimistic number. It is here to be set beside the published one, and
is no metric of a run. Source: `run_gcfl` in training.py of their repository. For a method that splits nothing it is the
accuracy of the last version.

Chosen by validation is what a federation can do: it stops with the version that is best on what clients set apart for
that, and is tested once.
"""

import numpy as np

from testbed.errors import RequestError
from testbed.experiments.result import RunResult

__all__ = ["cached_accuracy", "last_accuracy", "validated_accuracy"]


def last_accuracy(run: RunResult) -> float:
    """Return the mean over clients of the test accuracy of the last version: what a federation can have."""
    accuracies = _accuracies(run)
    return float(np.mean(list(accuracies[max(accuracies)].values())))


def cached_accuracy(run: RunResult) -> float:
    """Return the mean over clients of the best test accuracy over the models that the public code keeps.

    Raises
    ------
    RequestError : the clients have no tests of their own, or the version before a split was not evaluated.
    """
    accuracies = _accuracies(run)
    best = dict(accuracies[max(accuracies)])
    if "split_membership" in run.tables:
        rows = zip(run.column("split_membership", "version"), run.column("split_membership", "client"), strict=True)
        for version, client in rows:
            if version > 0:  # a split made this version, of what the one before had
                if version - 1 not in accuracies:
                    raise RequestError(
                        f"a cluster was split in version {version}, and version {version - 1} was not evaluated: "
                        "set run.evaluation_interval_rounds = 1"
                    )
                best[client] = max(best[client], accuracies[version - 1][client])
    return float(np.mean(list(best.values())))


def validated_accuracy(run: RunResult) -> float:
    """Return the mean over clients of the test accuracy of the version that is best in validation.

    One version for all: the largest mean over clients of the validation accuracy; of several, the smallest mean of the
    validation loss, and of those the first.

    Raises
    ------
    RequestError : the run did not evaluate validation samples, or its clients have no tests of their own.
    """
    if "client_validation" not in run.tables:
        raise RequestError("the run has no rows of client_validation: set run.evaluates_validation = true")
    accuracies = _accuracies(run)
    columns = (run.column("client_validation", name) for name in ("version", "accuracy", "loss"))
    versions, validation, losses = (np.asarray(column) for column in columns)
    chosen = min(
        np.unique(versions).tolist(),
        key=lambda version: (-validation[versions == version].mean(), losses[versions == version].mean(), version),
    )
    return float(np.mean(list(accuracies[chosen].values())))


def _accuracies(run: RunResult) -> dict[int, dict[int, float]]:
    """Return version -> client -> test accuracy."""
    if "client_evaluation" not in run.tables:
        raise RequestError("the run has no rows of client_evaluation: its clients have no test samples of their own")
    found: dict[int, dict[int, float]] = {}
    columns = (run.column("client_evaluation", name) for name in ("version", "client", "accuracy"))
    for version, client, accuracy in zip(*columns, strict=True):
        found.setdefault(int(version), {})[int(client)] = float(accuracy)
    return found
