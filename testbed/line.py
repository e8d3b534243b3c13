"""A line for something that one at a time may have: first come, first served.

As `simpy.Resource` of capacity one, but whoever finds it free, and that is nearly everybody, costs no event.
"""

from collections import deque

import simpy

__all__ = ["Line"]


class Line:
    """Who has it, and who waits for it.

    >>> line = Line(simpy.Environment())
    >>> line.ask() is None  # it was free, and is taken now
    True
    >>> turn = line.ask()
    >>> line.release()
    >>> turn.triggered
    True
    """

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._is_taken = False
        self._waiting: deque[simpy.Event] = deque()

    @property
    def num_waiting(self) -> int:
        """How many wait, without the one who has it."""
        return len(self._waiting)

    def ask(self) -> simpy.Event | None:
        """Take it if it is free and return None, else return the event of one's turn."""
        if self._is_taken:
            turn = self._env.event()
            self._waiting.append(turn)
            return turn
        self._is_taken = True
        return None

    def leave(self, turn: simpy.Event) -> None:
        """Give up a turn that has not come."""
        self._waiting.remove(turn)

    def release(self) -> None:
        """Let go of it: it is the next one's turn."""
        if self._waiting:
            self._waiting.popleft().succeed()
        else:
            self._is_taken = False
