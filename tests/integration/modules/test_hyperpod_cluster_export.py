# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running cluster as the input of another one: what is made of an export exports the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modules_harness import Ansible
from modules_harness import Cloud

LUSTRE = {"DnsName": "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com", "MountName": "abcdefgh"}
ROLLING = {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "CAPACITY_PERCENTAGE", "Value": 50}}}
ALARMS = {**ROLLING, "WaitIntervalInSeconds": 60, "AutoRollbackConfiguration": [{"AlarmName": "too hot"}]}
KIND = "ml.p5.4xlarge"


def group(cloud: Cloud, name: str, count: int, **more: Any) -> dict[str, Any]:
    return {
        "InstanceGroupName": name,
        "InstanceCount": count,
        "ExecutionRole": cloud.place["role"],
        "LifeCycleConfig": {"SourceS3Uri": f"s3://{cloud.place['bucket']}/one", "OnCreate": "on_create.sh"},
        **more,
    }


def slurm(cloud: Cloud, name: str) -> dict[str, Any]:
    """A request with everything that a Slurm cluster in Continuous mode takes."""
    network = {"SecurityGroupIds": [cloud.place["group"]], "Subnets": [cloud.place["subnet"]]}
    storage = [
        {"EbsVolumeConfig": {"VolumeSizeInGB": 200, "VolumeKmsKeyId": "key"}},
        {"EbsVolumeConfig": {"RootVolume": True, "VolumeKmsKeyId": "key"}},
        {"FsxLustreConfig": LUSTRE},
        {"FsxOpenZfsConfig": {"DnsName": LUSTRE["DnsName"], "MountPath": "/home"}},
    ]
    after = {"SourceS3Uri": f"s3://{cloud.place['bucket']}/two", "OnInitComplete": "on_create.sh"}
    rich = group(
        cloud,
        "rich",
        2,
        MinInstanceCount=1,
        InstanceType=KIND,
        LifeCycleConfig=after,
        ThreadsPerCore=2,
        InstanceStorageConfigs=storage,
        OnStartDeepHealthChecks=["InstanceStress", "InstanceConnectivity"],
        TrainingPlanArn=cloud.training_plan("export", KIND),
        OverrideVpcConfig=network,
        ScheduledUpdateConfig={"ScheduleExpression": "cron(0 3 ? * SUN *)", "DeploymentConfig": ALARMS},
        AutoPatchConfig={
            "PatchingStrategy": "WhenIdle",
            "PatchSchedule": {"NextPatchDate": "2027-01-01T03:00:00Z"},
            "DeploymentConfig": ROLLING,
            "IdleWaitWindowInSeconds": 7200,
        },
        ImageReleaseVersion="1.1.0",
        SlurmConfig={"NodeType": "Compute", "PartitionNames": ["p1"]},
        NetworkInterface={"InterfaceType": "efa"},
    )
    flexible = group(
        cloud,
        "flexible",
        1,
        InstanceRequirements={"InstanceTypes": ["ml.m5.large", "ml.c5.large"]},
        CapacityRequirements={"Spot": {}},
        ImageId="ami-0123456789abcdef0",
        SlurmConfig={"NodeType": "Compute", "PartitionNames": ["p2"]},
    )
    controller = group(cloud, "controller", 1, InstanceType="ml.c5.large", SlurmConfig={"NodeType": "Controller"})
    database = {"Endpoint": "db.example.com", "Port": 3306, "Name": "slurm", "SecretArn": secret(cloud)}
    return {
        "ClusterName": name,
        "InstanceGroups": [controller, rich, flexible],
        "VpcConfig": network,
        "Orchestrator": {"Slurm": {"AccountingDatabase": database}},
        "NodeRecovery": "None",
        "NodeProvisioningMode": "Continuous",
        "Tags": [{"Key": "team", "Value": "a"}],
    }


def kubernetes(cloud: Cloud, name: str) -> dict[str, Any]:
    """A request with everything that an EKS cluster takes."""
    labels = {"Labels": {"example.com/Own.er": "x"}, "Taints": [{"Key": "k", "Value": "v", "Effect": "NoSchedule"}]}
    policy = {"DrainTimeoutInSeconds": 60, "OnDrainTimeout": "Force"}
    drain = {"PatchingStrategy": "DrainFirst", "DrainPolicy": policy, "DeploymentConfig": ROLLING}
    lustre = {"SizeInGiB": 1200, "PerUnitStorageThroughput": 125}
    restricted = group(
        cloud, "nova", 1, InstanceType="ml.c5.xlarge", EnvironmentConfig={"FSxLustreConfig": lustre}, ThreadsPerCore=1
    )
    del restricted["LifeCycleConfig"]
    shared = {"FSxLustreDeletionPolicy": "Keep", "FSxLustreConfig": {**lustre, "SizeInGiB": 2400}}
    workers = group(cloud, "workers", 1, InstanceType="ml.c5.xlarge", KubernetesConfig=labels, AutoPatchConfig=drain)
    return {
        "ClusterName": name,
        "InstanceGroups": [workers],
        "RestrictedInstanceGroups": [restricted],
        "RestrictedInstanceGroupsConfig": {"SharedEnvironmentConfig": shared},
        "VpcConfig": {"SecurityGroupIds": [cloud.place["group"]], "Subnets": [cloud.place["subnet"]]},
        "Orchestrator": {"Eks": {"ClusterArn": cloud.kubernetes("kube")}},
        "NodeRecovery": "Automatic",
        "TieredStorageConfig": {"Mode": "Enable", "InstanceMemoryAllocationPercentage": 20},
        "NodeProvisioningMode": "Continuous",
        "ClusterRole": cloud.place["role"],
        "AutoScaling": {"Mode": "Enable", "AutoScalerType": "Karpenter"},
    }


def secret(cloud: Cloud) -> str:
    client = cloud.client("secretsmanager")
    known = [item["ARN"] for item in client.list_secrets()["SecretList"]]
    arn: str = known[0] if known else client.create_secret(Name="database", SecretString="{}")["ARN"]
    return arn


def info(*names: str) -> dict[str, Any]:
    options = {"names": list(names), "include_export": True}
    return {"podforge.hyperpod.hyperpod_cluster_info": options}


def describing(description: dict[str, Any]) -> dict[str, Any]:
    return {"podforge.hyperpod.hyperpod_description": {"description": description, "lifecycle_managed": False}}


def test_what_is_made_of_an_export_exports_the_same(ansible: Ansible, cloud: Cloud, tmp_path: Path) -> None:
    client = cloud.client("sagemaker")
    asked = {"one": slurm(cloud, "one"), "eks-one": kubernetes(cloud, "eks-one")}
    for request in asked.values():
        client.create_cluster(**request)
        cloud.at_rest(request["ClusterName"])
    taken = {found["cluster_name"]: found["export"] for found in ansible.play(info("one", "eks-one"))[0]["clusters"]}
    assert {name: taken[name]["cluster_config"] for name in asked} == {
        "one": with_images(asked["one"], taken["one"]["cluster_config"]),
        "eks-one": with_images(asked["eks-one"], taken["eks-one"]["cluster_config"]),
    }

    for name in asked:
        again = {**taken[name]["cluster_config"], "ClusterName": name.replace("one", "two")}
        client.create_cluster(**json.loads(json.dumps(again)))
        cloud.at_rest(again["ClusterName"])
    config = tmp_path / "cluster-config.json"
    config.write_text(json.dumps(taken["one"]["cluster_config"]))
    published = {"podforge.hyperpod.hyperpod_description": {"cluster_config_file": str(config)}}
    played = ansible.play(info("two", "eks-two"), describing(taken["one"]["description"]), published)
    for found in played[0]["clusters"]:
        first = taken[found["cluster_name"].replace("two", "one")]["cluster_config"]
        assert {**found["export"]["cluster_config"], "ClusterName": first["ClusterName"]} == first

    assert not played[1].get("failed"), played[1]["msg"]
    assert not played[2].get("failed"), played[2]["msg"]
    description = played[1]["description"]
    assert description["network"]["subnet_ids"] == [cloud.place["subnet"]]
    assert description["execution_role"]["arn"] == cloud.place["role"]
    assert description["cluster"]["tags"] == {"team": "a"}
    by_config = played[2]["description"]["cluster"]
    groups = [
        {name: value for name, value in item.items() if name != "execution_role"}
        for item in by_config["instance_groups"]
    ]
    assert description["cluster"]["instance_groups"] == groups
    assert description["cluster"]["orchestrator"] == by_config["orchestrator"]
    assert len(taken["one"]["notes"]) == 2
    assert taken["eks-one"]["description"] == {}
    assert "orchestrated by EKS" in taken["eks-one"]["notes"][0]
    for name in ("one", "two", "eks-one", "eks-two"):
        client.delete_cluster(ClusterName=name)


def with_images(asked: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """The request, with the images that the service has chosen for groups that named none."""
    chosen = {group["InstanceGroupName"]: group.get("ImageId") for group in told["InstanceGroups"]}
    groups = []
    for item in asked["InstanceGroups"]:
        whole = {**item, "ImageId": item.get("ImageId") or chosen[item["InstanceGroupName"]]}
        whole.pop("ImageReleaseVersion", None)
        groups.append(whole)
    return {**asked, "InstanceGroups": groups}
