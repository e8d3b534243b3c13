"""LocFedMix-SL: split learning with a loss of the clients' own and activations mixed at the server.

Oh, Park, Vepakomma, Baek, Raskar, Bennis and Kim, "LocFedMix-SL: Localize, Federate, and Mix for Improved Scalability,
Convergence, and Latency in Split Learning", WWW 2022, as far as its description goes:

    localize    each bottom also follows a local loss on its activations, for input and label; no message is needed
    mix         the top also learns from m s_i + (1 - m) s_j with labels mixed alike, m ~ Beta(alpha, alpha)
    federate    bottoms are averaged every round

Our choice: the local loss has linear heads (`kernels/joint_heads.py`) with weights 0.1 and 0.5; j is the next client;
only the gradients of unmixed activations go back; averaging is once a round of `num_iterations` iterations.
"""

from typing import Annotated, ClassVar

from pydantic import Field, NonNegativeFloat, PositiveInt

from algorithms.worlds.split import Split
from algorithms.worlds.split_task import Task
from testbed.settings import Part
from testbed.simulation import Process

__all__ = ["LocFedMixSL"]


class LocFedMixSL(Part):
    """Split learning, localized and mixed."""

    world: ClassVar[str] = "split"
    reads_trained_values: ClassVar[bool] = False

    kind: str = "locfedmix-sl"
    num_iterations: PositiveInt = 20  # of a round, tau; our choice
    reconstruction_weight: NonNegativeFloat = 0.1  # of the inputs in the local loss; our choice
    classification_weight: NonNegativeFloat = 0.5  # of the labels in the local loss; our choice
    mixing_concentration: Annotated[float, Field(ge=0)] = 0.2  # alpha of Beta(alpha, alpha), 0: no mixing; our choice

    def start(self, fed: Split) -> None:
        """Start the rounds."""
        fed.simulation.start(self.serve(fed), "rounds")

    def serve(self, fed: Split) -> Process:
        """One round after another."""
        task = Task(
            clients=tuple(range(fed.num_clients)),
            num_iterations=self.num_iterations,
            batch_sizes=tuple(fed.batch_sizes.tolist()),
            mixing_concentration=self.mixing_concentration,
            local_weights=(self.reconstruction_weight, self.classification_weight),
        )
        while fed.serves:
            works = yield from fed.run_round([task])
            fed.mix(works, [1.0])
