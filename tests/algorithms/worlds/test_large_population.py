"""A range of clients is treated as the list of them, and who is away is found without asking everybody."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.selection import EnergyQueues, Fastest, RandomSubset, SelectionContext
from algorithms.worlds.group import Group
from testbed.devices.availability import Absences, AlwaysAvailable, FaultSettings
from testbed.streams import Luck

FEW = settings(max_examples=20, deadline=None)


@FEW
@given(num_clients=st.integers(1, 60), wanted=st.integers(1, 60), seed=st.integers(0, 9))
def test_a_range_of_candidates_is_chosen_from_as_their_tuple_is(num_clients: int, wanted: int, seed: int) -> None:
    ones = np.ones(num_clients)
    times_s = np.random.default_rng(seed).uniform(1, 2, num_clients)
    context = SelectionContext(ones, times_s, ones, ones, ones, EnergyQueues.empty(num_clients))
    for rule in (RandomSubset(num_clients=min(wanted, num_clients)), Fastest(num_clients=min(wanted, num_clients))):
        of_range, of_tuple = (
            rule.select(candidates, context, np.random.default_rng(seed))
            for candidates in (range(num_clients), tuple(range(num_clients)))
        )
        assert of_range == of_tuple
        assert all(type(client) is int for client in of_range)


def test_a_group_of_everybody_weighs_as_the_list_of_its_members() -> None:
    sizes = np.array([3, 1, 2, 5])
    counted, listed = Group(0, range(4), sizes), Group(0, (0, 1, 2, 3), sizes)
    assert counted.share_of(counted.members) == listed.share_of(listed.members) == 1.0
    assert counted.weights(counted.members).tolist() == listed.weights(listed.members).tolist()
    assert counted.only(2).members == (2,)


def test_those_present_are_everybody_but_who_has_an_absence_now() -> None:
    faults = [FaultSettings(device=2, start_s=10.0, end_s=20.0), FaultSettings(device=5, start_s=15.0)]
    absences = Absences(AlwaysAvailable(), faults, 1_000_000, Luck(0))
    members = range(4)
    assert absences.present(members, 5.0) is members
    assert absences.present(members, 12.0) == (0, 1, 3)
    assert absences.present((5, 2, 1), 16.0) == (1,)
    for time_s in (5.0, 12.0, 16.0, 30.0):
        one_by_one = [device for device in range(8) if absences.is_available(device, time_s)]
        assert list(absences.present(range(8), time_s)) == one_by_one
