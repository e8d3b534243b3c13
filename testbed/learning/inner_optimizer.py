"""The optimiser of a task for whoever holds a gradient: a server, or regions that average theirs at every step.

The arithmetic is that of a job's own steps (`kernels/stateful.py`): one step here after a `GradientJob` has the same
bits as a `TrainingJob` of that step.
"""

import numpy as np

from testbed.learning.device import upload
from testbed.learning.learning_rate import LearningRate
from testbed.learning.task import LearningTask, State

__all__ = ["InnerOptimizer"]


class InnerOptimizer:
    """Steps on whole states, (num_entries,); what training does not change by gradient is left as it is.

    Parameters
    ----------
    task : whose optimiser it is.
    learning_rate : the rate of each step.
    """

    def __init__(self, task: LearningTask, learning_rate: LearningRate) -> None:
        self._task = task
        self.learning_rate = learning_rate

    def start(self) -> State:
        """Return the state before the first step, (num_state,) float32: zeros."""
        return np.zeros(self._task.num_state, dtype=np.float32)

    def step(self, parameters: State, gradient: State, state: State, step: int) -> tuple[State, State]:
        """Return parameters and optimiser's state after one step; what is given stays as it was.

        Parameters
        ----------
        parameters, gradient : (num_entries,) float32.
        state : (num_state,) float32, from `start` or the step before.
        step : the step's number from 0, which decides the learning rate.

        Raises
        ------
        ValueError : vectors of other lengths.
        """
        size = self._task.layout.size
        expected = ((size,), (size,), (self._task.num_state,))
        found = (parameters.shape, gradient.shape, state.shape)
        if found != expected:
            raise ValueError(f"parameters, gradient and state must have the shapes {expected}, got {found}")
        descent, trained = self._task.descent, self._task.trained
        descent.load([parameters[run] for run in trained], state)
        upload([gradient[run] for run in trained], descent.gradient)
        descent.step(self.learning_rate.rate(step))
        moved, stop, stepped = parameters.copy(), 0, descent.parameters.cpu().numpy()
        for run in trained:
            start, stop = stop, stop + run.stop - run.start
            moved[run] = stepped[start:stop]
        return moved, descent.state()
