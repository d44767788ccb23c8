# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single defects: what is changed in a world where all is right, or in the options, and what preflight says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

from modules_harness import REGION
from modules_harness import TRUST
from preflight_world import MANAGED
from preflight_world import World
from preflight_world import allow
from preflight_world import group_of

Options = dict[str, Any]
Edit = Callable[[World, Options], None]
PLANNED = "ml.p5.4xlarge"


def network(**change: Any) -> Edit:
    return lambda world, options: options["description"]["network"].update(
        {key: [world.place[name] for name in names] for key, names in change.items()}
    )


def workers(**change: Any) -> Edit:
    return lambda _world, options: group_of(options).update(change)


def storage(kind: str, **change: str) -> Edit:
    def edit(_world: World, options: Options) -> None:
        for config in group_of(options)["instance_storage_configs"] + group_of(options, 0)["instance_storage_configs"]:
            config.get(kind, {}).update(change)

    return edit


def role(name: str, attached: list[str], inline: str | None = None, trust: Any = None) -> Edit:
    def edit(world: World, options: Options) -> None:
        options["description"]["execution_role"]["arn"] = world.role(name, attached, inline, trust)

    return edit


def bucket(name: str, *, block: bool = True, entry: bytes | None = b"#!/bin/bash\n", policy: str = "") -> Edit:
    def edit(world: World, options: Options) -> None:
        world.bucket(name, block=block)
        if entry is not None:
            world.s3.put_object(Bucket=name, Key="src/on_create.sh", Body=entry)
        if policy:
            world.s3.put_bucket_policy(Bucket=name, Policy=policy)
        source(name)(world, options)

    return edit


def source(name: str) -> Edit:
    def edit(_world: World, options: Options) -> None:
        for number in (0, 1):
            group_of(options, number)["life_cycle_config"]["source_s3_uri"] = f"s3://{name}/src"

    return edit


def form_beside(world: World, options: Options) -> None:
    bucket("sagemaker-preflight-forms")(world, options)
    world.s3.put_object(Bucket="sagemaker-preflight-forms", Key="src/provisioning_parameters.json", Body=b"{}")


def two_forms(_world: World, options: Options) -> None:
    options["description"]["provisioning_parameters"] = {
        "controller_group": "head",
        "worker_groups": [{"instance_group_name": "workers"}],
    }


def of_type(kind: str, count: int = 3) -> Edit:
    def edit(_world: World, options: Options) -> None:
        group_of(options).update(instance_type=kind, instance_count=count)
        options["description"]["nodes"] = {"total": 1 + count, "by_type": {"ml.c5.xlarge": 1, kind: count}}

    return edit


def quota(world: World, _options: Options) -> None:
    world.cloud.admin("PUT", "quotas", {"ml.c5.xlarge for cluster usage": 2})


def plan(name: str, until: str = "Active", group: Edit | None = None, **search: Any) -> Edit:
    """The workers use a plan for four ml.p5.48xlarge, as soon as it has the status."""

    def edit(world: World, options: Options) -> None:
        of_type(PLANNED)(world, options)
        group_of(options)["training_plan_arn"] = world.plan(name, until, **search)
        if group:
            group(world, options)

    return edit


def no_plan(_world: World, options: Options) -> None:
    group_of(options)["training_plan_arn"] = f"arn:aws:sagemaker:{REGION}:123456789012:training-plan/nobody"


def closed_path(world: World, options: Options) -> None:
    """Nodes and file system in groups that don't know each other."""
    other = world.group("apart", inside=True, outside=True)
    options["description"]["network"]["security_group_ids"] = [other]


def elsewhere(world: World, options: Options) -> None:
    """A file system in another VPC."""
    vpc = world.ec2.create_vpc(CidrBlock="10.41.0.0/16")["Vpc"]["VpcId"]
    subnet = world.ec2.create_subnet(VpcId=vpc, CidrBlock="10.41.0.0/24", AvailabilityZone=f"{REGION}a")["Subnet"]
    made = world.cloud.client("fsx").create_file_system(
        FileSystemType="OPENZFS", StorageCapacity=64, SubnetIds=[subnet["SubnetId"]]
    )["FileSystem"]
    storage("fsx_open_zfs_config", dns_name=made["DNSName"])(world, options)


def certificate(name: str, days: int) -> Edit:
    def edit(world: World, options: Options) -> None:
        options["certificates"][0]["arn"] = world.certificate(name, days)

    return edit


def deleted_secret(world: World, options: Options) -> None:
    secrets = world.cloud.client("secretsmanager")
    arn = secrets.create_secret(Name="gone", SecretString="x")["ARN"]
    secrets.delete_secret(SecretId=arn)
    options["secrets"] = [arn]


def given(**change: Any) -> Edit:
    return lambda _world, options: options.update(change)


def eks(name: str, mode: str = "API", version: str = "1.33") -> Edit:
    def edit(world: World, options: Options) -> None:
        made = world.cloud.client("eks").create_cluster(
            name=name,
            version=version,
            roleArn=world.place["role"],
            resourcesVpcConfig={"subnetIds": [world.place["subnet"]]},
            accessConfig={"authenticationMode": mode},
        )["cluster"]
        options["description"]["cluster"]["orchestrator"] = {"eks": {"cluster_arn": made["arn"]}}

    return edit


def no_eks(_world: World, options: Options) -> None:
    arn = f"arn:aws:eks:{REGION}:123456789012:cluster/nobody"
    options["description"]["cluster"]["orchestrator"] = {"eks": {"cluster_arn": arn}}


def many_nodes(world: World, options: Options) -> None:
    network(subnet_ids=["small"])(world, options)
    of_type("ml.c5.xlarge", 20)(world, options)


def not_there(world: World, options: Options) -> None:
    network(subnet_ids=["other zone"])(world, options)
    of_type("ml.p5e.48xlarge")(world, options)


def own_network(world: World, options: Options) -> None:
    """The subnet of one group only is wrong."""
    group_of(options)["override_vpc_config"] = {
        "subnets": [world.place["public"]],
        "security_group_ids": [world.place["group"]],
    }


def own_role(_world: World, options: Options) -> None:
    group_of(options)["execution_role"] = "arn:aws:iam::123456789012:role/nobody"


def addons(cluster: str, name: str = "", *, nodes: bool = True, **change: str) -> Edit:
    """An EKS cluster with all add-ons, one of them as ``change`` has it."""

    def edit(world: World, options: Options) -> None:
        eks(cluster)(world, options)
        world.addons(cluster, {name: change}, nodes=nodes)

    return edit


EVERYBODY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}],
    }
)
EC2_ONLY = json.loads(json.dumps(TRUST).replace("sagemaker.", "ec2."))
NO_EFA = ["ec2:*", "secretsmanager:*", "acm:*"]
LATER = datetime.now(timezone.utc) + timedelta(days=90)
# what is wrong, edit, level, check, words of the finding
Defect = tuple[str, Edit, str, str, list[str]]
DEFECTS: list[Defect] = [
    ("bad name", workers(instance_group_name="w_1"), "failure", "names", ["w_1", "inner hyphens"]),
    ("count", workers(instance_count=7000), "failure", "counts", ["7000", "0 to 6758"]),
    ("same name", workers(instance_group_name="head"), "failure", "duplicate_group", ["head", "own name"]),
    ("two forms", two_forms, "failure", "both_forms", ["slurm_config", "keep one"]),
    ("form beside", form_beside, "failure", "both_forms", ["provisioning_parameters.json", "remove"]),
    ("unknown type", of_type("ml.c5.huge"), "failure", "instance_type", ["ml.c5.huge"]),
    (
        "not offered",
        not_there,
        "failure",
        "instance_offering",
        [f"not offered in {REGION}b", f"({REGION}a, {REGION}c)"],
    ),
    ("quota", quota, "failure", "quota", ["ml.c5.xlarge for cluster usage", "2", "4"]),
    ("no plan", no_plan, "failure", "training_plan", ["plan/nobody", "does not exist", "list-training-plans"]),
    ("plan pending", plan("soon", "Pending"), "failure", "training_plan", ["is Pending", "wait until it is Scheduled"]),
    ("plan later", plan("later", "Scheduled", StartTimeAfter=LATER), "warning", "training_plan", ["is Scheduled"]),
    (
        "plan over",
        plan("over", "Expired", DurationHours=24),
        "failure",
        "training_plan",
        ["is Expired", "another plan"],
    ),
    (
        "plan for jobs",
        plan("jobs", TargetResources=["training-job"]),
        "failure",
        "training_plan",
        ["is for training-job", "--target-resources hyperpod-cluster"],
    ),
    (
        "type of plan",
        plan("fits", group=of_type("ml.p5en.48xlarge")),
        "failure",
        "training_plan",
        [f"is for {PLANNED}, and the group workers has ml.p5en.48xlarge"],
    ),
    (
        "zone of plan",
        plan("fits", group=network(subnet_ids=["other zone"])),
        "failure",
        "training_plan",
        [f"capacity in {REGION}a", f"workers are in {REGION}b", "override_vpc_config"],
    ),
    ("room of plan", plan("small", InstanceCount=2), "failure", "training_plan", ["2 instances left", "needs 3 more"]),
    ("no subnet", given(subnet_ids=["subnet-0"]), "failure", "subnet_exists", ["subnet-0"]),
    ("public subnet", network(subnet_ids=["public"]), "failure", "subnet_private", ["igw-", "NAT"]),
    ("of one group", own_network, "failure", "subnet_private", ["igw-"]),
    ("addresses", many_nodes, "failure", "subnet_addresses", ["free addresses", "21"]),
    ("EFA", of_type("ml.p5.48xlarge", 8), "warning", "subnet_addresses", ["257 network interfaces"]),
    ("zones", network(subnet_ids=["subnet", "other zone"]), "warning", "subnet_zone", [f"{REGION}a, {REGION}b"]),
    ("no group", given(security_group_ids=["sg-0"]), "failure", "security_group_exists", ["sg-0"]),
    ("in", network(security_group_ids=["group", "closed in"]), "failure", "security_group_in", ["inbound"]),
    ("out", network(security_group_ids=["group", "closed out"]), "failure", "security_group_out", ["outbound"]),
    ("no role", own_role, "failure", "role_exists", ["role/nobody"]),
    (
        "trust",
        role("distrusted", [MANAGED], allow(*NO_EFA), EC2_ONLY),
        "failure",
        "role_trust",
        ["sagemaker.amazonaws"],
    ),
    ("empty role", role("empty", []), "failure", "role_permissions", ["s3:GetObject on arn:aws:s3:::sagemaker-pref"]),
    ("no network", role("no-net", [MANAGED]), "failure", "role_permissions", ["ec2:CreateNetworkInterface"]),
    ("no bucket", source("sagemaker-nowhere"), "failure", "bucket_exists", ["does not exist"]),
    ("bucket name", bucket("preflight-odd"), "failure", "bucket_name", ["sagemaker-"]),
    ("open bucket", bucket("sagemaker-open", block=False), "warning", "bucket_private", ["BlockPublicPolicy"]),
    ("public", bucket("sagemaker-all", block=False, policy=EVERYBODY), "failure", "bucket_private", ["public"]),
    ("no script", bucket("sagemaker-empty", entry=None), "failure", "entry_exists", ["on_create.sh", "upload"]),
    ("CRLF", bucket("sagemaker-crlf", entry=b"#!/bin/bash\r\n"), "failure", "entry_line_ends", ["dos2unix"]),
    ("shebang", bucket("sagemaker-bang", entry=b"echo\n"), "failure", "entry_shebang", ["#!/bin/bash"]),
    (
        "no file system",
        storage("fsx_lustre_config", dns_name=f"fs-0123456789abcdef0.fsx.{REGION}.amazonaws.com"),
        "failure",
        "fsx_exists",
        ["fs-0123456789abcdef0"],
    ),
    (
        "FSx elsewhere",
        storage("fsx_lustre_config", dns_name="fs-0.fsx.eu-west-1.amazonaws.com"),
        "failure",
        "fsx_region",
        ["eu-west-1"],
    ),
    ("mount name", storage("fsx_lustre_config", mount_name="wrong"), "failure", "fsx_mount_name", ["not wrong"]),
    ("zone of FSx", network(subnet_ids=["other zone"]), "warning", "fsx_zone", [f"{REGION}b"]),
    ("VPC of FSx", elsewhere, "warning", "fsx_vpc", ["peered"]),
    ("path to FSx", closed_path, "failure", "fsx_path", ["988", "1018-1023", "out of the nodes"]),
    ("secret", given(secrets=["nothing"]), "failure", "secret", ["nothing", "does not exist"]),
    ("secret elsewhere", given(secrets=["arn:aws:secretsmanager:eu-west-1:1:secret:x"]), "failure", "secret", ["eu-w"]),
    ("deleted secret", deleted_secret, "failure", "secret", ["restore-secret"]),
    (
        "certificate",
        given(certificates=[{"arn": "arn:aws:acm:us-west-2:1:certificate/0"}]),
        "failure",
        "certificate",
        [],
    ),
    ("its name", certificate("other.example.com", 99), "failure", "certificate_name", ["other.", "ldap.example.com"]),
    ("it ends soon", certificate("*.example.com", 9), "warning", "certificate", ["9 days"]),
    ("few pods", given(pod_cidr="10.244.0.0/23"), "failure", "pod_cidr", ["room for 2 nodes", "/22"]),
    ("pods in VPC", given(pod_cidr="10.40.0.0/16"), "failure", "pod_cidr", ["overlaps the VPC", "10.40.0.0/16"]),
    ("pods in services", given(pod_cidr="10.96.0.0/16"), "failure", "pod_cidr", ["service network"]),
    ("no EKS", no_eks, "failure", "eks_cluster", ["cluster/nobody", "does not exist"]),
    ("EKS version", eks("old", version="1.27"), "failure", "eks_version", ["1.27", "1.28"]),
    ("EKS access", eks("maps", mode="CONFIG_MAP"), "failure", "eks_access", ["API_AND_CONFIG_MAP"]),
    ("no add-ons", eks("bare"), "warning", "eks_addon", ["coredns is not installed", "aws eks create-addon --cluster"]),
    ("no nodes", addons("empty", nodes=False), "warning", "eks_addon", ["coredns is DEGRADED", "first nodes"]),
    (
        "add-on failed",
        addons("conflict", "coredns", configurationValues="{}"),
        "failure",
        "eks_addon",
        ["coredns is CREATE_FAILED", "ConfigurationConflict", "aws eks describe-addon --cluster-name conflict"],
    ),
    (
        "old CNI",
        addons("aged", "vpc-cni", addonVersion="v1.18.2-eksbuild.1"),
        "failure",
        "eks_addon",
        ["v1.18.2-eksbuild.1", "1.18.3 or later", "aws eks update-addon"],
    ),
]
