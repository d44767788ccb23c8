# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages, addresses, clock, store, roles, references: the small parts."""

from __future__ import annotations

import base64
import ipaddress
import json
from typing import TYPE_CHECKING
from typing import Any

import pytest
from hyperpod_world import World
from hyperpod_world import group
from hyperpod_world import groups
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from local_cloud.errors import ServiceError
from local_cloud.hyperpod import limits
from local_cloud.hyperpod import resource_config
from local_cloud.hyperpod import roles
from local_cloud.hyperpod.addresses import NoAddressError
from local_cloud.hyperpod.addresses import Subnet
from local_cloud.hyperpod.addresses import allocate
from local_cloud.hyperpod.clock import Clock
from local_cloud.hyperpod.instance_types import has_instance_store
from local_cloud.hyperpod.pagination import paginate
from local_cloud.hyperpod.references import split_uri
from local_cloud.hyperpod.references import trusts
from local_cloud.hyperpod.specs import node_spec
from local_cloud.hyperpod.store import Store
from local_cloud.providers.base import NodeSpec

if TYPE_CHECKING:
    from pathlib import Path


def pages(items: list[Any], size: int, **more: Any) -> list[list[Any]]:
    result, token = [], None
    while True:
        params = {"MaxResults": size, **more, **({"NextToken": token} if token else {})}
        page, token = paginate("Op", params, items, key=lambda i: (i[0], str(i[1])))
        result.append(page)
        if token is None:
            return result


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers()), unique_by=lambda i: i[1], max_size=40), st.integers(1, 9))
def test_pages_together_are_the_sorted_list(items: list[tuple[int, int]], size: int) -> None:
    result = pages(items, size)
    assert [i for page in result for i in page] == sorted(items, key=lambda i: (i[0], str(i[1])))
    assert all(len(page) == size for page in result[:-1])
    assert len(result) == max(1, -(-len(items) // size))


def test_tokens_are_opaque_and_good_for_their_request_only() -> None:
    items = [(i, i) for i in range(5)]

    def key(i):
        return (i[0], str(i[1]))

    _dummy, token = paginate("Op", {"MaxResults": 2}, items, key=key)
    assert token is not None
    page, _dummy = paginate("Op", {"MaxResults": 9, "NextToken": token}, items, key=key)
    assert page == items[2:]
    rest, _dummy = paginate("Op", {"NextToken": token}, [i for i in items if i[0] != 1], key=key)
    assert rest == items[2:]  # the last item sent has gone meanwhile
    for operation, params in (("Other", {"NextToken": token}), ("Op", {"NextToken": token, "NameContains": "x"})):
        with pytest.raises(ServiceError, match="other parameters"):
            paginate(operation, params, items, key=key)
    forged = base64.urlsafe_b64encode(base64.urlsafe_b64decode(token)[:6] + b'["x", 0, "0"]').decode()
    for broken in ("x", token[:-4], "%%%", forged):
        with pytest.raises(ServiceError, match="Invalid NextToken"):
            paginate("Op", {"NextToken": broken}, items, key=key)


def subnet(cidr: str, number: int = 1) -> Subnet:
    return Subnet(f"subnet-{number}", cidr, "vpc", "10.0.0.0/8", "us-west-2a", "usw2-az1")


@settings(deadline=None)
@given(st.integers(16, 28), st.sets(st.integers(0, 60)), st.integers(0, 20))
def test_addresses_are_free_usable_and_different(prefix: int, taken: set[int], count: int) -> None:
    network = ipaddress.ip_network(f"10.0.0.0/{prefix}")
    used = {str(network.network_address + n) for n in taken}
    reserved = {str(network.network_address + n) for n in range(4)} | {str(network.broadcast_address)}
    room = network.num_addresses - 5 - len({u for u in used if ipaddress.ip_address(u) in network} - reserved)
    if count > room:
        with pytest.raises(NoAddressError) as caught:
            allocate([subnet(str(network))], {"subnet-1": used}, {"172.16.0.4"}, count)
        assert caught.value.free == room
        return
    places = allocate([subnet(str(network))], {"subnet-1": used}, {"172.16.0.4"}, count)
    addresses = [p.ip_address for p in places]
    assert len(set(addresses)) == count
    assert not set(addresses) & (used | reserved)
    assert all(ipaddress.ip_address(a) in network for a in addresses)
    assert "172.16.0.4" not in {p.agent_ip_address for p in places}
    assert len({p.agent_ip_address for p in places}) == count


def test_a_full_subnet_gives_way_to_the_next() -> None:
    places = allocate([subnet("10.0.0.0/28"), subnet("10.1.0.0/28", 2)], {}, set(), 15)
    assert [p.subnet_id for p in places] == ["subnet-1"] * 11 + ["subnet-2"] * 4


def test_the_clock_never_jumps() -> None:
    wall = [100.0]
    clock = Clock(10, wall=lambda: wall[0])
    assert clock.now().virtual == 100
    wall[0] = 101
    assert clock.now().virtual == 110
    clock.set_speed(1)
    assert clock.now().virtual == 110
    wall[0] = 103
    assert clock.now().virtual == 112
    wall[0] = 90  # somebody set the wall clock back
    assert clock.now().virtual >= 110
    for bad in (0, -1):
        with pytest.raises(ValueError, match="larger than 0"):
            clock.set_speed(bad)


def test_the_store_gives_back_what_it_got(tmp_path: Path) -> None:
    world = World()
    world.create(groups(3), NodeProvisioningMode="Continuous")
    path = tmp_path / "a" / "r.sqlite3"
    store = Store(path)
    assert path.stat().st_mode & 0o077 == 0
    store.save(None, world.c, world.events)
    saved = len(world.events)
    old = world.c
    world.run()
    store.save(old, world.c, world.events[saved:])
    other = World()
    other.create([group("g", 1)])
    store.save(None, other.c.__class__(**{**vars(other.c), "arn": "arn:other"}))
    store.close()
    store = Store(path)
    loaded = {c.arn: c for c in store.load()}
    assert loaded[world.c.arn] == world.c
    assert len(store.events(world.c.arn)) == len(world.events)
    assert store.event(world.c.arn, world.events[0].event_id) == world.events[0]
    store.remove(world.c)
    assert [c.arn for c in store.load()] == ["arn:other"]
    assert store.events(world.c.arn) == []
    store.close()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"worker_groups": 3}', '{"worker_groups": [3, {}]}', "null"])
def test_a_broken_legacy_form_gives_no_roles(text: str) -> None:
    assert roles.from_legacy(text).types == {}


def test_roles_of_both_forms() -> None:
    form = {
        "controller_group": "c",
        "login_group": "l",
        "worker_groups": [{"instance_group_name": "w", "partition_name": "p"}],
    }
    legacy = roles.from_legacy(json.dumps(form))
    assert legacy.types == {"c": "Controller", "l": "Login", "w": "Compute"}
    assert legacy.partitions == {"w": "p"}
    api = roles.from_groups({g["InstanceGroupName"]: g for g in groups()})
    assert api.types == {"ctl": "Controller", "login": "Login", "work": "Compute"}
    assert api.partitions == {"work": "p1"}


def test_the_form_written_for_slurm_config_names_the_file_systems() -> None:
    lustre = {"FsxLustreConfig": {"DnsName": "fs-1.fsx", "MountName": "m"}}
    zfs = {"FsxOpenZfsConfig": {"DnsName": "fs-2.fsx"}}
    specs = {"c": group("c", 1, "Controller"), "w": group("w", 1, "Compute", InstanceStorageConfigs=[lustre, zfs])}
    form = roles.form_of(roles.from_groups(specs), specs)
    assert form["fsx_dns_name"] == "fs-1.fsx"
    assert form["fsx_mountname"] == "m"
    assert form["fsx_openzfs_dns_name"] == "fs-2.fsx"
    assert "login_group" not in form


def test_resource_config_of_a_topology_type_and_of_eks() -> None:
    world = World()
    world.create([group("ctl", 1, "Controller"), group("gpu", 17, "Compute", InstanceType="ml.p5.48xlarge")])
    config = resource_config.render(world.c)
    labels = [i["InstanceLabel"] for i in config["InstanceGroups"][1]["Instances"]]
    assert set(labels[0]) == {"network-node-layer-1", "network-node-layer-2", "network-node-layer-3"}
    assert len({label["network-node-layer-3"] for label in labels}) == 2
    assert len({label["network-node-layer-1"] for label in labels}) == 1
    eks = World()
    eks.create([group("w", 1)], Orchestrator={"Eks": {"ClusterArn": "arn"}})
    facts = resource_config.EksFacts("k", "https://e", "CA", "10.100.0.0/16")
    config = resource_config.render(eks.c, facts)
    assert config["ClusterType"] == "Kubernetes"
    assert config["KubernetesConfig"]["EksClusterName"] == "k"
    node = eks.members("w")[0]
    assert config["InstanceGroups"][0]["Instances"][0]["InstanceName"] == f"hyperpod-{node.instance_id}"
    given = resource_config.files(eks.c, node, "{}")
    assert set(given) == {f"/opt/ml/config/{n}.json" for n in ("resource_config", "life_cycle_config")}


@pytest.mark.parametrize(
    ("types", "there"),
    [
        ("c5d.large m6id.large p3dn.24xlarge g4dn.xlarge g5.xlarge g6e.xlarge gr6.4xlarge i3en.24xlarge", True),
        (
            "p4d.24xlarge p4de.24xlarge p5.48xlarge p5en.48xlarge p6-b200.48xlarge p6e-gb200.36xlarge trn1.2xlarge",
            True,
        ),
        ("c5.xlarge c5n.18xlarge m5.large m7i.large r5.large t3.medium p3.2xlarge inf2.xlarge", False),
    ],
)
def test_types_with_an_instance_store(types: str, there: bool) -> None:
    assert {has_instance_store(f"ml.{name}") for name in types.split()} == {there}


def test_what_a_provider_is_told() -> None:
    storage = [
        {"FsxLustreConfig": {"DnsName": "fs-1.fsx", "MountName": "m"}},
        {"FsxOpenZfsConfig": {"DnsName": "fs-2.fsx", "MountPath": "/shared"}},
        {"EbsVolumeConfig": {"RootVolume": True, "VolumeKmsKeyId": "k"}},
        {"EbsVolumeConfig": {"VolumeSizeInGB": 500}},
    ]
    world = World()
    world.create([group("ctl", 1, "Controller", InstanceStorageConfigs=storage, ThreadsPerCore=2)])
    spec = node_spec("default", world.c, world.members("ctl")[0])
    assert spec.mounts == ("/fsx", "/shared")
    assert spec.ebs_volume_gb == 500
    assert spec.threads_per_core == 2
    assert spec.instance_name == "ctl-1"
    assert spec.orchestrator == "Slurm"
    assert NodeSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://b/p/q/", ("b", "p/q")),
        ("s3://b", ("b", "")),
        ("https://b.s3.us-west-2.amazonaws.com/p", ("b", "p")),
        ("https://s3.us-west-2.amazonaws.com/b/p", ("b", "p")),
    ],
)
def test_source_uris(uri: str, expected: tuple[str, str]) -> None:
    assert split_uri(uri) == expected


def statement(**more: Any) -> str:
    base = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return json.dumps({"Statement": [{**base, **more}]})


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (statement(), True),
        (statement(Principal={"Service": ["ec2.amazonaws.com", "sagemaker.amazonaws.com"]}), True),
        (statement(Action=["sts:TagSession", "sts:AssumeRole"]), True),
        (json.dumps({"Statement": json.loads(statement())["Statement"][0]}), True),
        (statement(Principal={"Service": "ec2.amazonaws.com"}), False),
        (statement(Principal={"AWS": "*"}), False),
        (statement(Effect="Deny"), False),
        (statement(Action="sts:TagSession"), False),
        ("nonsense", False),
    ],
)
def test_trust_policies(policy: str, expected: bool) -> None:
    assert trusts(policy, "sagemaker.amazonaws.com") is expected


class Limits:
    def __init__(self, **values: float) -> None:
        self.values = values

    def value(self, name: str) -> float:
        return self.values.get(name.split(" ", maxsplit=1)[0], 1000)


def test_quotas_count_what_is_there_and_never_hinder_shrinking() -> None:
    world = World()
    world.create(groups(4))  # six ml.c5.xlarge

    def check(quotas, changed, specs):
        return limits.check_quotas(quotas, [world.c], changed, specs)

    check(Limits(**{"ml.c5.xlarge": 8}), None, [group("x", 2)])
    with pytest.raises(ServiceError, match="current utilization of 6 Instances and a request delta of 3"):
        check(Limits(**{"ml.c5.xlarge": 8}), None, [group("x", 3)])
    check(Limits(**{"ml.c5.xlarge": 1}), world.c, groups(3))
    with pytest.raises(ServiceError, match="request delta of 1 Instances"):
        check(Limits(**{"ml.c5.xlarge": 1}), world.c, groups(5))
    with pytest.raises(ServiceError, match="Total number"):
        check(Limits(Total=7), None, [group("x", 2)])
    with pytest.raises(ServiceError, match="per SageMaker HyperPod cluster"):
        check(Limits(Maximum=1), None, [group("x", 2)])
