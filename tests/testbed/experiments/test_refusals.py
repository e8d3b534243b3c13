from itertools import product

from testbed.experiments.refusals import refusal

SWEEP = list(product(("rule=a", "rule=b", "rule=c"), ("groups=1", "groups=2")))


def test_one_reason_for_everything_stands_alone() -> None:
    assert str(refusal([(words, "no data") for words in SWEEP], SWEEP)) == "no data"


def test_a_whole_row_is_named_by_what_it_has_in_common_and_a_single_cell_by_both() -> None:
    refused = [(("rule=b", "groups=1"), "x"), (("rule=b", "groups=2"), "x"), (("rule=c", "groups=2"), "y")]
    assert str(refusal(refused, SWEEP)).splitlines() == [
        "3 of the 6 alternatives cannot be run, so none was:",
        "  rule=b: x",
        "  rule=c with groups=2: y",
    ]


def test_what_is_no_rectangle_is_listed_and_what_is_too_long_is_counted() -> None:
    corner = [words for words in SWEEP if words != ("rule=a", "groups=1")]
    message = str(refusal([(words, "x") for words in corner], SWEEP))
    assert message.splitlines()[1].startswith("  rule=a with groups=2; rule=b with groups=1; ")
    many = list(product((f"rule={k}" for k in range(9)), ("groups=1", "groups=2")))
    assert "; 11 more: x" in str(refusal([(words, "x") for words in many[:-1]], many))
