# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node is, from every form of the service's files."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.documents import NodeError
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.documents import load_object
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.facts import Surroundings
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.facts import build_facts
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.provisioning import resolve_provisioning
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.resource import parse_resource
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import Scratch

RC = "/rc.json"
PP = "/pp.json"
NVME = Scratch("/opt/dlami/nvme", "instance_store")
ARN = "arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:cluster/abcdef012345"


def group(name: str, *addresses: str, **more: t.Any) -> dict[str, t.Any]:
    instances = [
        {
            "InstanceName": f"{name}-{number}",
            "AgentIpAddress": f"172.16.0.{number}",
            "CustomerIpAddress": address,
            "InstanceId": f"i-{name}-{number}",
            "InstanceLabel": None,
        }
        for number, address in enumerate(addresses, 1)
    ]
    return {"Name": name, "InstanceType": "ml.c5.xlarge", "Instances": instances, **more}


def resource(*groups: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    return {
        "ClusterConfig": {"ClusterArn": ARN, "ClusterName": "demo"},
        "ClusterType": "Slurm",
        "InstanceGroups": list(groups),
        **more,
    }


FOUR = resource(group("head", "10.1.0.5"), group("door", "10.1.0.6"), group("w1", "10.1.0.7"), group("w2", "10.1.0.8"))
LEGACY: dict[str, t.Any] = {
    "version": "1.0.0",
    "workload_manager": "slurm",
    "controller_group": "head",
    "login_group": "door",
    "worker_groups": [
        {"instance_group_name": "w1", "partition_name": "p1"},
        {"instance_group_name": "w2", "partition_name": "p2"},
    ],
}


def facts(
    document: dict[str, t.Any],
    parameters: dict[str, t.Any] | None,
    *addresses: str,
    imds: dict[str, str] | None = None,
    scratch: Scratch = NVME,
) -> tuple[dict[str, t.Any], list[str]]:
    parsed = parse_resource(document, RC)
    roles = resolve_provisioning(parsed, parameters, PP)
    return build_facts(parsed, roles, PP, Surroundings(addresses, scratch, imds=imds or {}))


def without(document: dict[str, t.Any], *keys: str) -> dict[str, t.Any]:
    return {key: value for key, value in document.items() if key not in keys}


def test_legacy_form_whole() -> None:
    found, warnings = facts(FOUR, {**LEGACY, "fsx_dns_name": "fs-1.fsx", "fsx_mountname": "m"}, "10.1.0.8")
    assert warnings == []
    assert found == {
        "accelerator": {"vendor": "none", "count": 0},
        "availability_zone": None,
        "availability_zone_id": None,
        "cluster_arn": ARN,
        "cluster_id": "abcdef012345",
        "cluster_name": "demo",
        "computes": [
            {"hostname": "ip-10-1-0-7", "ip_address": "10.1.0.7", "instance_name": "w1-1"},
            {"hostname": "ip-10-1-0-8", "ip_address": "10.1.0.8", "instance_name": "w2-1"},
        ],
        "container_runtime": None,
        "controllers": [{"hostname": "ip-10-1-0-5", "ip_address": "10.1.0.5", "instance_name": "head-1"}],
        "filesystems": {"lustre": {"dns_name": "fs-1.fsx", "mount_name": "m"}},
        "groups": found["groups"],
        "hostname": "ip-10-1-0-8",
        "instance_group": "w2",
        "instance_id": "i-w2-1",
        "instance_name": "w2-1",
        "instance_type": "ml.c5.xlarge",
        "ip_address": "10.1.0.8",
        "logins": [{"hostname": "ip-10-1-0-6", "ip_address": "10.1.0.6", "instance_name": "door-1"}],
        "multi_head": {},
        "node_type": "compute",
        "orchestrator": "Slurm",
        "partition": "aws-us-gov",
        "partition_name": "p2",
        "provisioning_form": "legacy",
        "region": "us-gov-west-1",
        "scratch_kind": "instance_store",
        "scratch_path": "/opt/dlami/nvme",
    }
    assert found["groups"]["door"] == {
        "instance_type": "ml.c5.xlarge",
        "node_type": "login",
        "partition_name": None,
        "instances": found["logins"],
    }


@pytest.mark.parametrize(("address", "node_type"), [("10.1.0.5", "controller"), ("10.1.0.6", "login")])
def test_other_types(address: str, node_type: str) -> None:
    found, _warnings = facts(FOUR, LEGACY, address)
    assert (found["node_type"], found["partition_name"]) == (node_type, None)


def test_slurm_config_of_the_groups_goes_before_the_file() -> None:
    document = resource(
        group("head", "10.1.0.5", SlurmConfig={"NodeType": "Controller"}),
        group("door", SlurmConfig={"NodeType": "Login", "PartitionNames": None}),
        group("w", "10.1.0.7", SlurmConfig={"NodeType": "Compute", "PartitionNames": ["gpu"]}),
    )
    found, _warnings = facts(document, {**LEGACY, "controller_group": "other"}, "10.1.0.7")
    assert (found["provisioning_form"], found["node_type"], found["partition_name"]) == ("api", "compute", "gpu")


@pytest.mark.parametrize("instances", [{"Instances": None}, {}, {"Instances": []}])
def test_empty_groups(instances: dict[str, t.Any]) -> None:
    door = {"Name": "door", "InstanceType": "ml.c5.xlarge", **instances}
    document = resource(group("head", "10.1.0.5"), door, group("w1", "10.1.0.7"), group("w2"))
    found, warnings = facts(document, LEGACY, "10.1.0.7")
    assert (found["logins"], found["groups"]["door"]["instances"], warnings) == ([], [], [])


def test_cluster_type_may_be_missing() -> None:
    assert facts(without(FOUR, "ClusterType"), LEGACY, "10.1.0.5")[0]["orchestrator"] == "Slurm"


def test_eks_needs_no_roles() -> None:
    document = without(resource(group("w", "10.1.0.7"), KubernetesConfig={"EksClusterName": "k"}), "ClusterType")
    found, _warnings = facts(document, None, "10.1.0.7")
    assert (found["orchestrator"], found["node_type"], found["provisioning_form"]) == ("Eks", "compute", "none")
    assert found["controllers"] == []
    assert facts({**document, "ClusterType": "Kubernetes"}, None, "10.1.0.7")[0]["orchestrator"] == "Eks"


def test_several_controllers_the_primary_first() -> None:
    slurm = {"PrimaryControllerIp": "10.1.0.9", "SecondaryControllerIps": ["10.1.0.5"]}
    document = resource(group("head", "10.1.0.5", "10.1.0.9"), group("w1", "10.1.0.7"), SlurmConfig=slurm)
    parameters = {**without(LEGACY, "login_group"), "worker_groups": LEGACY["worker_groups"][:1]}
    found, _warnings = facts(document, parameters, "10.1.0.7")
    assert [item["ip_address"] for item in found["controllers"]] == ["10.1.0.9", "10.1.0.5"]
    assert facts(document, None, "10.1.0.5")[0]["node_type"] == "controller"
    # where no file says, it is the one with the lowest number, which survives a replacement
    document = resource(group("head", "10.1.0.9", "10.1.0.5"), group("w1", "10.1.0.7"))
    document["InstanceGroups"][0]["Instances"].reverse()
    found, _warnings = facts(document, parameters, "10.1.0.7")
    assert [item["ip_address"] for item in found["controllers"]] == ["10.1.0.9", "10.1.0.5"]


def test_what_several_controllers_share() -> None:
    block = {
        "slurm_database_secret_arn": "arn:aws:secretsmanager:us-west-2:111122223333:secret:books",
        "slurm_database_endpoint": "books.example",
        "slurm_shared_directory": "/fsx",
        "slurm_database_user": "admin",
    }
    expected = {
        "shared_directory": "/fsx",
        "database_host": "books.example",
        "database_secret_id": block["slurm_database_secret_arn"],
    }
    assert facts(FOUR, {**LEGACY, "slurm_configurations": block}, "10.1.0.8")[0]["multi_head"] == expected
    assert facts(FOUR, {**LEGACY, "slurm_configurations": {}}, "10.1.0.8")[0]["multi_head"] == {}


def test_a_controller_that_only_its_address_tells_of() -> None:
    slurm = {"PrimaryControllerIp": "10.1.0.5", "SecondaryControllerIps": None}
    document = resource(group("head"), group("door"), group("w1", "10.1.0.7"), group("w2"), SlurmConfig=slurm)
    document["InstanceGroups"][0]["Instances"] = None
    found, warnings = facts(document, LEGACY, "10.1.0.7")
    assert found["controllers"] == [{"hostname": "ip-10-1-0-5", "ip_address": "10.1.0.5", "instance_name": ""}]
    assert warnings == []
    slurm["PrimaryControllerIp"] = ""
    found, warnings = facts(document, LEGACY, "10.1.0.7")
    assert found["controllers"] == []
    assert warnings == ["/rc.json: the controller's group has no instance yet; the file may be old"]


def test_any_own_address_counts() -> None:
    assert facts(FOUR, LEGACY, "172.17.0.1", "192.168.3.4", "10.1.0.6")[0]["instance_group"] == "door"


def test_imds_decides_between_two_and_fills_in() -> None:
    document = copy.deepcopy(FOUR)
    document["InstanceGroups"][2]["Instances"].append(
        {"InstanceName": "w1-9", "CustomerIpAddress": "10.1.0.7", "InstanceId": "i-new"}
    )
    with pytest.raises(NodeError, match=r"/rc.json: this node \(addresses 10.1.0.7\) is listed more than once"):
        facts(document, LEGACY, "10.1.0.7")
    found, _warnings = facts(
        document, LEGACY, "10.1.0.7", imds={"instance_id": "i-new", "availability_zone": "us-gov-west-1a"}
    )
    assert (found["instance_name"], found["availability_zone"]) == ("w1-9", "us-gov-west-1a")


def test_old_file_after_a_replacement() -> None:
    found, warnings = facts(FOUR, LEGACY, "10.1.0.7", imds={"instance_id": "i-replaced"})
    assert found["instance_id"] == "i-replaced"
    assert warnings == ["/rc.json: is old: 10.1.0.7 is i-w1-1 there, this node is i-replaced"]


def test_worker_group_that_the_file_lacks_is_a_warning() -> None:
    document = resource(*FOUR["InstanceGroups"][:3])
    _found, warnings = facts(document, LEGACY, "10.1.0.7")
    assert warnings == [
        "/pp.json: worker group 'w2' is not in /rc.json (it has head, door, w1): misspelt, or the file is old"
    ]


def test_instance_without_address_is_left_out() -> None:
    document = copy.deepcopy(FOUR)
    document["InstanceGroups"][3]["Instances"][0]["CustomerIpAddress"] = None
    found, warnings = facts(document, LEGACY, "10.1.0.7")
    assert [item["hostname"] for item in found["computes"]] == ["ip-10-1-0-7"]
    assert warnings == ["/rc.json: InstanceGroups[3].Instances[0] has no CustomerIpAddress yet, left out"]


@pytest.mark.parametrize(
    ("parameters", "address", "text"),
    [
        ({**LEGACY, "login_group": "dor"}, "10.1.0.6", "/pp.json: login_group is 'dor', but /rc.json has no such"),
        ({**LEGACY, "controller_group": "hd"}, "10.1.0.7", "/pp.json: controller_group is 'hd', but /rc.json has no"),
        (without(LEGACY, "login_group"), "10.1.0.6", "/pp.json: names no role for instance group 'door', which"),
        ({**LEGACY, "worker_groups": None}, "10.1.0.7", "/pp.json: names no role for instance group 'w1', which"),
        (without(LEGACY, "controller_group"), "10.1.0.5", "/pp.json: controller_group is missing"),
        ({**LEGACY, "login_group": "head"}, "10.1.0.5", "/pp.json: login_group names instance group 'head', which is"),
        ({**LEGACY, "worker_groups": {}}, "10.1.0.7", "/pp.json: names no role for instance group 'w1'"),
        ({**LEGACY, "worker_groups": "w1"}, "10.1.0.7", "/pp.json: worker_groups is no list"),
        ({**LEGACY, "worker_groups": ["w1"]}, "10.1.0.7", "/pp.json: worker_groups[0] is no object"),
        ({**LEGACY, "worker_groups": [{}]}, "10.1.0.7", "/pp.json: worker_groups[0].instance_group_name is missing"),
        ({**LEGACY, "controller_group": 1}, "10.1.0.7", "/pp.json: controller_group is no text"),
        ({**LEGACY, "slurm_configurations": ["/fsx"]}, "10.1.0.7", "/pp.json: slurm_configurations is no object"),
        (
            {**LEGACY, "slurm_configurations": {"slurm_shared_directory": 1}},
            "10.1.0.7",
            "/pp.json: slurm_configurations.slurm_shared_directory is no text",
        ),
        ({**LEGACY, "workload_manager": "pbs"}, "10.1.0.7", "/pp.json: workload_manager is 'pbs'"),
        (None, "10.1.0.7", "/pp.json: no such file, and /rc.json has no SlurmConfig"),
        (LEGACY, "10.9.9.9", "/rc.json: this node is not in the file: its addresses are 10.9.9.9, the file's"),
    ],
)
def test_contradictions(parameters: dict[str, t.Any] | None, address: str, text: str) -> None:
    with pytest.raises(NodeError) as caught:
        facts(FOUR, parameters, address)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, "/rc.json: ClusterConfig is missing"),
        ({**FOUR, "ClusterConfig": {"ClusterArn": ARN}}, "/rc.json: ClusterConfig.ClusterName is missing or empty"),
        ({**FOUR, "ClusterConfig": {"ClusterArn": "x", "ClusterName": "d"}}, "ClusterArn is no ARN of a HyperPod"),
        ({**FOUR, "ClusterType": "Nomad"}, "/rc.json: ClusterType is 'Nomad'"),
        ({**FOUR, "InstanceGroups": {"head": 1}}, "/rc.json: InstanceGroups is no list"),
        ({**FOUR, "InstanceGroups": [1]}, "/rc.json: InstanceGroups[0] is no object"),
        (resource(group("head"), group("head")), "/rc.json: InstanceGroups names head more than once"),
        (resource(group("w", SlurmConfig={"NodeType": "Worker"})), "SlurmConfig.NodeType is 'Worker'; known are"),
        (resource(group("w", "10.1.0.5", SlurmConfig={"NodeType": "Compute"})), "NodeType Controller, found none"),
        (
            resource(group("c", "10.1.0.1", SlurmConfig={"NodeType": "Controller"}), group("w", "10.1.0.5")),
            "/rc.json: instance group 'w' has no SlurmConfig.NodeType, others have",
        ),
    ],
)
def test_broken_resource_files(document: dict[str, t.Any], text: str) -> None:
    with pytest.raises(NodeError) as caught:
        facts(document, LEGACY, "10.1.0.5")
    assert text in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: t.Any) -> None:
    path = tmp_path / "f.json"
    for content, text in (
        (None, "no such file"),
        (b'{\n "a": }', "line 2, column 7: broken JSON"),
        (b"[]", "holds a JSON list, expected an object"),
        (b"\xff", "is not UTF-8 text"),
    ):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(NodeError) as caught:
            load_object(str(path))
        assert str(caught.value).startswith(f"{path}: {text}")
    with pytest.raises(NodeError, match=r"cannot read or change .*: Is a directory"):
        load_object(str(tmp_path))
    path.write_text(json.dumps(FOUR))
    assert load_object(str(path)) == FOUR
