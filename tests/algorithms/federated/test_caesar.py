"""Laws of Caesar and of what it is compared with: limits, whose copy is used, sizes and waiting."""

from typing import Any

import numpy as np
import pytest
from small import small_scenario

from testbed.experiments.blame import blame
from testbed.experiments.result import RunResult

OWN_LINKS: dict[str, Any] = {
    "channel__uplink__own_links": {"low_bit_per_s": "10 kbit/s", "high_bit_per_s": "100 kbit/s"},
    "channel__downlink": {"kind": "own-links", "low_bit_per_s": "20 kbit/s", "high_bit_per_s": "200 kbit/s"},
    "run__horizon_s": 150.0,
    "training__batch_size": 16,
    "devices__profile__flop_per_s": 5e5,
}
NOTHING = {"max_download_fraction": 0, "min_upload_fraction": 0, "max_upload_fraction": 0, "batches": "equal"}


def run(kind: str, settings: dict[str, Any] | None = None, **others: Any) -> RunResult:
    algorithm = {"kind": kind, kind: settings or {}}
    return small_scenario(**(OWN_LINKS | {"algorithm": algorithm} | others)).run(0)


def test_without_compression_and_with_equal_batches_it_is_fic_without_compression_byte_for_byte() -> None:
    caesar, fic = run("caesar", NOTHING), run("fic", {"download_fraction": 0, "upload_fraction": 0})
    for table in ("version", "span", "transfer", "evaluation"):
        assert caesar.tables[table].equals(fic.tables[table]), table


def test_without_compression_and_with_equal_data_it_learns_what_fedavg_learns() -> None:
    equal: dict[str, Any] = {"data__partition": "iid", "data__dataset": {"kind": "digits"}}
    rounds: dict[str, Any] = {"run": {"horizon_rounds": 4, "evaluation_interval_rounds": 1}}
    sizes = small_scenario(**(OWN_LINKS | equal)).run(0).frame("client").num_samples
    assert sizes.max() - sizes.min() <= 1
    caesar, fedavg = (run(kind, table, **equal, **rounds) for kind, table in (("caesar", NOTHING), ("fedavg", {})))
    np.testing.assert_allclose(caesar.series("loss")[1], fedavg.series("loss")[1], rtol=2e-3)


def test_the_first_round_is_dense_and_later_ones_are_the_smaller_the_fresher_the_copy() -> None:
    found = run("caesar", {"min_batch_size": 2, "selection": {"kind": "random", "num_clients": 3}})
    down = found.frame("packet").query("direction == 'down'")
    whole = 32 * 2410
    assert (down[down.version == 0].bits == whole).all() and (down[down.version == 0].nmse == 0).all()
    last_round: dict[int, int] = {}
    for row in down.itertuples():
        t = row.version + 1
        theta = 0.6 * (1 - (t - last_round.get(row.client, 0)) / t)
        kept = round((1 - theta) * 2410)
        hybrid = 32 * kept + (2410 - kept) + (0 if kept == 2410 else min(2410, 32 * kept)) + 64 * 4
        assert row.bits == min(whole, hybrid)
        last_round[row.client] = t


def test_who_just_trained_from_the_model_recovers_it_better_than_without_its_copy() -> None:
    small_steps: dict[str, Any] = {"training__learning_rate": 0.01}
    errors = {
        side: run("caesar", {"side_info": side}, **small_steps).frame("packet").query("direction == 'down'").nmse.mean()
        for side in ("local-model", "received-model", "none")
    }
    assert 0 < max(errors["local-model"], errors["received-model"]) < 0.5 * errors["none"]


def test_a_client_alone_recovers_what_it_sent_for_its_copy_is_the_model_it_trained() -> None:
    alone: dict[str, Any] = {"devices__count": 1, "data__partition": "iid", "run__horizon_s": 1500.0}
    full = {"min_upload_fraction": 0, "max_upload_fraction": 0}
    errors = {}
    for side in ("local-model", "received-model", "none"):
        down = run("caesar", full | {"side_info": side}, **alone).frame("packet").query("direction == 'down'")
        smaller = down[down.bits < 32 * 2410]
        assert len(smaller) >= 3
        errors[side] = smaller.nmse.max()
    assert errors["local-model"] < 0.01 * min(errors["received-model"], errors["none"])


def test_batches_to_finish_together_shorten_rounds_and_waiting() -> None:
    def waiting(batches: str) -> tuple[float, float]:
        found = run(
            "caesar",
            {"batches": batches, "min_batch_size": 1},
            devices__slowdown={"kind": "listed", "by_device": [1, 5]},
        )
        transfers, versions = found.frame("transfer"), found.frame("version")
        up = transfers[transfers.target == "server"]
        ends_s = versions.time_s.to_numpy()
        which = np.searchsorted(ends_s, up.end_s - 1e-9)
        done = which < len(ends_s)
        return float((ends_s[which[done]] - up.end_s[done]).mean()), float(np.diff(ends_s, prepend=0).mean())

    (together_s, round_s), (equal_s, equal_round_s) = waiting("together"), waiting("equal")
    assert together_s < 0.7 * equal_s
    assert round_s < equal_round_s


def test_halving_all_rates_doubles_transfers_and_leaves_computing() -> None:
    slow = OWN_LINKS | {
        "channel__uplink__own_links": {"low_bit_per_s": 5000, "high_bit_per_s": 50_000},
        "channel__downlink": {"kind": "own-links", "low_bit_per_s": 10_000, "high_bit_per_s": 100_000},
    }
    fast, slow_run = run("fic"), run("fic", **slow)
    for table, factor in (("transfer", 2.0), ("training", 1.0)):
        lasted = []
        for one in (fast, slow_run):
            rows = one.frame(table)
            rows = rows[rows.start_s < 20.0] if table == "transfer" else rows
            key = ["source", "target"] if table == "transfer" else ["client"]
            lasted.append((rows.end_s - rows.start_s).groupby([rows[k] for k in key]).first().sort_index())
        ratio = (lasted[1] / lasted[0]).dropna()
        assert len(ratio) >= 4
        np.testing.assert_allclose(ratio, factor, rtol=1e-6)


def test_with_error_feedback_an_update_makes_up_for_the_last() -> None:
    settings = {"batches": "equal", "min_upload_fraction": 0.8, "max_upload_fraction": 0.9}
    plain, fed_back = (run("caesar", settings | {"error_feedback": on}) for on in (False, True))
    assert plain.tables["span"].equals(fed_back.tables["span"])
    assert not plain.tables["evaluation"].equals(fed_back.tables["evaluation"])


def test_the_slower_the_link_the_more_cac_compresses() -> None:
    packets = run("cac").frame("packet")
    first = packets[(packets.version == 0) & (packets.direction == "down")].set_index("client").bits
    transfers = run("cac").frame("transfer")
    down = transfers[transfers.source == "server"].drop_duplicates("target")
    rates = {int(row.target.removeprefix("device-")): row.bits / (row.end_s - row.start_s) for row in down.itertuples()}
    by_rate = sorted(rates, key=lambda client: rates[client])
    assert (np.diff(first[by_rate]) > 0).all()


def test_flexcom_sends_less_and_works_more_over_slow_links() -> None:
    found = run("flexcom", devices__slowdown="none", channel__uplink__energy_budget_j=0.5)
    up = found.frame("packet").query("direction == 'up' and version == 0").set_index("client").bits
    steps = found.frame("update").drop_duplicates("client").set_index("client").num_steps
    assert up.nunique() > 1 or steps.nunique() == 1
    assert (np.diff(steps[up.sort_values().index]) <= 0).all()


def test_prowd_gives_the_fastest_the_most_bits() -> None:
    found = run("prowd", {"widths": [32, 8, 2]})
    down = found.frame("packet").query("direction == 'down' and version == 0").set_index("client").bits
    speeds = found.frame("client").set_index("client").flop_per_s
    ordered = down[speeds.sort_values(ascending=False).index].to_numpy()
    assert ordered.tolist() == [32 * 2410] * 2 + [8 * 2410 + 32 * 4] * 2 + [2 * 2410 + 32 * 4] * 2


def test_prowd_in_single_precision_learns_what_fic_without_compression_learns() -> None:
    rounds: dict[str, Any] = {"run": {"horizon_rounds": 4, "evaluation_interval_rounds": 1}}
    prowd = run("prowd", {"widths": [32]}, **rounds)
    fic = run("fic", {"download_fraction": 0, "upload_fraction": 0}, **rounds)
    np.testing.assert_allclose(prowd.series("loss")[1], fic.series("loss")[1], rtol=1e-5)


def test_with_prowd_a_model_that_nobody_moves_stays_what_it_was_however_few_bits_it_went_round_in() -> None:
    rounds: dict[str, Any] = {"run": {"horizon_rounds": 4, "evaluation_interval_rounds": 1}}
    losses = run("prowd", {"widths": [8, 2]}, training__learning_rate=1e-12, **rounds).series("loss")[1]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)


def test_clients_of_two_bits_do_not_undo_what_precise_ones_learn() -> None:
    found = run("prowd", {"widths": [32, 2]}, run={"horizon_rounds": 30, "evaluation_interval_rounds": 30})
    assert found.series("accuracy")[1][-1] > 0.5


def test_pyramidfl_asks_so_many_and_lets_who_would_wait_train_longer() -> None:
    found = run("pyramidfl", {"num_clients": 3, "over_commit": 1})
    down = found.frame("packet").query("direction == 'down'")
    assert (down.groupby("version").size() == 3).all()
    steps = found.frame("update").num_steps
    assert steps.min() == 2 < steps.max() <= 22
    assert (steps % 2 == 0).all()


@pytest.mark.parametrize("kind", ["caesar", "fedavg", "fedasync"])
def test_over_own_links_every_span_has_its_cause_and_all_time_is_explained(kind: str) -> None:
    away = [{"device": 2, "start_s": 15.0, "end_s": 60.0}, {"device": 4, "start_s": 100.0}]
    settings = {"access": "ofdma"} if kind == "fedavg" else {}
    found = run(
        kind, settings, fault=away, availability={"kind": "bernoulli-blocks", "probability": 0.9, "block_s": 20.0}
    )
    spans = found.frame("span").set_index("span_id")
    caused = spans[spans.cause_id >= 0]
    assert len(caused) > len(spans) / 2
    assert (caused.start_s.to_numpy() == spans.end_s[caused.cause_id].to_numpy()).all()
    assert blame(found).run.seconds()["unexplained"] == 0
    for entity, rows in spans.groupby("entity"):
        if str(entity).startswith(("device-", "uplink-", "downlink-")):
            ordered = rows.sort_values(["start_s", "end_s"])
            assert (ordered.start_s.to_numpy()[1:] >= ordered.end_s.to_numpy()[:-1]).all(), entity


@pytest.mark.parametrize("law", [{"low_bit_per_s": 3, "high_bit_per_s": 2}])
def test_a_law_of_links_whose_least_is_above_its_largest_is_refused(law: dict[str, float]) -> None:
    with pytest.raises(Exception, match="at most"):
        small_scenario(**(OWN_LINKS | {"channel__uplink__own_links": law})).resolve()
