# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgements of preflight over places, file systems, secrets, certificates, Kubernetes, and roles."""

from __future__ import annotations

from datetime import datetime
from datetime import timedelta
from datetime import timezone

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import access
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import capacity
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import filesystems
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import kubernetes
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import network
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import secrets
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import static
from ansible_collections.podforge.hyperpod.plugins.module_utils._preflight import storage

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def levels(findings):
    return [(finding.check, finding.level) for finding in findings]


@pytest.mark.parametrize(
    ("zones", "choices", "expected"),
    [
        ({"a", "b"}, (), "pass"),
        ({"a", "c"}, (), "warning"),
        ({"c"}, (), "failure"),
        ({"c"}, ("ml.p5.48xlarge",), "warning"),
    ],
)
def test_offerings(zones, choices, expected):
    offered = {"p5.48xlarge": {"a", "b"}}
    (found,) = capacity.judge_offerings({"ml.p5.48xlarge": zones}, offered, choices=choices)
    assert found.level == expected
    if expected != "pass":
        assert "a, b" in found.fix


def test_zones():
    assert levels(capacity.judge_zones(["a", "x"], ["a", "b"], "r")) == [
        ("availability_zone", "pass"),
        ("availability_zone", "failure"),
    ]


RESERVED = [{"InstanceType": "ml.p5.48xlarge", "AvailabilityZone": "us-west-2a"}]
PLAN = {
    "Status": "Active",
    "AvailableInstanceCount": 4,
    "TargetResources": ["hyperpod-cluster"],
    "ReservedCapacitySummaries": RESERVED,
}
HERE = {"w": {"us-west-2a", "us-west-2b"}}
P5 = {"w": ["ml.p5.48xlarge"]}


@pytest.mark.parametrize(
    ("plan", "types", "zones", "needed", "expected"),
    [
        (PLAN, P5, HERE, 4, ["pass"]),
        (PLAN, P5, {"w": set()}, 4, ["pass"]),
        ({**PLAN, "TargetResources": []}, P5, HERE, 4, ["pass"]),
        (PLAN, P5, HERE, 5, ["failure"]),
        (PLAN, P5, {"w": {"us-west-2b"}}, 4, ["failure"]),
        (PLAN, {**P5, "x": P5["w"]}, {**HERE, "x": {"us-west-2b"}}, 4, ["failure"]),
        (PLAN, {"w": ["ml.p5en.48xlarge"]}, HERE, 4, ["failure"]),
        (PLAN, {"w": ["ml.p5.48xlarge", "ml.p5en.48xlarge"]}, HERE, 4, ["failure"]),
        ({**PLAN, "TargetResources": ["training-job"]}, P5, HERE, 4, ["failure"]),
        ({**PLAN, "Status": "Scheduled"}, P5, HERE, 4, ["warning"]),
        ({**PLAN, "Status": "Scheduled"}, P5, HERE, 5, ["warning", "failure"]),
        ({**PLAN, "Status": "Pending", "AvailableInstanceCount": 0}, P5, HERE, 4, ["failure"]),
        ({**PLAN, "Status": "Expired", "AvailableInstanceCount": 0}, P5, {"w": {"us-west-2b"}}, 9, ["failure"] * 2),
        (None, {}, {}, 0, ["failure"]),
    ],
)
def test_training_plan(plan, types, zones, needed, expected):
    found = capacity.judge_training_plan("arn", plan, types, zones, needed)
    assert [finding.level for finding in found] == expected
    assert all(finding.fix for finding in found if finding.level != "pass")


def test_a_group_that_does_not_fit_its_training_plan_is_named():
    zones = {**HERE, "x": {"us-west-2b"}}
    wrong = {"w": P5["w"], "x": ["ml.p4d.24xlarge"]}
    kind, zone = capacity.judge_training_plan("arn", PLAN, wrong, zones, 4)
    assert "the group x has ml.p4d.24xlarge" in kind.what
    assert "the subnets of the group x are in us-west-2b" in zone.what


def test_types_of_a_group():
    assert capacity.types_of({"instance_type": "ml.a"}) == ["ml.a"]
    assert capacity.types_of({"instance_requirements": {"instance_types": ["ml.a", "ml.b"]}}) == ["ml.a", "ml.b"]
    assert capacity.types_of({}) == []


LUSTRE = filesystems.Mount("LUSTRE", "fs-1.fsx.us-west-2.amazonaws.com", "abc")
SYSTEM = {
    "FileSystemType": "LUSTRE",
    "Lifecycle": "AVAILABLE",
    "DNSName": LUSTRE.dns_name,
    "LustreConfiguration": {"MountName": "abc"},
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, [("fsx_state", "pass"), ("fsx_mount_name", "pass")]),
        ({"Lifecycle": "UPDATING"}, [("fsx_state", "pass"), ("fsx_mount_name", "pass")]),
        ({"Lifecycle": "CREATING"}, [("fsx_state", "warning"), ("fsx_mount_name", "pass")]),
        ({"Lifecycle": "FAILED"}, [("fsx_state", "failure"), ("fsx_mount_name", "pass")]),
        ({"Lifecycle": None}, [("fsx_state", "failure"), ("fsx_mount_name", "pass")]),
        ({"LustreConfiguration": {"MountName": "abd"}}, [("fsx_state", "pass"), ("fsx_mount_name", "failure")]),
        ({"LustreConfiguration": {}}, [("fsx_state", "pass"), ("fsx_mount_name", "warning")]),
        ({"FileSystemType": "OPENZFS"}, [("fsx_type", "failure")]),
        ({"DNSName": "fs-1.other"}, [("fsx_exists", "failure")]),
    ],
)
def test_file_system(change, expected):
    assert levels(filesystems.judge_file_system(LUSTRE, {**SYSTEM, **change})) == expected
    assert levels(filesystems.judge_file_system(LUSTRE, None)) == [("fsx_exists", "failure")]


def test_mounts_of_both_forms_are_taken_once():
    storage_configs = [
        {"ebs_volume_config": {"volume_size_in_gb": 1}},
        {"fsx_lustre_config": {"dns_name": LUSTRE.dns_name, "mount_name": "abc"}},
        {"fsx_open_zfs_config": {"dns_name": "fs-2.fsx.us-west-2.amazonaws.com"}},
    ]
    groups = [{"instance_storage_configs": storage_configs}, {"instance_storage_configs": storage_configs}, {}]
    form = {"fsx_dns_name": LUSTRE.dns_name, "fsx_mountname": "abc", "fsx_openzfs_dns_name": "fs-3.x"}
    description = {"cluster": {"instance_groups": groups}, "provisioning_parameters": form}
    assert [(mount.kind, mount.file_system_id) for mount in filesystems.mounts_of(description)] == [
        ("LUSTRE", "fs-1"),
        ("OPENZFS", "fs-2"),
        ("OPENZFS", "fs-3"),
    ]
    assert filesystems.judge_region(LUSTRE, "us-west-2") is None
    assert filesystems.judge_region(LUSTRE, "eu-west-1").level == "failure"


def test_place_of_a_file_system():
    def judge(vpc, zones, nodes):
        return levels(filesystems.judge_place(LUSTRE, vpc, zones, {"vpc-1"}, nodes))

    assert judge("vpc-1", {"z1": "a"}, {"z1": "a"}) == [("fsx_zone", "pass")]
    assert judge("vpc-1", {"z1": "a"}, {"z1": "a", "z2": "b"}) == [("fsx_zone", "warning")]
    assert judge("vpc-2", {}, {"z1": "a"}) == [("fsx_vpc", "warning")]


def rule(protocol="tcp", ports=None, group=None, block=None):
    return {
        "IpProtocol": protocol,
        **({"FromPort": ports[0], "ToPort": ports[1]} if ports else {}),
        "UserIdGroupPairs": [{"GroupId": group}] if group else [],
        "IpRanges": [{"CidrIp": block}] if block else [],
    }


ALL_OUT = [rule("-1", block="0.0.0.0/0")]
BOTH = [rule(ports=(988, 988), group="sg-n"), rule(ports=(1018, 1023), group="sg-n")]


@pytest.mark.parametrize(
    ("outward", "inward", "level"),
    [
        (ALL_OUT, [rule("-1", group="sg-n")], "pass"),
        (ALL_OUT, BOTH, "pass"),
        (ALL_OUT, [rule(ports=(900, 2000), block="10.0.0.0/16")], "pass"),
        (ALL_OUT, [rule(ports=(900, 2000), block="10.0.0.0/25")], "failure"),
        (ALL_OUT, BOTH[:1], "failure"),
        (ALL_OUT, [rule("udp", ports=(0, 65535), group="sg-n")], "failure"),
        (ALL_OUT, [rule("-1", group="sg-x")], "failure"),
        (ALL_OUT, [], "failure"),
        ([], BOTH, "failure"),
        ([rule(ports=(988, 1023), group="sg-f")], BOTH, "pass"),
        ([rule("-1", block="10.0.1.5/32")], BOTH, "pass"),
        ([rule("-1", block="10.0.2.0/24")], BOTH, "failure"),
    ],
)
def test_path_to_a_file_system(outward, inward, level):
    nodes = filesystems.Side(("10.0.0.0/24",), ({"GroupId": "sg-n", "IpPermissionsEgress": outward},))
    system = filesystems.Side(("10.0.1.5/32",), ({"GroupId": "sg-f", "IpPermissions": inward},))
    assert levels(filesystems.judge_path(LUSTRE, nodes, system)) == [("fsx_path", level)]


def test_unknown_path_is_no_pass():
    assert filesystems.unknown_path(LUSTRE).level == "warning"
    assert "988, 1018-1023" in filesystems.unknown_path(LUSTRE).fix


def test_secret():
    arn = "arn:aws:secretsmanager:eu-west-1:1:secret:x"
    assert secrets.judge_secret_region(arn, "eu-west-1") is None
    assert secrets.judge_secret_region("name", "eu-west-1") is None
    assert secrets.judge_secret_region(arn, "us-west-2").level == "failure"
    current = {"VersionIdsToStages": {"1": ["AWSCURRENT"]}}
    described = [current, {**current, "DeletedDate": NOW}, {"VersionIdsToStages": {"1": ["AWSPENDING"]}}, None]
    assert [secrets.judge_secret(arn, d).level for d in described] == ["pass", "failure", "failure", "failure"]


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({}, "pass"),
        ({"NotAfter": NOW + timedelta(days=29)}, "warning"),
        ({"NotAfter": NOW}, "failure"),
        ({"NotAfter": None}, "warning"),
        ({"NotBefore": NOW + timedelta(days=1)}, "failure"),
        ({"Status": "PENDING_VALIDATION"}, "failure"),
    ],
)
def test_certificate(change, level):
    found = {"Status": "ISSUED", "NotAfter": NOW + timedelta(days=31), "NotBefore": NOW, "DomainName": "a.b", **change}
    assert levels(secrets.judge_certificate("arn", None, found, NOW)) == [("certificate", level)]
    named = secrets.judge_certificate("arn", "a.b", found, NOW)
    assert levels(named)[1] == ("certificate_name", "pass")
    other = secrets.judge_certificate("arn", "a.c", found, NOW)
    assert levels(other)[1] == ("certificate_name", "failure")


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("a.b.c", "A.b.C.", True),
        ("*.b.c", "a.b.c", True),
        ("*.b.c", "x.a.b.c", False),
        ("*.b.c", "b.c", False),
        ("*.b.c", ".b.c", False),
        ("a.b.c", "x.b.c", False),
    ],
)
def test_names_of_certificates(pattern, name, expected):
    assert secrets.covers(pattern, name) is expected


def test_host_of():
    assert secrets.host_of("ldaps://ldap.example.com:636/x") == "ldap.example.com"
    assert secrets.host_of("ldap.example.com") == "ldap.example.com"


@pytest.mark.parametrize(
    ("cidr", "nodes", "level"),
    [
        ("10.244.0.0/16", 256, "pass"),
        ("10.244.0.0/16", 257, "failure"),
        ("10.244.0.0/24", 1, "pass"),
        ("10.244.0.0/25", 1, "failure"),
        ("10.1.0.0/16", 1, "failure"),
        ("10.244.0.1/16", 1, "failure"),
    ],
)
def test_pod_cidr(cidr, nodes, level):
    assert kubernetes.judge_pod_cidr(cidr, nodes, {"the VPC": "10.1.2.0/24"})[0].level == level


EKS = {"status": "ACTIVE", "version": "1.33", "accessConfig": {"authenticationMode": "API"}}


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        ({}, []),
        ({"status": "CREATING"}, [("eks_cluster", "failure")]),
        ({"version": "1.27"}, [("eks_version", "failure")]),
        ({"version": "1.36"}, [("eks_version", "warning")]),
        ({"accessConfig": {"authenticationMode": "CONFIG_MAP"}}, [("eks_access", "failure")]),
        ({"accessConfig": None}, [("eks_access", "failure")]),
        ({"resourcesVpcConfig": {"vpcId": "vpc-2"}}, [("eks_vpc", "failure")]),
    ],
)
def test_eks(change, bad):
    found = kubernetes.judge_eks("arn", {**EKS, **change}, {"vpc-1"})
    assert [pair for pair in levels(found) if pair[1] != "pass"] == bad
    assert levels(kubernetes.judge_eks("arn", None, set())) == [("eks_cluster", "failure")]


def test_addons():
    good = {"status": "ACTIVE", "addonVersion": "v1.19.0-eksbuild.1"}
    every = dict.fromkeys(kubernetes.ADDONS, good)
    assert {found.level for found in kubernetes.judge_addons("arn", every)} == {"pass"}
    old = {**every, "vpc-cni": {**good, "addonVersion": "v1.18.2-eksbuild.1"}}
    assert kubernetes.judge_addons("arn", old)[0].level == "failure"
    alone = {"code": "InsufficientNumberOfReplicas", "message": "m"}
    denied = {"code": "AccessDenied", "message": "not allowed"}
    for status, issues, level in (
        ("DEGRADED", [], "failure"),
        ("DEGRADED", [alone], "warning"),
        ("DEGRADED", [alone, denied], "failure"),
        ("CREATE_FAILED", [alone], "failure"),
    ):
        bad = {**good, "status": status, "health": {"issues": issues}}
        found = kubernetes.judge_addons("arn:x:cluster/c", {**every, "coredns": bad})[2]
        assert (found.level, status in found.what) == (level, True)
        assert denied not in issues or "AccessDenied: not allowed" in found.why
        assert level == "warning" or "--cluster-name c --addon-name coredns" in found.fix
    assert {found.level for found in kubernetes.judge_addons("arn", {})} == {"warning"}


def result(decision, *missing, action="s3:GetObject", resource="*"):
    return {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision,
        "MissingContextValues": list(missing),
    }


def test_permissions():
    judge = access.judge_permissions
    assert levels(judge("arn", [result("allowed")])) == [("role_permissions", "pass")]
    (denied,) = judge("arn", [result("allowed"), result("implicitDeny", resource="arn:x")])
    assert (denied.level, "s3:GetObject on arn:x" in denied.what) == ("failure", True)
    (logs,) = judge("arn", [result("implicitDeny", action="logs:PutLogEvents", resource="arn:stands-for-all")])
    assert logs.what.endswith("1 of 1 actions that nodes need: logs:PutLogEvents")
    assert levels(judge("arn", [result("implicitDeny", "aws:Tag")])) == [("role_permissions", "warning")]
    assert levels(judge("arn", [result("explicitDeny", "aws:Tag")])) == [("role_permissions", "failure")]
    with_network = access.needed_permissions("aws", "r", "1", "c", ["b"], own_network=True)
    without = access.needed_permissions("aws", "r", "1", "c", ["b"], own_network=False)
    assert {action for action, _resource in set(with_network) - set(without)} >= {"ec2:CreateNetworkInterface"}


def test_privacy():
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    assert storage.judge_privacy("b", block, public=False).level == "pass"
    assert storage.judge_privacy("b", block, public=True).level == "pass"  # restricted to the account all the same
    assert storage.judge_privacy("b", None, public=False).level == "warning"
    assert storage.judge_privacy("b", None, public=True).level == "failure"
    assert storage.judge_forms("s3://b/f", present=False) is None


SUBNET = {"SubnetId": "subnet-1", "VpcId": "v", "AvailableIpAddressCount": 10, "AvailabilityZone": "a"}


def test_subnets_in_depth():
    dead = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "blackhole"}
    table = {"Routes": [dead], "Associations": [{"Main": True}]}
    found = network.judge_subnets(["subnet-1"], [SUBNET], [table], 1)
    assert ("subnet_egress", "failure") in levels(found)
    unread = levels(network.judge_subnets(["subnet-1"], [SUBNET], None, 1))
    assert unread == [("subnet_addresses", "pass")]
    efa = levels(network.judge_subnets(["subnet-1"], [SUBNET], None, 1, with_efa=32))
    assert efa == [("subnet_addresses", "warning")]
    other = {**SUBNET, "SubnetId": "subnet-2", "AvailabilityZone": "b"}
    assert ("subnet_zone", "warning") in levels(
        network.judge_subnets(["subnet-1", "subnet-2"], [SUBNET, other], None, 1)
    )


def group(name, count=1, **more):
    return {"instance_group_name": name, "instance_type": "ml.c5.xlarge", "instance_count": count, **more}


def described(*groups, **more):
    return {
        "cluster_name": "demo",
        "cluster": {"instance_groups": list(groups)},
        "network": {},
        "provisioning_parameters": None,
        **more,
    }


HEAD = group("head", slurm_config={"node_type": "Controller"})


def test_groups():
    assert static.judge_groups(described(HEAD), True) == []
    cases = [
        (described(HEAD, cluster_name="a_b"), "names"),
        (described({**HEAD, "instance_group_name": "-a"}), "names"),
        (described({**HEAD, "instance_group_name": "a" * 64}), "names"),
        (described(HEAD, group("x", -1)), "counts"),
        (described(HEAD, HEAD), "duplicate_group"),
        (described(HEAD, group("x")), "slurm_roles"),
        (described(HEAD, provisioning_parameters={"controller_group": "head"}), "both_forms"),
        (described(group("head"), provisioning_parameters={"controller_group": "haed"}), "group_consistency"),
    ]
    for description, check in cases:
        assert check in [f.check for f in static.judge_groups(description, True) if f.level == "failure"], check


def test_existing_cluster():
    assert static.judge_existing("demo", None).level == "pass"
    assert static.judge_existing("demo", {"ClusterStatus": "InService"}).level == "pass"
    assert static.judge_existing("demo", {"ClusterStatus": "Failed", "FailureMessage": "x"}).why == "x"
    assert static.judge_existing("demo", {"ClusterStatus": "Deleting"}).level == "warning"
