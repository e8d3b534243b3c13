"""The metrics of a version: what they are called, and how they follow from the counts of an evaluation."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from testbed.errors import unknown_name
from testbed.learning.client_tests import ClientsOutput
from testbed.learning.datasets.dataset import AnyDataset
from testbed.learning.kernels.protocol import EvaluationOutput

__all__ = ["check_metric", "client_accuracies", "clients_metrics", "evaluation_metrics", "main_metrics"]

_UNLUCKY_PERCENTILE: Final = 10.0
_BLOCK_ROWS: Final = 1 << 16


def main_metrics(output: EvaluationOutput, *, is_language: bool) -> dict[str, float]:
    """Return accuracy and loss; of language also perplexity = exp(loss), and all of them by token.

    >>> output = EvaluationOutput(0.0, np.array([8, 2]), np.array([10, 10]))
    >>> main_metrics(output, is_language=True)
    {'accuracy': 0.5, 'loss': 0.0, 'perplexity': 1.0}
    """
    metrics = {"accuracy": float(output.num_correct.sum() / output.num_samples.sum()), "loss": output.loss}
    if is_language:
        with np.errstate(over="ignore"):  # a model that diverged
            metrics["perplexity"] = float(np.exp(output.loss))
    return metrics


def evaluation_metrics(output: EvaluationOutput, histograms: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return the metrics of one version of a classifier by name.

        accuracy = sum_k correct_k / sum_k n_k,    accuracy_class_k = correct_k / n_k
        client_accuracy_i = sum_k lambda_ik accuracy_class_k

    Our choice: a client's accuracy is what the test set says of its own mix of labels lambda_i;
    `client_accuracy_p10` is the tenth percentile over clients. Classes without a test sample are left out,
    and so are clients who have no other.

    Parameters
    ----------
    output : the counts of the test set.
    histograms : (num_clients, num_classes) training samples of each label.

    >>> output = EvaluationOutput(0.5, np.array([8, 2]), np.array([10, 10]))
    >>> metrics = evaluation_metrics(output, np.array([[4, 0], [0, 4]]))
    >>> metrics["accuracy"], metrics["accuracy_class_1"], round(metrics["client_accuracy_p10"], 3)
    (0.5, 0.2, 0.26)
    """
    tested = output.num_samples > 0
    class_accuracies = output.num_correct[tested] / output.num_samples[tested]
    metrics = main_metrics(output, is_language=False)
    for label, accuracy in zip(np.flatnonzero(tested), class_accuracies, strict=True):
        metrics[f"accuracy_class_{label}"] = float(accuracy)
    clients = client_accuracies(output, histograms)
    if not np.isnan(clients).all():
        metrics["client_accuracy_p10"] = float(np.nanpercentile(clients, _UNLUCKY_PERCENTILE))
    return metrics


def clients_metrics(output: ClientsOutput) -> dict[str, float]:
    """Return the metrics of one version where every client is tested on samples of its own.

    `accuracy` and `loss` are plain means over clients, `accuracy_pooled` is that of all test samples together (a mean
    over clients weighted by their samples), `client_accuracy_p10` the tenth percentile over clients.
    """
    accuracies = output.client_accuracy
    return {
        "accuracy": float(accuracies.mean()),
        "loss": output.loss,
        "accuracy_pooled": float(output.client_correct.sum() / output.client_samples.sum()),
        "client_accuracy_p10": float(np.percentile(accuracies, _UNLUCKY_PERCENTILE)),
    }


def check_metric(metric: str, data: AnyDataset, views: Sequence[str] = ()) -> None:
    """Refuse a metric that a run on this data, in a world with these views, does not record.

    Raises
    ------
    RequestError : lists those that it does.
    """
    main = ["accuracy", "loss", *(["perplexity"] if data.is_language else [])]
    known = [*main, *(f"{name}_{view}" for view in views for name in main)]
    if data.tests_by_client:
        known += ["accuracy_pooled", "client_accuracy_p10"]
    elif not data.is_language:
        known += ["client_accuracy_p10", *(f"accuracy_class_{label}" for label in np.unique(data.test_labels))]
    if metric not in known:
        raise unknown_name("metric", metric, known)


def client_accuracies(output: EvaluationOutput, histograms: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return sum_k lambda_ik accuracy_class_k of each mix of labels, (num_mixes,); NaN where no class is tested.

    Parameters
    ----------
    output : the counts of the test set.
    histograms : (num_mixes, num_classes) samples of each label, of a client or of several pooled.

    >>> client_accuracies(EvaluationOutput(0.5, np.array([8, 2]), np.array([10, 10])), np.array([[3, 1]])).round(3)
    array([0.65])
    """
    tested = output.num_samples > 0
    of_class = output.num_correct[tested] / output.num_samples[tested]
    accuracies = np.full(len(histograms), np.nan)
    for start in range(0, len(histograms), _BLOCK_ROWS):  # of a large population, no second copy of all
        mixes = histograms[start : start + _BLOCK_ROWS, tested].astype(np.float64)
        totals = mixes.sum(axis=1)
        np.divide(mixes @ of_class, totals, out=accuracies[start : start + _BLOCK_ROWS], where=totals > 0)
    return accuracies
