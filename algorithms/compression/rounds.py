"""The rounds of methods that compress: a packet for whoever is asked, training and answers as ordered, and a step."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from algorithms.compression.packing import step_along_mean
from algorithms.selection.context import Selection
from algorithms.worlds.federation import Federation
from algorithms.worlds.group import Group
from algorithms.worlds.packets import Answers, Order, Writer
from algorithms.worlds.round import Base
from algorithms.worlds.scheduler import Scheduler
from testbed.simulation import Process

__all__ = ["serve_rounds"]

Orders: TypeAlias = Callable[[Base], Mapping[int, Order]]
Step: TypeAlias = Callable[[Answers], None]


def serve_rounds(
    fed: Federation, group: Group, selection: Selection, write: Writer, orders: Orders, step: Step | None = None
) -> Process:
    """One round after another, as long as somebody of the group is there.

    `write` : those asked -> a packet each. `orders` : what was sent -> what each who has it does.
    `step` : what the server makes of the answers; None: a step along their mean.
    """
    scheduler, take_step = Scheduler(fed, selection), step or partial(step_along_mean, fed)
    while fed.serves(group):
        base = yield from fed.send_packets(group, scheduler.choose, write)
        answers = yield from fed.train_and_answer(base, orders(base))
        take_step(answers)
        scheduler.end_round(answers)
