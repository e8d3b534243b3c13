"""A scenario whose run takes its process along: what a machine without memory does to a worker."""

import os
import signal
from collections.abc import Sequence

from testbed.experiments.overrides import Override
from testbed.experiments.resolve import ResolvedScenario
from testbed.experiments.scenario import Scenario

__all__ = ["DeadlyScenario"]


class DeadlyScenario(Scenario):
    """Kills every process that resolves it, but the one it was made in."""

    def __init__(self, document: dict[str, object], overrides: Sequence[Override] = (), home: int = 0) -> None:
        super().__init__(document, overrides)
        self.home = home or os.getpid()

    def resolve(self) -> ResolvedScenario:
        """Return the scenario at home; elsewhere, never."""
        if os.getpid() != self.home:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().resolve()
