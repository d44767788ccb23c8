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


CNI = "v1.19.2-eksbuild.1"


def test_the_life_of_an_addon(cloud: Cloud, account: Account) -> None:
    eks_cluster(account, "addons", authenticationMode="API")
    eks = cloud.client("eks")
    made = eks.create_addon(clusterName="addons", addonName="vpc-cni", tags={"a": "b"})["addon"]
    assert (made["status"], made["addonVersion"]) == ("CREATING", CNI)
    place = made["addonArn"].rsplit("/", 1)[0]
    assert place == "arn:aws:eks:us-west-2:123456789012:addon/addons/vpc-cni"
    eks.create_addon(clusterName="addons", addonName="kube-proxy", addonVersion="v1.33.3-eksbuild.4")
    eks.create_addon(clusterName="addons", addonName="coredns", resolveConflicts="OVERWRITE", configurationValues="{}")
    found = eks.describe_addon(clusterName="addons", addonName="vpc-cni")["addon"]
    assert {**found, "status": "CREATING"} == made
    assert found["status"] == "ACTIVE"
    pages = eks.get_paginator("list_addons").paginate(clusterName="addons", PaginationConfig={"PageSize": 2})
    assert [page["addons"] for page in pages] == [["coredns", "kube-proxy"], ["vpc-cni"]]
    gone = eks.delete_addon(clusterName="addons", addonName="kube-proxy", preserve=True)["addon"]
    assert (gone["status"], gone["addonVersion"]) == ("DELETING", "v1.33.3-eksbuild.4")
    assert eks.list_addons(clusterName="addons")["addons"] == ["coredns", "vpc-cni"]
    answer = error_of(eks.describe_addon, clusterName="addons", addonName="kube-proxy")
    assert answer == ("ResourceNotFoundException", "No addon: kube-proxy found in cluster: addons", 404)


def test_addons_that_are_refused(cloud: Cloud, account: Account) -> None:
    eks_cluster(account, "refusing")
    eks = cloud.client("eks")
    eks.create_addon(clusterName="refusing", addonName="vpc-cni")
    here = {"clusterName": "refusing", "addonName": "coredns"}
    for more, code, text, status in (
        ({"addonName": "vpc-cni"}, "ResourceInUseException", "Addon already exists.", 409),
        ({"addonName": "vpc"}, "InvalidParameterException", "Addon specified is not supported", 400),
        ({"addonVersion": "1.2"}, "InvalidParameterException", "Addon version specified is not supported", 400),
        ({"resolveConflicts": "NEVER"}, "InvalidParameterException", "enum value set: [OVERWRITE, NONE,", 400),
        ({"tags": {}}, "InvalidParameterException", "length greater than or equal to 1", 400),
        ({"configurationValues": 1}, "InvalidParameterException", "can not be converted to a String", 400),
        ({"clusterName": "nobody"}, "ResourceNotFoundException", "No cluster found for name: nobody.", 404),
    ):
        answer = error_of(eks.create_addon, **{**here, **more})
        assert (answer[0], answer[2]) == (code, status)
        assert text in answer[1]
    for name in ("describe_addon", "delete_addon"):
        assert error_of(getattr(eks, name), **here)[0] == "ResourceNotFoundException"
    assert error_of(eks.list_addons, clusterName="refusing", maxResults=0)[0] == "InvalidParameterException"
    assert error_of(eks.list_addons, clusterName="nobody")[0] == "ResourceNotFoundException"


def test_settings_that_conflict_with_what_is_there_fail_an_addon(cloud: Cloud, account: Account) -> None:
    eks_cluster(account, "conflicting")
    eks, coredns = cloud.client("eks"), {"clusterName": "conflicting", "addonName": "coredns"}
    eks.create_addon(**coredns, configurationValues='{"replicaCount": 3}')
    found = eks.describe_addon(**coredns)["addon"]
    assert found["status"] == "CREATE_FAILED"
    assert [issue["code"] for issue in found["health"]["issues"]] == ["ConfigurationConflict"]
    eks.delete_addon(**coredns)
    eks.create_addon(**coredns, configurationValues='{"replicaCount": 3}', resolveConflicts="OVERWRITE")
    assert eks.describe_addon(**coredns)["addon"]["status"] == "DEGRADED"


def test_deployments_wait_for_nodes(cloud: Cloud, account: Account) -> None:
    arn = eks_cluster(account, "waiting", authenticationMode="API")
    eks, coredns = cloud.client("eks"), {"clusterName": "waiting", "addonName": "coredns"}
    eks.create_addon(**coredns)
    eks.create_addon(clusterName="waiting", addonName="kube-proxy")
    found = eks.describe_addon(**coredns)["addon"]
    assert (found["status"], found["health"]["issues"][0]["code"]) == ("DEGRADED", "InsufficientNumberOfReplicas")
    assert eks.describe_addon(clusterName="waiting", addonName="kube-proxy")["addon"]["status"] == "ACTIVE"
    account.sagemaker.create_cluster(**request(account, "waited", arn))
    account.wait("waited", "InService")
    assert eks.describe_addon(**coredns)["addon"]["status"] == "ACTIVE"
    account.delete("waited")
    assert eks.describe_addon(**coredns)["addon"]["status"] == "DEGRADED"
