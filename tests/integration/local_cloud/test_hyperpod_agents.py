# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What agents on the nodes are told, and what their reports do, over HTTP."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import boto3
import pytest
from hyperpod_harness import Account
from hyperpod_harness import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    made = Cloud(Path(tempfile.mkdtemp(prefix="pf-engine-")), speed=3600)
    try:
        made.start()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def account(cloud: Cloud) -> Iterator[Account]:
    made = Account(cloud)
    spec = made.request("demo", NodeRecovery="Automatic")
    spec["InstanceGroups"].append(made.group_spec("empty", 0, "Compute", InstanceType="ml.p5.48xlarge"))
    made.sagemaker.create_cluster(**spec)
    made.wait("demo", "InService")
    yield made
    made.delete("demo")


def kept(cloud: Cloud, group: str) -> dict[str, Any]:
    """A node as the service keeps it: the only place where its token is."""
    path = cloud.folder / "enginetest" / "hyperpod" / "123456789012" / "us-west-2.sqlite3"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        nodes = [json.loads(body) for (body,) in db.execute("select body from node")]
    return next(n for n in nodes if n["group"] == group)


def agent(cloud: Cloud, node: dict[str, Any], event: dict[str, Any] | None = None, token: str | None = None) -> Any:
    url = f"http://127.0.0.1:{cloud.port}/_local_cloud/agent/v1/nodes/{node['instance_id']}"
    request = urllib.request.Request(
        url if event is None else f"{url}/events",
        data=None if event is None else json.dumps(event).encode(),
        headers={"X-Agent-Token": token or node["token"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def content(document: dict[str, Any], name: str) -> Any:
    return json.loads(document["files"][f"/opt/ml/config/{name}"]["content"])


def test_the_document_of_a_controller(cloud: Cloud, account: Account) -> None:
    node = kept(cloud, "controller-machine")
    document = agent(cloud, node)
    arn = account.describe("demo")["ClusterArn"]
    resource = content(document, "resource_config.json")
    assert resource["ClusterConfig"] == {"ClusterArn": arn, "ClusterName": "demo"}
    assert resource["ClusterType"] == "Slurm"
    assert resource["SlurmConfig"]["PrimaryControllerIp"] == node["placement"]["ip_address"]
    groups = {g["Name"]: g for g in resource["InstanceGroups"]}
    assert list(groups) == ["controller-machine", "my-login-group", "worker-group-1", "empty"]
    assert groups["empty"]["Instances"] is None
    worker = groups["worker-group-1"]["Instances"][1]
    assert worker["InstanceName"] == "worker-group-1-2"
    assert worker["InstanceLabel"] is None
    assert worker["AgentIpAddress"].startswith("172.16.")
    assert ["10.198.0.4", "ip-10-198-0-4"] in document["hosts"]
    assert len(document["hosts"]) == 4
    form = content(document, "provisioning_parameters.json")
    assert form == {
        "version": "1.0.0",
        "workload_manager": "slurm",
        "controller_group": "controller-machine",
        "login_group": "my-login-group",
        "worker_groups": [
            {"instance_group_name": "worker-group-1", "partition_name": "p1"},
            {"instance_group_name": "empty", "partition_name": "p1"},
        ],
    }
    assert content(document, "life_cycle_config.json")["OnCreate"] == "on_create.sh"
    assert content(document, "cluster_agent.json")["SlurmConfiguration"]["EnableTopology"] is True
    for name, file in document["files"].items():
        assert file["mode"][-1] == "0", f"{name} is world-readable"
    key = document["files"]["/etc/munge/munge.key"]
    assert (key["mode"], key["owner"]) == ("0400", "munge")
    assert len(key["content"]) >= 32
    assert document["imds"]["instance-type"] == "c5.xlarge"
    assert document["imds"]["local-ipv4"] == "10.198.0.4"
    assert document["cluster"]["slurm"] == {
        "controllers": ["10.198.0.4"],
        "node_type": "Controller",
        "strategy": "Managed",
    }
    assert document["lifecycle"]["wanted"] is False


def test_the_credentials_are_those_of_the_execution_role(cloud: Cloud, account: Account) -> None:
    keys = agent(cloud, kept(cloud, "worker-group-1"))["credentials"]
    sts = boto3.client(
        "sts",
        region_name="us-west-2",
        endpoint_url=f"http://127.0.0.1:{cloud.port}",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["Token"],
    )
    assert ":assumed-role/node/i-" in sts.get_caller_identity()["Arn"]
    assert agent(cloud, kept(cloud, "worker-group-1"))["credentials"] == keys


@pytest.mark.parametrize(
    ("change", "token", "status"),
    [({}, "wrong", 403), ({"instance_id": "i-00000000000000000"}, None, 404)],
)
def test_strangers_are_told_nothing(
    cloud: Cloud, account: Account, change: dict[str, str], token: str | None, status: int
) -> None:
    node = {**kept(cloud, "worker-group-1"), **change}
    for event in (None, {"type": "Booted"}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            agent(cloud, node, event, token)
        assert caught.value.code == status


def test_a_worker_keeps_the_inventory_of_its_provisioning(cloud: Cloud, account: Account) -> None:
    worker, controller = kept(cloud, "my-login-group"), kept(cloud, "controller-machine")
    before = content(agent(cloud, worker), "resource_config.json")
    account.sagemaker.update_cluster(
        ClusterName="demo", InstanceGroups=[account.group_spec("worker-group-1", 3, "Compute")]
    )
    account.wait("demo", "InService")

    def count(config):
        return len(config["InstanceGroups"][2]["Instances"])

    after = agent(cloud, worker)
    assert content(after, "resource_config.json") == before
    assert count(before) == 2
    assert count(content(agent(cloud, controller), "resource_config.json")) == 3
    assert len(after["hosts"]) == 5


def test_node_actions(cloud: Cloud, account: Account) -> None:
    worker, controller = kept(cloud, "worker-group-1"), kept(cloud, "controller-machine")
    name = "ip-" + worker["placement"]["ip_address"].replace(".", "-")
    event = {"type": "NodeAction", "node_name": name, "action": "Replace"}
    for sender, body, status in (
        (worker, event, 403),
        (controller, {**event, "action": "Explode"}, 400),
        (controller, {"type": "Nonsense"}, 400),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            agent(cloud, sender, body)
        assert caught.value.code == status
    agent(cloud, controller, event)
    replaced = account.until(
        lambda: {n["PrivateDnsHostname"].partition(".")[0]: n for n in account.nodes("demo")}[name],
        lambda n: n["InstanceId"] != worker["instance_id"] and n["InstanceStatus"]["Status"] == "Running",
    )
    account.sagemaker.update_cluster(ClusterName="demo", NodeRecovery="None")
    account.wait("demo", "InService")
    agent(cloud, controller, event)
    node = next(n for n in account.nodes("demo") if n["InstanceId"] == replaced["InstanceId"])
    assert node["InstanceStatus"]["Status"] == "Running"
    status = cloud.admin("GET", "status")
    assert status["clusters"][0]["recorded_actions"][-1]["node"] == name
    assert "token" not in json.dumps(status["clusters"])
