import io
import itertools
import json
import math
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.wan.bandwidth import LinkNature, StepsBandwidth
from channels.wan.bandwidth_trace import TraceBandwidth
from channels.wan.data_folder import DataFolder
from channels.wan.gilbert_elliott import GilbertElliottBandwidth
from channels.wan.trace_formats import read_log
from testbed.errors import RequestError
from testbed.streams import Purpose, stream

SET = pytest.mark.parametrize("data_dir", ["mobile_bandwidth"], indirect=True)


def nature(seed=0, folder=None, horizon_s=math.inf, capacity=100.0):
    return LinkNature(
        capacity_bit_per_s=capacity,
        files=DataFolder(folder),
        stream=lambda window: stream(seed, Purpose.BANDWIDTH, 1, 2, window),
        horizon_s=horizon_s,
    )


def pieces(course, until_s):
    """Return (start, end, rate) of a course up to a time."""
    found, now_s = [], 0.0
    while now_s < until_s:
        rate, end_s = course.at(now_s)
        assert end_s > now_s
        found.append((now_s, min(end_s, until_s), rate))
        now_s = end_s
    return found


# -- steps -------------------------------------------------------------------------------------------------------------


def test_steps_hold_from_their_start_on_and_before_the_first_the_capacity_is_whole():
    law = StepsBandwidth(steps=[{"start_s": 2, "fraction": 0.5}, {"start_s": 5, "fraction": 0}])
    assert pieces(law.course(nature()), 9.0) == [(0.0, 2.0, 100.0), (2.0, 5.0, 50.0), (5.0, 9.0, 0.0)]
    assert law.course(nature()).at(7.0) == (0.0, math.inf)


def test_steps_with_a_period_start_again():
    law = StepsBandwidth(steps=[{"start_s": 0, "fraction": 1}, {"start_s": 1, "fraction": 0.1}], period_s=4)
    found = pieces(law.course(nature()), 8.0)
    assert found == [(0.0, 1.0, 100.0), (1.0, 4.0, 10.0), (4.0, 5.0, 100.0), (5.0, 8.0, 10.0)]


@given(period_s=st.floats(0.01, 10.0), time_s=st.floats(0.0, 1e7))
def test_what_holds_at_a_time_ends_after_it_however_the_period_is_rounded(period_s, time_s):
    law = StepsBandwidth(
        steps=[{"start_s": 0, "fraction": 1}, {"start_s": period_s / 3, "fraction": 0.1}], period_s=period_s
    )
    rate, end_s = law.course(nature()).at(time_s)
    assert rate in (100.0, 10.0)
    assert time_s < end_s <= time_s + period_s


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"steps": []}, "at least 1 item"),
        ({"steps": [{"start_s": 2, "fraction": 1}, {"start_s": 1, "fraction": 1}]}, "one after the other"),
        ({"steps": [{"start_s": 2, "fraction": 1}], "period_s": 2}, "must be after the last step"),
        ({"steps": [{"start_s": 0, "fraction": 0}], "period_s": 2}, "above 0 at some time"),
    ],
)
def test_steps_that_make_no_sense_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        StepsBandwidth.model_validate(settings)


# -- two states --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block_s", [None, 0.5])
def test_times_in_each_state_have_the_stated_means_and_the_share_of_good_time_is_stationary(block_s):
    law = GilbertElliottBandwidth(mean_good_s=6, mean_bad_s=2, bad_fraction=0.25, block_s=block_s)
    assert law.good_probability == 0.75
    found = pieces(law.course(nature()), 40_000.0)[1:-1]
    for rate, mean_s in ((100.0, 6.0), (25.0, 2.0)):
        lengths_s = np.array([end_s - start_s for start_s, end_s, value in found if value == rate])
        assert len(lengths_s) > 3000
        # Exponential, or geometric in blocks: the standard deviation is at most the mean.
        assert abs(lengths_s.mean() - mean_s) < 4 * mean_s / math.sqrt(len(lengths_s))
        if block_s is None:
            assert lengths_s.std() == pytest.approx(mean_s, rel=0.1)
        else:
            assert np.allclose(lengths_s / block_s, np.round(lengths_s / block_s), atol=1e-6)
            assert lengths_s.std() == pytest.approx(math.sqrt(mean_s * (mean_s - block_s)), rel=0.1)
    good_s = sum(end_s - start_s for start_s, end_s, rate in found if rate == 100.0)
    assert good_s / (found[-1][1] - found[0][0]) == pytest.approx(0.75, abs=0.02)


def test_a_run_begins_in_a_stationary_state():
    law = GilbertElliottBandwidth(mean_good_s=3, mean_bad_s=1, bad_fraction=0)
    first = [law.course(nature(seed)).at(0.0)[0] for seed in range(400)]
    assert abs(np.mean(np.array(first) > 0) - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 400)


@pytest.mark.parametrize("block_s", [None, 0.3])
@given(times_s=st.lists(st.floats(0.0, 3000.0), min_size=1, max_size=20))
def test_a_question_at_any_time_is_answered_as_by_who_played_the_course_from_its_start(block_s, times_s):
    law = GilbertElliottBandwidth(mean_good_s=7, mean_bad_s=3, bad_fraction=0.25, block_s=block_s)
    played = pieces(law.course(nature(5)), 3100.0)
    asked = law.course(nature(5))
    for time_s in times_s:
        (piece,) = [p for p in played if p[0] <= time_s < p[1]]
        rate, end_s = asked.at(time_s)
        assert rate == piece[2]
        assert min(end_s, 3100.0) == piece[1]


def test_planning_expects_the_mean_of_the_two_states():
    law = GilbertElliottBandwidth(mean_good_s=3, mean_bad_s=1, bad_fraction=0.2, good_fraction=0.8)
    assert law.course(nature()).nominal_bit_per_s == pytest.approx(0.75 * 80.0 + 0.25 * 20.0)


def test_blocks_that_are_too_long_for_the_means_are_refused():
    with pytest.raises(ValueError, match="block_s = 4 is too long"):
        GilbertElliottBandwidth(mean_good_s=3, mean_bad_s=1, bad_fraction=0.2, block_s=4)


# -- traces ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "own.csv").write_text("# measured\ntime_s,bit_per_s\n10,100\n12,50\n15,0\n16,200\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as packed:
        packed.writestr("a/one.json", json.dumps([{"duration_ms": 500, "bandwidth_kbps": 2, "latency_ms": 1}] * 2))
        packed.writestr("a/two", "0.0\t1.5\n2.0\t0.5\n")
    with zipfile.ZipFile(tmp_path / "oboe_sessions.zip", "w") as packed:
        packed.writestr("trace_0.txt", "1000 8\n2000 8\n2500 4\n3500 4\n")
    return tmp_path


def test_a_rate_holds_from_its_row_to_the_next_and_the_trace_begins_with_its_first_row(folder):
    law = TraceBandwidth(path="own.csv", at_end="repeat")
    expected = [(0.0, 2.0, 100.0), (2.0, 5.0, 50.0), (5.0, 6.0, 0.0), (6.0, 7.0, 200.0)]
    assert pieces(law.course(nature(folder=folder)), 7.0) == expected
    assert law.course(nature(folder=folder)).nominal_bit_per_s == pytest.approx((200 + 150 + 0 + 200) / 7)


def test_where_a_trace_ends_it_starts_again_or_its_last_rate_holds_or_the_run_is_refused(folder):
    again = TraceBandwidth(path="own.csv", at_end="repeat").course(nature(folder=folder))
    assert [again.at(time_s)[0] for time_s in (7.5, 9.5, 13.5, 14.5)] == [100.0, 50.0, 200.0, 100.0]
    held = TraceBandwidth(path="own.csv", at_end="hold").course(nature(folder=folder))
    assert held.at(1e6) == (200.0, math.inf)
    refused = TraceBandwidth(path="own.csv", at_end="refuse")
    assert refused.course(nature(folder=folder, horizon_s=7.0)).at(6.5)[0] == 200.0
    with pytest.raises(
        RequestError, match=r"own.csv lasts 7 s, the run needs 7.5 s: shorten the run, or go on with at_"
    ):
        refused.course(nature(folder=folder, horizon_s=7.5))
    with pytest.raises(RequestError, match="the run has no end in time"):
        refused.course(nature(folder=folder))
    later = TraceBandwidth(path="own.csv", at_end="refuse", offset_s=1)
    with pytest.raises(RequestError, match="the run needs 8 s"):
        later.course(nature(folder=folder, horizon_s=7.0))


def test_a_trace_can_begin_later_be_scaled_and_be_brought_to_the_link_s_capacity(folder):
    later = TraceBandwidth(path="own.csv", at_end="repeat", offset_s=4, scale=3).course(nature(folder=folder))
    assert pieces(later, 4.0) == [(0.0, 1.0, 150.0), (1.0, 2.0, 0.0), (2.0, 3.0, 600.0), (3.0, 4.0, 300.0)]
    scaled = TraceBandwidth(path="own.csv", at_end="repeat", to_capacity=True, scale=0.5)
    assert scaled.course(nature(folder=folder)).nominal_bit_per_s == pytest.approx(50.0)


def test_links_that_begin_at_random_differ_by_seed_and_keep_the_order_of_the_trace(folder):
    law = TraceBandwidth(path="own.csv", at_end="repeat", start="random")
    courses = [law.course(nature(seed, folder=folder)) for seed in range(20)]
    assert len({course.at(0.0) for course in courses}) > 10
    rates = [rate for *_, rate in pieces(courses[0], 30.0)]
    following = {100.0: 50.0, 50.0: 0.0, 0.0: 200.0, 200.0: 100.0}
    assert all(following[before] == after for before, after in itertools.pairwise(rates))


def test_logs_in_zip_files_are_read_in_their_own_units(folder):
    durations = TraceBandwidth(path="logs.zip", member="a/one.json", at_end="repeat").trace(DataFolder(folder))
    assert (durations.starts_s, durations.rates_bit_per_s, durations.length_s) == ((0.0, 0.5), (2000.0, 2000.0), 1.0)
    mbit = TraceBandwidth(path="logs.zip", member="a/two", at_end="repeat").trace(DataFolder(folder))
    assert (mbit.starts_s, mbit.rates_bit_per_s, mbit.length_s) == ((0.0, 2.0), (1.5e6, 5e5), 4.0)
    chunks = TraceBandwidth(path="oboe_sessions.zip", member="trace_0.txt", at_end="repeat").trace(DataFolder(folder))
    assert (chunks.starts_s, chunks.rates_bit_per_s) == ((0.0, 1.0, 1.5, 2.5), (8e3, 8e3, 4e3, 4e3))


def test_files_that_were_read_are_hashed_once_each(folder):
    files = DataFolder(folder)
    for _ in range(2):
        TraceBandwidth(path="own.csv", at_end="hold").trace(files)
    assert list(files.sources) == ["own.csv"]
    assert len(files.sources["own.csv"]) == 64


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"path": "logs.zip"}, "member names the log in a .zip file"),
        ({"path": "own.csv", "member": "x"}, "member names the log in a .zip file"),
        ({"path": "own.csv", "start": "random", "at_end": "hold"}, 'start = "random" needs at_end = "repeat"'),
    ],
)
def test_settings_of_a_trace_that_contradict_each_other_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        TraceBandwidth.model_validate({"at_end": "repeat", **settings})


def test_a_log_that_is_not_there_is_refused_with_the_nearest_names(folder):
    with pytest.raises(RequestError, match=r"unknown log 'a/one.jsn': did you mean 'a/one.json'\? 2 logs are there"):
        TraceBandwidth(path="logs.zip", member="a/one.jsn", at_end="repeat").trace(DataFolder(folder))
    with pytest.raises(RequestError, match=r"gone.csv: cannot be read .*neither in the data folder"):
        TraceBandwidth(path="gone.csv", at_end="repeat").trace(DataFolder(folder))
    with pytest.raises(RequestError, match=r"no data folder is given.*AIRWAN_DATA"):
        TraceBandwidth(path="gone.csv", at_end="repeat").trace(DataFolder(None))


def test_a_damaged_zip_file_is_refused(tmp_path):
    (tmp_path / "bad.zip").write_bytes(b"PK nonsense")
    with pytest.raises(RequestError, match=r"bad.zip, a: File is not a zip file"):
        TraceBandwidth(path="bad.zip", member="a", at_end="repeat").trace(DataFolder(tmp_path))


@pytest.mark.parametrize(
    ("text", "format", "complaint"),
    [
        ("a,b\n1,2\n", "csv", "has the header time_s,bit_per_s"),
        ("time_s,bit_per_s\n1,2\n", "csv", "at least two points"),
        ("time_s,bit_per_s\n1,2,3\n2,3,4\n", "csv", "is not a time and a rate"),
        ("2 1\n1 1\n", "mbit", "ascend"),
        ("1 1\n2 -1\n", "mbit", "at least 0"),
        ("1 1\n2 nan\n", "mbit", "finite"),
        ("1 0\n2 0\n", "mbit", "above 0 at some time"),
        ("1 x\n", "chunks", "is not a time and a rate"),
        ("{}", "durations", "at least two points"),
        ("[1]", "durations", "JSON list of duration_ms"),
        ("not json", "durations", "JSON list of duration_ms"),
        (
            '[{"duration_ms": -1, "bandwidth_kbps": 1}, {"duration_ms": 2, "bandwidth_kbps": 1}]',
            "durations",
            "at least 0",
        ),
    ],
)
def test_a_log_that_is_not_of_its_format_is_refused(text, format, complaint):
    with pytest.raises(ValueError, match=complaint):
        read_log(text, format)


@SET
@pytest.mark.parametrize(
    ("name", "num_logs", "mean_mbit_per_s", "total_s"),
    [
        ("hsdpa_3g", 86, 1.150, 112_386),
        ("lte_4g", 40, 31.431, 18_036),
        ("pensieve_train", 127, 1.32, 150_208),
        ("pensieve_test", 142, 1.32, 37_112),  # over time; the mean over its rows, which are uneven, is 1.52
        ("fcc_broadband", 290, 1.35, 92_594),
        ("oboe_sessions", 428, 2.841, 75_715),
    ],
)
def test_every_log_of_the_published_sets_is_read_with_the_means_and_lengths_stated(
    data_dir, name, num_logs, mean_mbit_per_s, total_s
):
    path = f"mobile_bandwidth/{name}.zip"
    with zipfile.ZipFile(io.BytesIO((data_dir / path).read_bytes())) as packed:
        members = [member for member in packed.namelist() if not member.endswith("/")]
        logs = {member: packed.read(member).decode() for member in members}
    assert len(members) == num_logs
    law = TraceBandwidth(path=path, member=members[0], at_end="repeat")
    assert law.trace(DataFolder(data_dir)) == read_log(logs[members[0]], law._format)
    traces = [read_log(text, law._format) for text in logs.values()]
    assert np.mean([trace.mean_bit_per_s for trace in traces]) / 1e6 == pytest.approx(mean_mbit_per_s, rel=0.05)
    assert sum(trace.length_s for trace in traces) == pytest.approx(total_s, rel=0.06)
