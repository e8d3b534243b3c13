"""Events of flows: how long it takes until 2,000 flows, 100 at once, have begun and ended on a mesh of 12 regions."""

import random

from channels.wan.network import Network
from channels.wan.settings import NetworkSettings
from testbed.records import NO_CAUSE
from testbed.simulation import Simulation

NUM_REGIONS = 12
NUM_USERS = 100
NUM_FLOWS = 2_000


def carry_flows():
    simulation, luck = Simulation(root_seed=0), random.Random(0)
    topology = {"kind": "uniform", "capacity_bit_per_s": 1e9, "delay_s": 0.01}
    network = Network(simulation, NetworkSettings.model_validate({"topology": topology}), NUM_REGIONS, None)

    def user():
        for _ in range(NUM_FLOWS // NUM_USERS):
            source, target = luck.sample(range(NUM_REGIONS), 2)
            yield from network.transfer(source, target, luck.expovariate(1e-9), NO_CAUSE)

    def referee():
        yield simulation.env.all_of(users)
        simulation.finish("carried")

    users = [simulation.start(user(), f"user {number}") for number in range(NUM_USERS)]
    simulation.start(referee(), "referee")
    simulation.run()
    assert simulation.records.num_rows("flow") == NUM_FLOWS


def test_two_thousand_flows(benchmark):
    benchmark(carry_flows)
