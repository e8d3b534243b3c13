import compare
import pytest


def line(**figures):
    return {"num_parameters": 10, "loss": 1.0, "accuracy": 0.5, "processes": 1} | figures


@pytest.mark.parametrize(
    ("figures", "what"),
    [({"num_parameters": 11}, "parameters"), ({"loss": 1.2}, "loss"), ({"accuracy": 0.7}, "accuracy")],
)
def test_a_side_that_learnt_something_else_is_named(figures, what):
    lines = {("bare", "mlp"): [line()], ("ours", "mlp"): [line(**figures)]}
    (sentence,) = compare._disagreements(lines, ["mlp"])
    assert sentence.startswith(f"mlp: ours and bare differ in {what}")


def test_sides_that_learnt_almost_the_same_agree():
    lines = {("bare", "mlp"): [line()], ("ours", "mlp"): [line(loss=1.05, accuracy=0.55)]}
    assert not list(compare._disagreements(lines, ["mlp"]))


def test_a_ratio_is_that_of_each_repeat_and_not_of_medians():
    slower = [{"s": 2.0}, {"s": 8.0}, {"s": 30.0}]
    faster = [{"s": 1.0}, {"s": 2.0}, {"s": 3.0}]
    assert compare._ratio(slower, faster, "s") == "4.00 (2.00 to 10.00)"
