from collections.abc import Callable

import pytest
from regions import NAMES, regions_run
from rich.console import Console
from synthetic import SPAN_COLUMNS, table

from testbed.experiments.blame import blame
from testbed.experiments.result import RunResult
from testbed.experiments.stalls import stalls
from testbed.views.blame import blame_tables
from testbed.views.region_lanes import entity_names

NUM_DEVICES = 12


@pytest.fixture
def printed() -> Callable[[RunResult], str]:
    def show(run: RunResult) -> str:
        console = Console(width=300, color_system=None)
        with console.capture() as capture:
            console.print(blame_tables(blame(run)))
        return capture.get()

    return show


def many_devices() -> RunResult:
    """Return a run in which twelve devices are in turn the last of two to be ready: device k after k + 1 seconds."""
    spans: list[tuple[str, str, float, float, int]] = []
    versions: list[tuple[int, float, int, int]] = []
    start_s, cause = 0.0, -1
    for device in range(NUM_DEVICES):
        ready_s, first = start_s + device + 1, len(spans)
        spans += [
            ("device-99", "compute", start_s, start_s + 0.5, cause),
            (f"device-{device}", "compute", start_s, ready_s, cause),
            ("device-99", "wait", start_s + 0.5, ready_s, first),
            ("uplink", "transmit", ready_s, ready_s + 0.25, first + 1),
        ]
        start_s, cause = ready_s + 0.25, first + 3
        versions.append((device + 1, start_s, 0, cause))
    tables = {
        "span": table(SPAN_COLUMNS, [(number, *span) for number, span in enumerate(spans)]),
        "version": table(["version", "time_s", "group", "span_id"], versions),
        "device": table(["elapsed_s"], [(100.0,)]),
    }
    return RunResult("", {}, 0, {}, tables)


def cells(text: str, first: str) -> list[str]:
    """Return the words of the last line that starts with `first`, without it."""
    return [line for line in text.splitlines() if line.strip().startswith(first)][-1].strip()[len(first) :].split()


def test_the_shares_of_the_run_and_of_an_update_stand_in_one_row_and_add_up(
    printed: Callable[[RunResult], str],
) -> None:
    text = printed(many_devices())
    # 12 times 0.5 s together and 0.25 s up; 78 s of the last devices less the 6 s together; 100 s in all.
    shares = text[: text.index("Whose")]
    lengths_s = [device + 1 + 0.25 for device in range(NUM_DEVICES)]
    up_percent = 100 * sum(0.25 / length_s for length_s in lengths_s) / NUM_DEVICES
    assert cells(shares, "sending up") == ["3", "3", "0.25", f"{up_percent:.3g}"]
    assert cells(shares, "computing, all others ready") == ["72", "72", "6", f"{100 - 3 * up_percent:.3g}"]
    assert cells(shares, "after the last update") == ["19", "19", "0", "0"]
    assert cells(shares, "in all") == ["100", "100", "6.75", "100"]


def test_the_devices_that_took_most_are_named_and_the_rest_summed(printed: Callable[[RunResult], str]) -> None:
    text = printed(many_devices())
    assert "device-11 11.5, device-10 10.5, device-9 9.5, 9 others 40.5" in " ".join(text.split())
    assert cells(text, "device-11") == ["1", "8.33", "11.5"]
    assert cells(text, "7 others") == ["7", "58.3", "3.5"]


def test_no_line_is_wider_than_100_columns(printed: Callable[[RunResult], str]) -> None:
    assert max(len(line.rstrip()) for line in printed(many_devices()).splitlines()) <= 100


def test_a_run_between_regions_says_what_each_region_stalled_for_under_its_name() -> None:
    run = regions_run(num_steps=80, delay_steps=2, bits=6e9)
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(blame_tables(blame(run), entity_names(run)))
    text = capture.get()
    assert "update" not in text and "device-" not in text
    assert max(len(line) for line in text.splitlines()) <= 80
    for name, own in zip(NAMES, stalls(run).values(), strict=True):
        row = cells(text.split("What regions stalled for")[1], name)
        assert row[0] == str(own.num_stalls)
        assert float(row[1]) == pytest.approx(own.total_s, rel=5e-3)
        assert sum(map(float, row[2:])) == pytest.approx(own.total_s, rel=2e-2)
