from dataclasses import replace
from typing import Any

import pytest
from synthetic import grouped_run

from testbed.experiments.describe import shared_settings, varied_settings
from testbed.experiments.result import RunResult
from testbed.experiments.summary import group_by_settings

RUN = grouped_run(num_devices=4, num_groups=2, horizon_s=60.0)


def run(seed: int = 0, name: str = "s", **settings: Any) -> RunResult:
    """A run whose settings are those given; `a__b` is `a.b`."""
    scenario: dict[str, Any] = {"scenario": {"name": name}}
    for key, value in settings.items():
        table = scenario
        *path, last = key.split("__")
        for part in path:
            table = table.setdefault(part, {})
        table[last] = value
    return replace(RUN, scenario=scenario, seed=seed)


def test_what_follows_from_the_method_is_not_what_was_varied() -> None:
    runs = [
        run(algorithm__kind="a", algorithm__grouping__kind="single", algorithm__xi=1),
        run(algorithm__kind="b"),
        run(1, algorithm__kind="b"),
    ]
    assert varied_settings(runs) == ["algorithm.kind"]


def test_a_grid_is_found_with_both_its_settings_and_the_method_first() -> None:
    runs = [run(algorithm__kind=kind, devices__count=count) for kind in "ab" for count in (10, 20)]
    assert varied_settings(runs) == ["algorithm.kind", "devices.count"]


def test_a_part_is_named_by_its_kind_before_its_settings() -> None:
    runs = [run(data__partition__alpha=0.1, data__partition__kind="dirichlet"), run(data__partition__kind="iid")]
    assert varied_settings(runs) == ["data.partition.kind"]


def test_names_of_scenarios_come_last() -> None:
    assert varied_settings([run(name="a", x=1), run(name="b", x=2)]) == ["x"]
    assert varied_settings([run(name="a", x=1), run(name="b", x=1)]) == ["scenario.name"]


@pytest.mark.parametrize("value", [[1, 2], True, 1, None])
def test_values_of_any_type_tell_runs_apart(value: Any) -> None:
    runs = [run(x=value), run(x=1.5), run(1, x=value)]
    assert varied_settings(runs) == ["x"]
    assert [len(group) for group in group_by_settings(runs, ["x"]).values()] == [2, 1]


def test_runs_that_differ_in_their_seed_alone_vary_nothing_and_share_everything() -> None:
    runs = [run(0, x=1), run(1, x=1)]
    assert varied_settings(runs) == []
    assert shared_settings(runs) == {"scenario.name": "s", "x": 1}


def test_shared_settings_are_those_that_no_run_lacks_or_changes() -> None:
    assert shared_settings([run(x=1, y=2, z=3), run(x=1, y=3)]) == {"scenario.name": "s", "x": 1}
    assert shared_settings([]) == {}
