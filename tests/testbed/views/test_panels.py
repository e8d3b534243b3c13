"""What curves are drawn against, and that its amounts are those of the rows."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from synthetic import three_alternatives

from testbed.experiments.result import RunResult
from testbed.views.curves import plot_curves
from testbed.views.panels import TRAFFIC, panels_of, quantity_at


def sent(run: RunResult, sources: list[str], ends_s: list[float], bits: list[float], channel: str) -> RunResult:
    """Return a run whose clients were tested by themselves, with these messages instead of its own."""
    transfers = pa.table({"source": sources, "end_s": ends_s, "bits": bits, "channel": [channel] * len(bits)})
    clients = pa.table({"time_s": [0.0], "version": [0], "client": [0], "num_samples": [1]})
    return replace(run, tables={**run.tables, "transfer": transfers, "client_evaluation": clients})


def digital(ends_s: list[float], bits: list[float]) -> RunResult:
    run = three_alternatives((0,))["fedavg"][0]
    return sent(run, (["server", "device-0"] * len(bits))[: len(bits)], ends_s, bits, "ofdma")


def test_where_clients_are_tested_by_themselves_rounds_and_bits_of_both_directions_are_axes() -> None:
    run = digital([1.0, 3.0, 2.0], [8e6, 4e6, 2e6])
    panels = panels_of([run])
    assert [panel.quantity for panel in panels] == ["time_s", "version", TRAFFIC]
    assert [panel.label for panel in panels[1:]] == ["rounds", "traffic up and down [MB]"]
    assert quantity_at(run, "accuracy", TRAFFIC, np.array([0.5, 1.0, 2.5, 9.0])).tolist() == [0, 8e6, 1e7, 1.4e7]
    assert "rounds and traffic" in plot_curves({"a": [run]}).texts[0].get_text()


def test_of_superposed_and_of_other_runs_channel_uses_and_energy_are() -> None:
    run = digital([1.0], [8e6])
    superposed = sent(run, ["device-0"], [1.0], [0.0], "aircomp")
    for runs in ([superposed], [run, superposed], three_alternatives((0,))["fedavg"]):
        assert [panel.quantity for panel in panels_of(runs)] == ["time_s", "channel_uses", "energy_tx_j"]


def test_over_links_of_their_own_clients_take_no_channel_uses_so_bits_are_an_axis() -> None:
    run = sent(three_alternatives((0,))["fedavg"][0], ["server", "device-0"], [1.0, 2.0], [8e6, 8e6], "own-links")
    together = replace(run, tables={name: table for name, table in run.tables.items() if name != "client_evaluation"})
    assert [panel.quantity for panel in panels_of([together])] == ["time_s", "version", TRAFFIC]


def test_who_sends_nothing_is_a_dot_at_no_traffic() -> None:
    figure = plot_curves({"sends": [digital([1.0, 9.0], [8e6, 8e6])], "alone": [digital([], [])]})
    lines = dict(zip(("sends", "alone"), figure.axes[2].get_lines(), strict=True))
    assert lines["alone"].get_marker() == "o" and lines["alone"].get_xdata().tolist() == [0.0]
    assert lines["sends"].get_marker() == "None"
