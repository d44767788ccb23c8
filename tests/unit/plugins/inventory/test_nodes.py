# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From answers of the service to hosts, variables and groups."""

from __future__ import annotations

import json
from datetime import datetime
from datetime import timezone

from ansible_collections.podforge.hyperpod.plugins.plugin_utils import _nodes

ARN = "arn:aws:sagemaker:us-west-2:123456789012:cluster/abc123def456"


def node(group, instance_id, address, status="Running", **more):
    return {
        "InstanceGroupName": group,
        "InstanceId": instance_id,
        "InstanceType": "ml.c5.xlarge",
        "InstanceStatus": {"Status": status, "Message": ""},
        "PrivateDnsHostname": f"ip-{address}.us-west-2.compute.internal",
        "LaunchTime": datetime(2026, 1, 2, tzinfo=timezone.utc),
        **more,
    }


def cluster(name="demo", arn=ARN, nodes=None, api=True, parameters=None):
    kinds = {"controller-machine": "Controller", "my-login-group": "Login", "worker-group-1": "Compute"}
    groups = [
        {"InstanceGroupName": group, **({"SlurmConfig": {"NodeType": kind}} if api else {})}
        for group, kind in kinds.items()
    ]
    if api:
        groups[2]["SlurmConfig"]["PartitionNames"] = ["p1"]
    else:
        groups[0]["LifeCycleConfig"] = {"SourceS3Uri": "s3://b/src"}
        groups[1]["LifeCycleConfig"] = {"SourceS3Uri": "s3://b/src"}
    raw = {
        "region": "us-west-2",
        "summary": {"ClusterName": name, "ClusterArn": arn, "ClusterStatus": "InService"},
        "cluster": {"InstanceGroups": groups},
        "nodes": nodes
        if nodes is not None
        else [
            node("worker-group-1", "i-0000000000000000b", "10-0-0-6"),
            node("worker-group-1", "i-0000000000000000a", "10-0-0-5", "ShuttingDown"),
            node("controller-machine", "i-0000000000000000c", "10-0-0-4"),
        ],
        "provisioning_parameters": parameters,
    }
    return _nodes.plain(raw)


PARAMETERS = {
    "controller_group": "controller-machine",
    "login_group": "my-login-group",
    "worker_groups": [{"instance_group_name": "worker-group-1", "partition_name": "dev"}],
}


def test_hosts_are_sorted_and_carry_what_the_service_tells():
    found = _nodes.hosts([cluster()])
    assert [host.variables["hyperpod_instance_id"][-1] for host in found] == ["c", "a", "b"]
    controller = found[0]
    assert controller.variables == {
        "hyperpod_cluster_name": "demo",
        "hyperpod_cluster_arn": ARN,
        "hyperpod_cluster_id": "abc123def456",
        "hyperpod_cluster_status": "InService",
        "hyperpod_region": "us-west-2",
        "hyperpod_instance_group": "controller-machine",
        "hyperpod_instance_id": "i-0000000000000000c",
        "hyperpod_instance_type": "ml.c5.xlarge",
        "hyperpod_status": "Running",
        "hyperpod_status_message": "",
        "hyperpod_private_dns_hostname": "ip-10-0-0-4.us-west-2.compute.internal",
        "hyperpod_hostname": "ip-10-0-0-4",
        "hyperpod_ip_address": "10.0.0.4",
        "hyperpod_launch_time": "2026-01-02T00:00:00+00:00",
        "hyperpod_role": "controller",
        "hyperpod_partitions": [],
        "hyperpod_ssm_target": "sagemaker-cluster:abc123def456_controller-machine-i-0000000000000000c",
    }
    assert found[1].variables["hyperpod_partitions"] == ["p1"]


def test_groups_are_identifiers():
    groups = _nodes.hosts([cluster()])[1].groups
    assert groups == (
        "hyperpod",
        "hyperpod_cluster_demo",
        "hyperpod_instance_group_worker_group_1",
        "hyperpod_type_ml_c5_xlarge",
        "hyperpod_status_shuttingdown",
        "hyperpod_role_compute",
    )
    assert all(group.isidentifier() for group in groups)


def test_no_variable_is_called_tags():
    assert all(key.startswith("hyperpod_") for host in _nodes.hosts([cluster()]) for key in host.variables)


def test_roles_of_the_legacy_form():
    found = _nodes.hosts([cluster(api=False, parameters=PARAMETERS)])
    assert [host.variables["hyperpod_role"] for host in found] == ["controller", "compute", "compute"]
    assert found[1].variables["hyperpod_partitions"] == ["dev"]


def test_without_either_form_there_is_no_role():
    raw = cluster(api=False)
    assert _nodes.legacy_sources(raw["cluster"]) == ["s3://b/src"]
    host = _nodes.hosts([raw])[0]
    assert "hyperpod_role" not in host.variables
    assert not any(group.startswith("hyperpod_role") for group in host.groups)


def test_the_legacy_form_is_not_read_when_the_api_tells_roles():
    assert _nodes.legacy_sources(cluster()["cluster"]) == []


def test_raw_results_can_be_cached():
    raw = cluster()
    assert json.loads(json.dumps(raw)) == raw


def test_names_follow_the_list_and_are_unique():
    found = _nodes.hosts([cluster()])
    assert _nodes.names(found, ["hostname"]) == ["ip-10-0-0-4", "ip-10-0-0-5", "ip-10-0-0-6"]
    assert _nodes.names(found, ["ip_address"])[0] == "10.0.0.4"
    # the same addresses in another VPC
    other = cluster("other", ARN.replace("abc", "xyz"), [node("worker-group-1", "i-0000000000000000d", "10-0-0-4")])
    found = _nodes.hosts([cluster(), other])
    names = _nodes.names(found, ["hostname", "instance_id"])
    assert names == ["i-0000000000000000c", "ip-10-0-0-5", "ip-10-0-0-6", "i-0000000000000000d"]


def test_a_node_that_has_no_instance_yet():
    pending = {
        "InstanceGroupName": "worker-group-1",
        "NodeLogicalId": "l-1",
        "InstanceType": "ml.c5.xlarge",
        "InstanceStatus": {"Status": "Pending"},
    }
    found = _nodes.hosts([cluster(nodes=[pending])])
    assert _nodes.names(found, ["hostname"]) == ["l-1"]
    assert "hyperpod_ssm_target" not in found[0].variables
    assert _nodes.connection_variables(found[0], "local_cloud", "default") == {}
    assert _nodes.connection_variables(found[0], "ssm_target", "default") == {}


def test_ways_to_connect():
    host = _nodes.hosts([cluster()])[0]
    assert _nodes.connection_variables(host, "none", "x") == {}
    assert _nodes.connection_variables(host, "local_cloud", "x") == {
        "ansible_connection": "podforge.hyperpod.podman",
        "ansible_host": "podforge-x-ip-10-0-0-4-0000c",
    }
    assert _nodes.connection_variables(host, "ssm_target", "x") == {
        "ansible_connection": "amazon.aws.aws_ssm",
        "ansible_aws_ssm_instance_id": "sagemaker-cluster:abc123def456_controller-machine-i-0000000000000000c",
        "ansible_aws_ssm_region": "us-west-2",
    }
