from testbed.experiments.labels import setting_labels, setting_words, value_labels
from testbed.experiments.result import RunResult


def a_run(kind: str, **settings: object) -> RunResult:
    return RunResult("x", {"algorithm": {"kind": kind, **settings}, "devices": {"count": 4}}, 0, {}, {})


def test_parts_of_one_kind_differ_by_their_settings_and_others_by_their_kind() -> None:
    tiers = [{"kind": "tier", "num_groups": 4, "xi": 0.3}, {"kind": "tier", "num_groups": 8, "xi": 0.3}]
    assert value_labels([*tiers, "single", tiers[0]]) == [
        "tier (num_groups=4)", "tier (num_groups=8)", "single", "tier (num_groups=4)",
    ]  # fmt: skip
    assert value_labels([tiers[0], "single", tiers[0]]) == ["tier", "single", "tier"]
    assert value_labels(["tier-width", {"kind": "tier-width", "xi": 0.5}]) == ["tier-width", "tier-width (xi=0.5)"]


def test_a_setting_of_a_named_method_is_that_of_the_selected_method() -> None:
    runs = [a_run("air-fedga", grouping={"kind": kind}) for kind in ("single", "tier")]
    for key in ("algorithm.grouping", "algorithm.air-fedga.grouping", "algorithm.air_fedga.grouping"):
        assert setting_labels(runs, key) == ["single", "tier"]


def test_a_name_that_varies_alone_stands_alone_and_a_number_never_does() -> None:
    runs = [a_run("air-fedga", grouping={"kind": "single"}), a_run("fedavg")]
    assert setting_words(runs[:1], "algorithm.grouping", alone=True) == ["single"]
    assert setting_words(runs[:1], "algorithm.grouping", alone=False) == ["grouping=single"]
    assert setting_words(runs, "algorithm.kind", alone=False) == ["air-fedga", "fedavg"]
    assert setting_words(runs, "devices.count", alone=True) == ["count=4", "count=4"]
