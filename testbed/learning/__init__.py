"""Learning: the data, the model, and training as pure jobs whose value is computed when first read.

Reading order: `partition` (how the data is dealt), `datasets` and `models` (the parts a scenario names),
`task` (what all clients of a run learn), `jobs` (what a client computes, fixed when it starts), `kernels` and
`placement` (with which arithmetic, and where), `cost` (what it costs the device) and `evaluation` (how good a
version is).

The objects met first are `datasets.Dataset`, `task.LearningTask` and `jobs.TrainingJob`.

Nothing is re-exported here: importing `testbed.learning.partition` must not import torch.
"""

__all__: list[str] = []
