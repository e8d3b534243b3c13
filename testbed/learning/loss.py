"""The loss every task trains: softmax cross-entropy, averaged over the samples that count.

    loss = (1 / n) sum_{j <= n} -log softmax(scores_j)[y_j]

A sample of language is a window of tokens, its loss the mean over the tokens, each of which has the next one as label.

A padded batch has more rows than samples; the mask is 1 on the n samples and 0 on the padding.
"""

from typing import Any

import torch
from torch.nn import functional

__all__ = ["class_scores", "masked_mean_loss", "mean_loss", "sample_losses"]


def class_scores(output: Any) -> torch.Tensor:
    """Return the class scores (logits) in what a model's forward returned, (num_samples, ..., num_classes).

    Understood are a tensor, an object with a field `logits`, and a tuple whose first entry is the tensor.
    Scores of shape (n,) or (n, 1) are the log-odds of the second of two classes.
    """
    if isinstance(output, tuple):
        output = output[0]
    scores = getattr(output, "logits", output)
    if not isinstance(scores, torch.Tensor):
        raise TypeError(f"the model returned {type(output).__name__}, not a tensor of class scores")
    if scores.ndim == 1:
        scores = scores.unsqueeze(1)
    if scores.ndim == 2 and scores.shape[1] == 1:
        scores = torch.cat([torch.zeros_like(scores), scores], dim=1)
    return scores


def sample_losses(output: Any, labels: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy of each sample [nat], (num_samples,); of tokens (num_samples, T) the mean over T."""
    scores = class_scores(output)
    if labels.ndim == 1:
        return functional.cross_entropy(scores, labels, reduction="none")
    losses = functional.cross_entropy(scores.flatten(0, -2), labels.flatten(), reduction="none")
    return losses.view(labels.shape).flatten(1).mean(1)


def mean_loss(output: Any, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of the samples [nat]; all have equally many labels."""
    return functional.cross_entropy(class_scores(output).flatten(0, -2), labels.flatten())


def masked_mean_loss(output: Any, labels: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy over the samples whose mask is 1 [nat]."""
    return (sample_losses(output, labels) * mask).sum() / mask.sum()
