import gzip
import hashlib
import itertools
import math
from pathlib import Path

import networkx as nx
import pytest
from wires import Wires, links, uniform

from channels.wan.bandwidth_trace import TraceBandwidth
from channels.wan.data_folder import DataFolder
from channels.wan.full_mesh import MeshTopology, UniformTopology
from channels.wan.graphml import GraphmlTopology, great_circle_m
from channels.wan.link_list import LinksTopology
from channels.wan.measured import CloudTopology, PingsTopology
from channels.wan.routing import Routes
from channels.wan.topology import Plan, link_of
from testbed.errors import RequestError

NOWHERE = DataFolder(None)
ZOO = pytest.mark.parametrize("data_dir", ["topologies"], indirect=True)
PINGS = pytest.mark.parametrize("data_dir", ["wondernetwork_pings"], indirect=True)
CLOUD = pytest.mark.parametrize("data_dir", ["cloud_wan"], indirect=True)
GBIT = 1e9


def delays_s(plan):
    return {edge: link_of(plan.graph, *edge).delay_s for edge in plan.graph.edges}


def capacities(plan):
    return {edge: link_of(plan.graph, *edge).capacity_bit_per_s for edge in plan.graph.edges}


# -- full meshes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_regions", [1, 2, 5])
def test_a_uniform_mesh_has_a_link_each_way_between_every_two_regions(num_regions):
    plan = UniformTopology(capacity_bit_per_s=5, delay_s=0.1).build(num_regions, NOWHERE)
    assert plan.names == tuple(f"region-{k}" for k in range(num_regions))
    assert plan.graph.number_of_edges() == num_regions * (num_regions - 1)
    assert set(capacities(plan).values()) <= {5.0}
    assert set(delays_s(plan).values()) <= {0.1}


def test_the_preset_has_the_stated_round_trips_and_its_first_regions_serve_smaller_runs():
    mesh = MeshTopology(preset="four-clouds", capacity_bit_per_s=GBIT)
    plan = mesh.build(4, NOWHERE)
    assert plan.names == ("us-west", "us-east", "eu", "asia")
    expected_ms = {
        ("us-west", "us-east"): 65, ("us-west", "eu"): 140, ("us-east", "eu"): 85, ("us-west", "asia"): 110,
        ("us-east", "asia"): 180, ("eu", "asia"): 230,
    }  # fmt: skip
    for (one, other), rtt_ms in expected_ms.items():
        assert delays_s(plan)[one, other] == delays_s(plan)[other, one] == pytest.approx(rtt_ms / 2e3)
    assert mesh.build(2, NOWHERE).names == ("us-west", "us-east")


def test_in_a_mesh_every_pair_uses_its_own_link_even_where_a_detour_is_shorter():
    # us-east to asia over us-west would be 65 + 110 = 175 ms, its own link has 180.
    plan = MeshTopology(preset="four-clouds", capacity_bit_per_s=GBIT).build(4, NOWHERE)
    assert Routes(plan).route("us-east", "asia") == ("us-east", "asia")


def test_pairs_replace_the_preset_s_and_may_have_a_capacity_of_their_own():
    pair = {"between": ("eu", "us-east"), "rtt_s": "90 ms", "capacity_bit_per_s": "2 Gbit/s"}
    mesh = MeshTopology.model_validate(
        {"preset": "four-clouds", "regions": ("eu", "us-east"), "pairs": [pair], "capacity_bit_per_s": GBIT}
    )
    plan = mesh.build(2, NOWHERE)
    assert plan.names == ("eu", "us-east")
    assert set(delays_s(plan).values()) == {0.045}
    assert set(capacities(plan).values()) == {2 * GBIT}


@pytest.mark.parametrize(
    ("settings", "num_regions", "complaint"),
    [
        ({"preset": "four-clouds"}, 5, "has 4 regions, the run has 5"),
        ({"preset": "four-clouds", "regions": ("eu", "asia")}, 3, "names 2 regions, the run has 3"),
        (
            {"preset": "four-clouds", "regions": ("eu", "us-est")},
            2,
            "unknown region 'us-est': did you mean 'us-west' or 'us-east'",
        ),
        ({"preset": "four-clouds", "regions": ("eu", "eu")}, 2, "'eu' hosts two regions"),
        (
            {"regions": ("a", "b", "c"), "pairs": [{"between": p, "rtt_s": 1} for p in (("a", "b"), ("b", "c"))]},
            3,
            "no round trip is given between 'a' and 'c'",
        ),
        ({}, 2, "regions are needed"),
    ],
)
def test_a_mesh_that_does_not_fit_the_run_is_refused(settings, num_regions, complaint):
    with pytest.raises(ValueError, match=complaint):
        MeshTopology.model_validate({"capacity_bit_per_s": GBIT, **settings}).build(num_regions, NOWHERE)


# -- access links ------------------------------------------------------------------------------------------------------


def test_an_access_link_limits_what_a_region_sends_to_all_others_together():
    wires = Wires(uniform(delay_s=0.0, egress_bit_per_s=100.0), 3)
    answers = [wires.transfer(0.0, 0, target, 100.0) for target in (1, 2)] + [wires.transfer(0.0, 1, 2, 100.0)]
    wires.run()
    assert [found[0].end_s for found in answers] == [2.0, 2.0, 1.0]
    assert {row["route"] for row in wires.rows("flow")} >= {"region-0>region-0-edge>region-1-edge>region-1"}


def test_an_access_link_limits_what_a_region_receives_from_all_others_together():
    wires = Wires(uniform(delay_s=0.25, ingress_bit_per_s=50.0), 3)
    answers = [wires.transfer(0.0, source, 2, 100.0) for source in (0, 1)]
    wires.run()
    assert [found[0].end_s for found in answers] == [4.25, 4.25]


def test_without_access_links_the_mesh_is_not_the_bottleneck_of_any_but_its_own_pairs():
    wires = Wires(uniform(delay_s=0.0, egress_bit_per_s=1e9, ingress_bit_per_s=1e9), 3)
    answers = [wires.transfer(0.0, 0, target, 100.0) for target in (1, 2)]
    wires.run()
    assert [found[0].end_s for found in answers] == [1.0, 1.0]


# -- backbones ---------------------------------------------------------------------------------------------------------

TOY = """<?xml version="1.0" encoding="utf-8"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="s" />
<key attr.name="label" attr.type="string" for="node" id="l" />
<key attr.name="Latitude" attr.type="double" for="node" id="y" />
<key attr.name="Longitude" attr.type="double" for="node" id="x" />
<graph edgedefault="undirected">
<node id="0"><data key="l">Origin</data><data key="y">0</data><data key="x">0</data></node>
<node id="1"><data key="l">East</data><data key="y">0</data><data key="x">90</data></node>
<node id="2"><data key="l">Twin</data></node><node id="3"><data key="l">Twin</data></node>
<edge source="0" target="1"><data key="s">SPEED</data></edge><edge source="1" target="0"><data key="s">3e9</data></edge>
<edge source="1" target="2" /><edge source="2" target="3" />
</graph></graphml>
"""


def toy(tmp_path, speed="2e9", **settings):
    (tmp_path / "toy.graphml").write_text(TOY.replace("SPEED", speed), encoding="utf-8")
    table = {"file": "toy.graphml", "regions": ("Origin", "Twin (3)"), "default_capacity_bit_per_s": GBIT, **settings}
    return GraphmlTopology.model_validate(table).build(2, DataFolder(tmp_path))


def test_a_quarter_of_the_globe_takes_light_in_fibre_fifty_milliseconds():
    quarter_m = math.pi / 2 * 6_371_008.8
    assert great_circle_m((0, 0), (0, 90)) == pytest.approx(quarter_m, rel=1e-12)
    assert great_circle_m((90, 10), (-90, 20)) == pytest.approx(2 * quarter_m, rel=1e-9)
    # London to New York, known to be about 5570 km.
    assert great_circle_m((51.5074, -0.1278), (40.7128, -74.0060)) == pytest.approx(5.570e6, rel=2e-3)


def test_parallel_edges_add_their_capacities_and_what_the_file_does_not_tell_is_the_default(tmp_path):
    plan = toy(tmp_path, capacity_scale=0.1, default_delay_s="7 ms")
    assert capacities(plan) == pytest.approx(
        {
            ("East", "Origin"): 5e8, ("Origin", "East"): 5e8, ("East", "Twin (2)"): GBIT, ("Twin (2)", "East"): GBIT,
            ("Twin (2)", "Twin (3)"): GBIT, ("Twin (3)", "Twin (2)"): GBIT,
        }
    )  # fmt: skip
    quarter_s = math.pi / 2 * 6_371_008.8 / (299_792_458.0 * 2 / 3)
    assert delays_s(plan)["Origin", "East"] == pytest.approx(quarter_s, rel=1e-12)
    assert delays_s(plan)["East", "Twin (2)"] == 0.007


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"regions": ("Origin", "Twin")}, r"unknown node 'Twin': did you mean 'Twin \(\d\)' or 'Twin \(\d\)'"),
        ({"regions": ("Origin",)}, "names 1 regions, the run has 2"),
        ({"speed": "0"}, "has the LinkSpeedRaw 0.0, not above 0"),
        ({"file": "gone.graphml"}, "gone.graphml: cannot be read"),
    ],
)
def test_a_backbone_that_does_not_fit_is_refused(tmp_path, change, complaint):
    with pytest.raises(RequestError, match=complaint):
        toy(tmp_path, **change)


def test_a_file_that_is_not_graphml_is_refused(tmp_path):
    (tmp_path / "bad.graphml").write_text("<nothing", encoding="utf-8")
    law = GraphmlTopology(file="bad.graphml", regions=("a",), default_capacity_bit_per_s=1)
    with pytest.raises(RequestError, match=r"bad\.graphml: cannot be read as GraphML"):
        law.build(1, DataFolder(tmp_path))


@ZOO
def test_every_backbone_of_the_zoo_is_built_with_the_published_number_of_nodes_and_finite_links(data_dir):
    published = {"Abilene": 11, "Geant2012": 40, "Chinanet": 42, "Colt": 153, "Cogentco": 197, "Internet2": 20}
    files = sorted((data_dir / "topologies/graphml").glob("*.graphml"))
    assert len(files) == 25
    for path in files:
        graph = nx.read_graphml(path)
        first = str(next(iter(graph.nodes(data=True)))[1].get("label"))
        law = GraphmlTopology(file=path.stem, regions=(first,), default_capacity_bit_per_s=GBIT)
        try:
            plan = law.build(1, DataFolder(data_dir))
        except RequestError as error:  # the first label is borne by several nodes
            assert "unknown node" in str(error)
            continue
        assert len(plan.graph) == published.get(path.stem, len(graph))
        assert all(0 <= delay_s < 0.2 for delay_s in delays_s(plan).values())
        assert all(0 < capacity < 1e13 for capacity in capacities(plan).values())
        assert all(plan.graph.has_edge(other, one) for one, other in plan.graph.edges)


@ZOO
def test_geant_joins_its_cities_over_several_hops_and_its_file_is_hashed(data_dir):
    law = GraphmlTopology(file="Geant2012", regions=("PT", "EE"), default_capacity_bit_per_s=GBIT)
    files = DataFolder(data_dir)
    plan = law.build(2, files)
    name = "topologies/graphml/Geant2012.graphml"
    assert files.sources == {name: hashlib.sha256((data_dir / name).read_bytes()).hexdigest()}
    route = Routes(plan).route("PT", "EE")
    assert len(route) > 3
    assert nx.shortest_path_length(plan.graph, "PT", "EE", weight=lambda a, b, _: delays_s(plan)[a, b]) == (
        pytest.approx(sum(delays_s(plan)[edge] for edge in itertools.pairwise(route)))
    )


@ZOO
def test_a_backbone_or_a_city_that_is_misspelt_is_refused_with_the_nearest_names(data_dir):
    with pytest.raises(RequestError, match=r"unknown file in topologies/graphml 'Geant': did you mean 'Geant2012'"):
        GraphmlTopology(file="Geant", regions=("a",), default_capacity_bit_per_s=1).build(1, DataFolder(data_dir))
    law = GraphmlTopology(file="Abilene", regions=("New York", "Seatle"), default_capacity_bit_per_s=1)
    with pytest.raises(RequestError, match="unknown node 'Seatle': did you mean 'Seattle'"):
        law.build(2, DataFolder(data_dir))


# -- measured meshes ---------------------------------------------------------------------------------------------------


def test_what_was_measured_from_a_to_b_is_used_that_way_and_a_missing_direction_takes_the_other(tmp_path):
    (tmp_path / "wondernetwork_pings").mkdir()
    rows = [
        "src,dst,dst_region,distance_km,avg_ms,min_ms,max_ms,mdev_ms,checked",
        'New York,"London United Kingdom",E,1,80,70,90,1,x',
        'London,"New York United States",A,1,60,50,70,1,x',
        'London,"New Delhi India",A,1,120,110,130,1,x',
        'New Delhi,"New York United States",A,1,200,190,210,1,x',
    ]
    packed = gzip.compress("\n".join(rows).encode())
    (tmp_path / "wondernetwork_pings/pings_2018.csv.gz").write_bytes(packed)
    law = PingsTopology(regions=("London", "New York", "New Delhi"), capacity_bit_per_s=GBIT)
    found = delays_s(law.build(3, DataFolder(tmp_path)))
    assert found["London", "New York"] == 0.03
    assert found["New York", "London"] == 0.04
    assert found["London", "New Delhi"] == found["New Delhi", "London"] == 0.06
    least = PingsTopology(regions=("London", "New York"), capacity_bit_per_s=GBIT, statistic="min")
    assert delays_s(least.build(2, DataFolder(tmp_path)))["London", "New York"] == 0.025
    with pytest.raises(RequestError, match="unknown city 'Londn': did you mean 'London'"):
        PingsTopology(regions=("Londn", "New York"), capacity_bit_per_s=1).build(2, DataFolder(tmp_path))


@PINGS
def test_cities_have_half_the_round_trip_of_the_published_table(data_dir):
    plan = PingsTopology(regions=("Adelaide", "Albany", "St Louis"), capacity_bit_per_s=GBIT).build(
        3, DataFolder(data_dir)
    )
    assert delays_s(plan)["Adelaide", "Albany"] == pytest.approx(0.26675 / 2)
    assert all(0 < delay_s < 0.5 for delay_s in delays_s(plan).values())


@CLOUD
def test_cloud_regions_have_the_published_latency_and_the_scaled_throughput(data_dir):
    regions = ("aws:us-east-1", "aws:us-west-2", "aws:eu-west-1")
    plan = CloudTopology(regions=regions, throughput_scale=0.5).build(3, DataFolder(data_dir))
    assert delays_s(plan)["aws:us-east-1", "aws:us-west-2"] == pytest.approx(0.068272 / 2)
    assert delays_s(plan)["aws:us-west-2", "aws:us-east-1"] == pytest.approx(0.068481 / 2)
    assert capacities(plan)["aws:us-east-1", "aws:us-west-2"] == pytest.approx(4352247544 / 2)
    assert capacities(plan)["aws:us-east-1", "aws:eu-west-1"] == pytest.approx(4318135431 / 2)
    with pytest.raises(RequestError, match="unknown cloud region 'aws:us-east-9': did you mean 'aws:us-east-"):
        CloudTopology(regions=("aws:us-east-9", "aws:us-west-2")).build(2, DataFolder(data_dir))


@CLOUD
def test_a_region_of_google_has_the_latency_of_its_tier(data_dir):
    regions = ("aws:us-east-1", "gcp:europe-west6-a")
    for tier, rtt_ms in (("PREMIUM", 94.208), ("STANDARD", 109.938)):
        plan = CloudTopology(regions=regions, tier=tier, default_capacity_bit_per_s=GBIT).build(2, DataFolder(data_dir))
        assert delays_s(plan)[regions] == pytest.approx(rtt_ms / 2e3)


def test_a_table_that_is_no_gzip_file_is_refused(tmp_path):
    (tmp_path / "wondernetwork_pings").mkdir()
    (tmp_path / "wondernetwork_pings/pings_2018.csv.gz").write_bytes(b"plain")
    with pytest.raises(RequestError, match="5 bytes that are not a gzip-compressed table"):
        PingsTopology(regions=("a", "b"), capacity_bit_per_s=1).build(2, DataFolder(tmp_path))


# -- lists of links ----------------------------------------------------------------------------------------------------


def test_a_listed_link_keeps_every_setting_and_may_lead_one_way_only():
    trace = TraceBandwidth(path="x.csv", at_end="hold")
    entry = {
        "between": ("a", "b"), "capacity_bit_per_s": 7, "delay_s": 1, "jitter_s": 2, "loss": 0.1, "sharing": "fifo",
        "energy_j_per_gbyte": 3, "bandwidth": trace,
    }  # fmt: skip
    back = {"between": ("b", "a"), "both_ways": False, "capacity_bit_per_s": 8, "delay_s": 0}
    law = LinksTopology.model_validate({"regions": ("b", "a"), "links": [{**entry, "both_ways": False}, back]})
    plan = law.build(2, NOWHERE)
    assert plan.names == ("b", "a")
    assert link_of(plan.graph, "a", "b").model_dump() == {
        "capacity_bit_per_s": 7, "delay_s": 1, "jitter_s": 2, "loss": 0.1, "sharing": "fifo", "energy_j_per_gbyte": 3,
        "bandwidth": trace.model_dump(),
    }  # fmt: skip
    assert link_of(plan.graph, "b", "a").capacity_bit_per_s == 8


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([("a", "b", 1, 0), ("b", "a", 2, 0)], "two links lead from 'b' to 'a'"),
        ([("a", "a", 1, 0)], "a link leads from 'a' to itself"),
        ([("a", "c", 1, 0)], "unknown node 'b'"),
    ],
)
def test_a_list_of_links_that_makes_no_sense_is_refused(entries, complaint):
    with pytest.raises(RequestError, match=complaint):
        LinksTopology.model_validate({k: v for k, v in links("ab", *entries).items() if k != "kind"}).build(2, NOWHERE)


def test_a_link_without_capacity_is_refused():
    with pytest.raises(ValueError, match=r"capacity_bit_per_s"):
        LinksTopology.model_validate(
            {"regions": ("a", "b"), "links": [{"between": ("a", "b"), "capacity_bit_per_s": 0, "delay_s": 0}]}
        )


# -- routes ------------------------------------------------------------------------------------------------------------


def build(table):
    num_regions = len(table["regions"])
    return LinksTopology.model_validate({k: v for k, v in table.items() if k != "kind"}).build(num_regions, NOWHERE)


def test_a_route_has_the_least_delay_then_the_fewest_links_then_the_first_name():
    diamond = build(
        links("ad", ("a", "c", 1, 1), ("c", "d", 1, 1), ("a", "b", 1, 1), ("b", "d", 1, 1), ("a", "d", 1, 3))
    )
    assert Routes(diamond).route("a", "d") == ("a", "b", "d")
    assert Routes(Plan(diamond.graph, ("a", "d"), "links")).route("a", "d") == ("a", "d")
    direct = build(links("ad", ("a", "c", 1, 1), ("c", "d", 1, 1), ("a", "d", 1, 2)))
    assert Routes(direct).route("a", "d") == ("a", "d")


def test_regions_that_cannot_reach_each_other_are_refused():
    with pytest.raises(RequestError, match="not connected: no way leads from 'a' to 'd'"):
        Wires(links("ad", ("a", "b", 1, 0), ("c", "d", 1, 0)), 2)
    one_way = {"kind": "links", "regions": ["a", "b"], "links": [
        {"between": ("a", "b"), "both_ways": False, "capacity_bit_per_s": 1, "delay_s": 0}]}  # fmt: skip
    with pytest.raises(RequestError, match="no way leads from 'b' to 'a'"):
        Wires(one_way, 2)


def test_files_of_topology_and_traces_are_the_sources_of_the_network(tmp_path: Path):
    (tmp_path / "toy.graphml").write_text(TOY.replace("SPEED", "1e9"), encoding="utf-8")
    (tmp_path / "own.csv").write_text("time_s,bit_per_s\n0,100\n1,50\n", encoding="utf-8")
    table = {
        "kind": "graphml", "file": "toy.graphml", "regions": ["Origin", "East"], "default_capacity_bit_per_s": 1,
        "bandwidth": {"kind": "trace", "path": "own.csv", "at_end": "hold"},
    }  # fmt: skip
    wires = Wires(table, 2, data_dir=tmp_path)
    expected = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("toy.graphml", "own.csv")}
    assert wires.network.sources == expected
