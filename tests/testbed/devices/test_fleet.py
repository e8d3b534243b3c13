import numpy as np
import pytest

from testbed.devices.availability import Absences, AlwaysAvailable, BernoulliBlocks, FaultSettings
from testbed.devices.device import OnLoss
from testbed.devices.fleet import Fleet, FleetSettings
from testbed.devices.profiles import DeviceProfile
from testbed.devices.slowdown import NoSlowdown, UniformSlowdown
from testbed.records import NO_CAUSE, TRANSFER
from testbed.simulation import Process, Simulation

PROFILE = DeviceProfile.from_table("jetson-tx2-max-n", {"flop_per_s": 10.0})


def build(
    simulation: Simulation,
    count: int,
    slowdown: object = None,
    law: object = None,
    fault: object = None,
    on_loss: OnLoss = "pause",
) -> Fleet:
    settings = FleetSettings(count=count, profile=PROFILE, slowdown=slowdown or NoSlowdown(), on_loss=on_loss)
    faults = [fault] if fault else []
    absences = Absences(law or AlwaysAvailable(), faults, count, simulation.stream)
    return Fleet(simulation, settings, absences)


def accounts(simulation: Simulation) -> dict[int, dict[str, float]]:
    return {row["device"]: row for row in simulation.records.rows("device")}


def test_the_speed_of_a_device_is_that_of_its_profile_over_its_slowdown() -> None:
    fleet = build(Simulation(root_seed=4), 20, UniformSlowdown(low=1.0, high=10.0))
    assert fleet.flop_per_s == pytest.approx(PROFILE.flop_per_s / fleet.slowdown_factors)
    assert fleet[7].flop_per_s == fleet.flop_per_s[7]
    assert fleet.flop_per_s.min() < fleet.flop_per_s.max() <= PROFILE.flop_per_s


def test_further_devices_change_nobodys_speed() -> None:
    slowdown = UniformSlowdown(low=1.0, high=10.0)
    few, many = build(Simulation(root_seed=4), 5, slowdown), build(Simulation(root_seed=4), 500, slowdown)
    assert np.array_equal(many.flop_per_s[:5], few.flop_per_s)


def test_training_time_grows_with_the_work_of_each_device() -> None:
    fleet = build(Simulation(root_seed=4), 3, UniformSlowdown(low=1.0, high=10.0))
    assert fleet.training_time_s(40.0) == pytest.approx(4.0 * fleet.slowdown_factors)
    each = fleet.training_time_s(np.array([10.0, 20.0, 40.0]))
    assert each == pytest.approx(fleet.slowdown_factors * [1.0, 2.0, 4.0])


def test_a_device_is_made_once_and_only_when_asked_for() -> None:
    fleet = build(Simulation(root_seed=0), 1_000_000)
    assert fleet[999_999] is fleet[999_999]
    assert len(fleet._devices) == 1
    for outside in (-1, 1_000_000):
        with pytest.raises(IndexError):
            fleet[outside]


@pytest.mark.parametrize("on_loss", ["pause", "restart", "abandon"])
def test_the_four_times_add_up_and_energy_is_power_times_time(on_loss: OnLoss) -> None:
    simulation = Simulation(root_seed=1, horizon_s=200.0)
    law = BernoulliBlocks(probability=0.7, block_s=9.0)
    fault = FaultSettings(device=2, start_s=50.0, end_s=None)
    fleet = build(simulation, 6, UniformSlowdown(low=1.0, high=4.0), law, fault, on_loss)
    append_transfer = simulation.records.open(TRANSFER)
    energies_j: dict[int, float] = dict.fromkeys(range(6), 0.0)

    def work(client: int) -> Process:
        cause = NO_CAUSE
        while not fleet.absences.is_gone_for_good(client, simulation.now_s):
            done = yield from fleet[client].compute(60.0, cause)
            energies_j[client] += done.energy_j
            start_s = simulation.now_s
            yield simulation.env.timeout(1.5)
            cause = simulation.records.span(fleet[client].entity, "transmit", start_s, simulation.now_s, done.span_id)
            append_transfer(cause, fleet[client].entity, "server", "tdma", start_s, simulation.now_s, 8.0, 1.0, 0.25)

    for client in range(5):
        simulation.start(work(client), f"client-{client}")
    simulation.run()
    fleet.close(simulation.now_s)

    rows = accounts(simulation)
    assert len(rows) == 6
    radiated_j = sum(row["energy_tx_j"] for row in simulation.records.rows("transfer"))
    assert sum(row["energy_tx_j"] for row in rows.values()) == pytest.approx(radiated_j)
    for row in rows.values():
        times_s = [row[f"{part}_s"] for part in ("computing", "transmitting", "absent", "idle")]
        assert min(times_s) >= 0.0
        assert sum(times_s) == pytest.approx(row["elapsed_s"]) == 200.0
        assert row["energy_compute_j"] == pytest.approx(15.0 * row["computing_s"])
        assert row["energy_idle_j"] == pytest.approx(3.0 * row["idle_s"] + 5.5 * row["transmitting_s"])
        assert row["energy_compute_j"] >= energies_j[row["device"]] - 1e-9  # a job in progress comes on top
    assert rows[5]["computing_s"] == 0.0
    assert rows[5]["absent_s"] == pytest.approx(fleet.absences.absent_s(200.0)[5])
    assert rows[2]["absent_s"] >= 148.0


def test_a_job_cut_off_by_the_end_of_the_run_is_charged_up_to_there() -> None:
    simulation = Simulation(root_seed=0, horizon_s=6.0)
    fleet = build(simulation, 1)
    simulation.start(fleet[0].compute(1000.0, NO_CAUSE), "long")
    simulation.run()
    fleet.close(6.0)
    row = accounts(simulation)[0]
    assert (row["computing_s"], row["idle_s"], row["energy_compute_j"]) == (6.0, 0.0, 90.0)


def test_a_slower_device_spends_more_energy_on_the_same_work() -> None:
    spent = []
    for factor in (1.0, 3.0):
        simulation = Simulation(root_seed=0, horizon_s=100.0)
        fleet = build(simulation, 1, UniformSlowdown(low=factor, high=factor))
        simulation.start(fleet[0].compute(50.0, NO_CAUSE), "job")
        simulation.env.timeout(200.0)  # so that the quiet end of the run is no deadlock
        simulation.run()
        fleet.close(100.0)
        spent.append(accounts(simulation)[0]["energy_compute_j"])
    assert spent[1] == 3 * spent[0] == 3 * 15.0 * 5.0


def test_accounts_are_closed_once() -> None:
    fleet = build(Simulation(root_seed=0), 2)
    fleet.close(1.0)
    with pytest.raises(RuntimeError, match="closed already"):
        fleet.close(1.0)


def test_absences_of_another_population_are_refused() -> None:
    simulation = Simulation(root_seed=0)
    settings = FleetSettings(count=3, profile=PROFILE, slowdown=NoSlowdown(), on_loss="pause")
    with pytest.raises(ValueError, match="absences of 2 devices do not fit a fleet of 3"):
        Fleet(simulation, settings, Absences(AlwaysAvailable(), [], 2, simulation.stream))
