# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account in which everything is right for a cluster, and the options that preflight is given for it."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from collections.abc import Mapping
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from in_process import run_module
from modules_harness import REGION
from modules_harness import ROOT_KEYS
from modules_harness import TRUST
from modules_harness import Cloud
from modules_harness import Keys

MANAGED = "arn:aws:iam::aws:policy/AmazonSageMakerClusterInstanceRolePolicy"
LDAP = "ldap.example.com"
EC2_ACTIONS = [
    "ec2:*NetworkInterface*",
    "ec2:DescribeVpcs",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
    "ec2:CreateTags",
    "secretsmanager:GetSecretValue",
    "acm:GetCertificate",
]


def allow(*actions: str, resource: str = "*") -> str:
    """A policy document."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class World:
    """The account. ``place`` are the ids of what is in it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.name = f"preflight-{uuid.uuid4().hex[:8]}"
        self.ec2, self.iam, self.s3 = (cloud.client(name) for name in ("ec2", "iam", "s3"))
        self.place: dict[str, str] = {}
        self._network()
        self.place["role"] = self.role(f"{self.name}-node", [MANAGED], allow(*EC2_ACTIONS))
        self.place["bucket"] = self.bucket(f"sagemaker-{self.name}")
        self.s3.put_object(Bucket=self.place["bucket"], Key="src/on_create.sh", Body=b"#!/bin/bash\n")
        fsx = cloud.client("fsx")
        for kind, size in (("LUSTRE", 1200), ("OPENZFS", 64)):
            made = fsx.create_file_system(
                FileSystemType=kind,
                StorageCapacity=size,
                SubnetIds=[self.place["subnet"]],
                SecurityGroupIds=[self.place["group"]],
            )["FileSystem"]
            self.place[kind] = made["DNSName"]
            self.place[f"{kind} id"] = made["FileSystemId"]
            self.place[f"{kind} mount"] = made.get("LustreConfiguration", {}).get("MountName", "")
        self.place["secret"] = cloud.client("secretsmanager").create_secret(Name=f"{self.name}/bind", SecretString="x")[
            "ARN"
        ]
        self.place["certificate"] = self.certificate(LDAP, 365)

    def _network(self) -> None:
        ec2 = self.ec2
        vpc = ec2.create_vpc(CidrBlock="10.40.0.0/16")["Vpc"]["VpcId"]
        self.place["vpc"] = vpc
        self.place["subnet"] = self.subnet("10.40.0.0/24")
        self.place["small"] = self.subnet("10.40.9.0/28")
        self.place["other zone"] = self.subnet("10.40.2.0/24", zone=f"{REGION}b")
        self.place["public"] = self.subnet("10.40.3.0/24")
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        public = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=public, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        ec2.associate_route_table(RouteTableId=public, SubnetId=self.place["public"])
        address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        nat = ec2.create_nat_gateway(SubnetId=self.place["public"], AllocationId=address)["NatGateway"]["NatGatewayId"]
        here = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
        main = ec2.describe_route_tables(Filters=here)["RouteTables"][0]["RouteTableId"]
        ec2.create_route(RouteTableId=main, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        self.place["group"] = self.group("nodes", inside=True, outside=True)
        self.place["closed in"] = self.group("closed-in", inside=False, outside=True)
        self.place["closed out"] = self.group("closed-out", inside=True, outside=False)

    def subnet(self, block: str, zone: str = f"{REGION}a") -> str:
        """A new subnet."""
        made = self.ec2.create_subnet(VpcId=self.place["vpc"], CidrBlock=block, AvailabilityZone=zone)
        return str(made["Subnet"]["SubnetId"])

    def group(self, name: str, *, inside: bool, outside: bool) -> str:
        """A new security group, with or without rules for itself."""
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.place["vpc"])["GroupId"]
        to_itself = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": made}]}]
        everywhere = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.ec2.revoke_security_group_egress(GroupId=made, IpPermissions=everywhere)
        if inside:
            self.ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=to_itself)
        if outside:
            self.ec2.authorize_security_group_egress(GroupId=made, IpPermissions=to_itself)
        return str(made)

    def role(self, name: str, attached: list[str], inline: str | None = None, trust: Any = None) -> str:
        """A new role."""
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust or TRUST))["Role"]["Arn"]
        for policy in attached:
            self.iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        if inline:
            self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=inline)
        return str(made)

    def bucket(self, name: str, *, block: bool = True) -> str:
        """A new bucket."""
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if not block:
            self.s3.delete_public_access_block(Bucket=name)
        return name

    def certificate(self, name: str, days: int) -> str:
        """An imported certificate that ends in so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + timedelta(days=days, hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        plain = serialization.NoEncryption()
        made = self.cloud.client("acm").import_certificate(
            Certificate=certificate.public_bytes(serialization.Encoding.PEM),
            PrivateKey=key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
        )
        return str(made["CertificateArn"])

    def plan(self, name: str, until: str, **search: Any) -> str:
        """ARN of a training plan, for ml.p5.4xlarge, that has a status."""
        if until == "Pending":
            self.cloud.set_speed(1)
            return self.cloud.training_plan(name, "ml.p5.4xlarge", until=until, **search)
        # A day in a moment.
        self.cloud.set_speed(1500 if until == "Scheduled" else 1_000_000)
        arn = self.cloud.training_plan(name, "ml.p5.4xlarge", until=until, **search)
        self.cloud.set_speed(self.cloud.speed)
        return arn

    def addons(self, cluster: str, changes: Mapping[str, Mapping[str, str]], *, nodes: bool) -> None:
        """The add-ons that HyperPod needs, on an EKS cluster with or without a node group."""
        eks = self.cloud.client("eks")
        if nodes:
            eks.create_nodegroup(
                clusterName=cluster,
                nodegroupName="nodes",
                nodeRole=self.place["role"],
                subnets=[self.place["subnet"]],
            )
        for name in ("vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent"):
            eks.create_addon(clusterName=cluster, addonName=name, **changes.get(name, {}))

    def options(self) -> dict[str, Any]:
        """Options of the module, with which everything is right."""
        place = self.place
        lifecycle = {"source_s3_uri": f"s3://{place['bucket']}/src", "on_create": "on_create.sh"}
        storage = [
            {"fsx_lustre_config": {"dns_name": place["LUSTRE"], "mount_name": place["LUSTRE mount"]}},
            {"fsx_open_zfs_config": {"dns_name": place["OPENZFS"]}},
        ]
        groups = [
            {
                "instance_group_name": name,
                "instance_type": "ml.c5.xlarge",
                "instance_count": count,
                "life_cycle_config": lifecycle,
                "instance_storage_configs": storage,
                "slurm_config": {"node_type": kind, **({"partition_names": ["p1"]} if kind == "Compute" else {})},
            }
            for name, kind, count in (("head", "Controller", 1), ("workers", "Compute", 3))
        ]
        description = {
            "cluster_name": "checked",
            "cluster": {"instance_groups": groups, "orchestrator": {"slurm": {"slurm_config_strategy": "Managed"}}},
            "network": {
                "mode": "use",
                "vpc_id": place["vpc"],
                "subnet_ids": [place["subnet"]],
                "security_group_ids": [place["group"]],
            },
            "execution_role": {"mode": "use", "name": f"{self.name}-node", "arn": place["role"]},
            "lifecycle": {"managed": False, "bucket": place["bucket"]},
            "provisioning_parameters": None,
            "node_types": {"head": "controller", "workers": "compute"},
            "nodes": {"total": 4, "by_type": {"ml.c5.xlarge": 4}},
        }
        return copy.deepcopy(
            {
                "description": description,
                "secrets": [place["secret"]],
                "certificates": [{"arn": place["certificate"], "name": f"ldaps://{LDAP}:636"}],
                "pod_cidr": "10.244.0.0/16",
            }
        )

    def check(self, edit: Callable[[dict[str, Any]], None] | None = None, keys: Keys = ROOT_KEYS) -> dict[str, Any]:
        """Run the module with the options as an edit leaves them."""
        options = self.options()
        if edit:
            edit(options)
        return run_module(self.cloud, "hyperpod_preflight", options, keys)


def group_of(options: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """A group of the description; the second are the workers."""
    group: dict[str, Any] = options["description"]["cluster"]["instance_groups"][number]
    return group
