# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters orchestrated by EKS, over HTTP."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import pytest
from hyperpod_harness import Account
from hyperpod_harness import Cloud
from hyperpod_harness import error_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """A server whose time runs 6000 times as fast."""
    # The path of the socket in it has to be short: not pytest's tmp_path.
    server = Cloud(Path(tempfile.mkdtemp(prefix="podforge-eks-")), speed=6000)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def account(cloud: Cloud) -> Account:
    """Network, role and bucket."""
    return Account(cloud)


def eks_cluster(account: Account, name: str, **access: str) -> str:
    """ARN of a new EKS cluster."""
    answer = account.cloud.client("eks").create_cluster(
        name=name,
        roleArn=account.role,
        resourcesVpcConfig={"subnetIds": [account.subnet]},
        version="1.33",
        accessConfig=access,
    )
    return str(answer["cluster"]["arn"])


@pytest.fixture(scope="module")
def arn(account: Account) -> str:
    """An EKS cluster that HyperPod can use."""
    return eks_cluster(account, "k", authenticationMode="API_AND_CONFIG_MAP")


def request(account: Account, name: str, arn: str, **more: Any) -> dict[str, Any]:
    """Parameters of CreateCluster."""
    params = account.request(name, Orchestrator={"Eks": {"ClusterArn": arn}}, **more)
    params["InstanceGroups"] = [account.group_spec("w", 2)]
    return params


def test_nodes_come_back_with_another_address(account: Account, arn: str) -> None:
    account.sagemaker.create_cluster(**request(account, "eks", arn))
    account.wait("eks", "InService")
    node = account.nodes("eks")[0]
    account.sagemaker.batch_replace_cluster_nodes(ClusterName="eks", NodeIds=[node["InstanceId"]])
    account.until(
        lambda: account.nodes("eks"),
        lambda ns: all(
            n["InstanceStatus"]["Status"] == "Running" and n["InstanceId"] != node["InstanceId"] for n in ns
        ),
    )
    assert node["PrivateDnsHostname"] not in {n["PrivateDnsHostname"] for n in account.nodes("eks")}
    account.delete("eks")


def test_restricted_groups_and_their_shared_environment(cloud: Cloud, account: Account, arn: str) -> None:
    cloud.admin("PUT", "quotas", {"ml.p5.48xlarge for cluster usage": 10})
    storage = {"SizeInGiB": 1200, "PerUnitStorageThroughput": 125}
    restricted = account.group_spec(
        "rig",
        1,
        InstanceType="ml.p5.48xlarge",
        LifeCycleConfig=None,
        EnvironmentConfig={"FSxLustreConfig": storage},
    )
    params = request(account, "rig", arn, RestrictedInstanceGroups=[restricted])
    params["RestrictedInstanceGroupsConfig"] = {
        "SharedEnvironmentConfig": {"FSxLustreDeletionPolicy": "Keep", "FSxLustreConfig": storage}
    }
    del params["InstanceGroups"]
    account.sagemaker.create_cluster(**params)
    described = account.wait("rig", "InService")
    assert described["RestrictedInstanceGroups"][0]["EnvironmentConfig"] == {"FSxLustreConfig": storage}
    assert described["RestrictedInstanceGroupsConfig"]["SharedEnvironmentConfig"] == {
        "CurrentFSxLustreConfig": storage,
        "DesiredFSxLustreConfig": storage,
        "CurrentFSxLustreDeletionPolicy": "Keep",
        "DesiredFSxLustreDeletionPolicy": "Keep",
    }
    account.delete("rig")


@pytest.mark.parametrize(
    ("region", "owner"),
    [("xx-bogus-1", "123456789012"), ("us-east-1", "123456789012"), ("us-west-2", "999999999999")],
)
def test_an_eks_cluster_of_elsewhere_does_not_exist(account: Account, arn: str, region: str, owner: str) -> None:
    elsewhere = f"arn:aws:eks:{region}:{owner}:cluster/k"
    answer = error_of(account.sagemaker.create_cluster, **request(account, "elsewhere", elsewhere))
    assert answer == ("ValidationException", f"The EKS cluster {elsewhere} does not exist.", 400)


def test_the_authentication_mode_must_know_access_entries(account: Account) -> None:
    arn = eks_cluster(account, "old", authenticationMode="CONFIG_MAP")
    code, message, _dummy = error_of(account.sagemaker.create_cluster, **request(account, "old", arn))
    assert code == "ValidationException"
    assert message.endswith("must be one of API, API_AND_CONFIG_MAP. Authentication mode: CONFIG_MAP.")


def test_roles_of_other_accounts_are_not_looked_at(account: Account, arn: str) -> None:
    params = request(account, "foreign", arn)
    params["InstanceGroups"][0]["ExecutionRole"] = account.role.replace("123456789012", "999999999999")
    code, message, _dummy = error_of(account.sagemaker.create_cluster, **params)
    assert code == "ValidationException"
    assert message.startswith("Could not assume role arn:aws:iam::999999999999:role/node.")
