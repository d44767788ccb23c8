# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a request refers to exists, by looking into moto's backends in this process. Reads only."""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING
from typing import Any

from moto.backends import get_backend

from local_cloud.hyperpod.addresses import Subnet
from local_cloud.hyperpod.messages import invalid
from local_cloud.hyperpod.resource_config import EksFacts
from local_cloud.hyperpod.roles import FORM_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

AUTHENTICATION_MODES = ("API", "API_AND_CONFIG_MAP")
PRINCIPAL = "sagemaker.amazonaws.com"
_URI = re.compile(r"^(https|s3)://([^/]+)/?(.*)$")


class References:
    """What exists in one account and region."""

    def __init__(self, account_id: str, region: str, partition: str) -> None:
        self.account_id = account_id
        self.region = region
        self.partition = partition

    def check_settings(self, settings: Mapping[str, Any]) -> None:
        """Raise ServiceError unless the cluster's network, role and EKS cluster exist."""
        if "VpcConfig" in settings:
            self.check_vpc_config(settings["VpcConfig"])
        if "ClusterRole" in settings:
            self.check_role(settings["ClusterRole"], None)
        eks = settings.get("Orchestrator", {}).get("Eks")
        if eks is not None:
            self.eks_facts(eks["ClusterArn"])

    def check_groups(self, specs: Iterable[Mapping[str, Any]]) -> None:
        """Raise ServiceError unless the groups' networks, roles and lifecycle scripts exist."""
        seen: set[str] = set()
        for spec in specs:
            if "OverrideVpcConfig" in spec:
                self.check_vpc_config(spec["OverrideVpcConfig"])
            for value in (spec["ExecutionRole"], json.dumps(spec.get("LifeCycleConfig", {}), sort_keys=True)):
                if value in seen:
                    continue
                seen.add(value)
                if value.startswith("arn:"):
                    self.check_role(value, PRINCIPAL)
                elif spec.get("LifeCycleConfig"):
                    self.check_lifecycle(spec["LifeCycleConfig"])

    def check_vpc_config(self, config: Mapping[str, Any]) -> None:
        """Subnets and security groups exist, all in one VPC."""
        subnets = self.subnets(config["Subnets"])
        vpcs = {subnet.vpc_id for subnet in subnets}
        if len(vpcs) > 1:
            raise invalid(f"All subnets must be in the same VPC. Subnets are in: {', '.join(sorted(vpcs))}.")
        groups = self._groups()
        for group_id in config["SecurityGroupIds"]:
            if group_id not in groups:
                raise invalid(f"The security group '{group_id}' does not exist.")
            if groups[group_id] not in vpcs:
                raise invalid(
                    f"Security group {group_id} and subnet {subnets[0].subnet_id} belong to different networks."
                )

    def subnets(self, subnet_ids: Iterable[str]) -> list[Subnet]:
        """The subnets of these ids. Raises ServiceError for one that does not exist."""
        known = {
            subnet_id: subnet for zones in list(self._ec2.subnets.values()) for subnet_id, subnet in list(zones.items())
        }
        result = []
        for subnet_id in subnet_ids:
            subnet = known.get(subnet_id)
            if subnet is None:
                raise invalid(f"The subnet ID '{subnet_id}' does not exist.")
            vpc = self._ec2.vpcs.get(subnet.vpc_id)
            result.append(
                Subnet(
                    subnet_id=subnet_id,
                    cidr=subnet.cidr_block,
                    vpc_id=subnet.vpc_id,
                    vpc_cidr=vpc.cidr_block if vpc is not None else subnet.cidr_block,
                    availability_zone=subnet.availability_zone,
                    availability_zone_id=subnet.availability_zone_id,
                )
            )
        return result

    def used_addresses(self, subnets: Iterable[Subnet]) -> dict[str, set[str]]:
        """Addresses that network interfaces have, per subnet id."""
        used: dict[str, set[str]] = {subnet.subnet_id: set() for subnet in subnets}
        for eni in list(self._ec2.enis.values()):
            subnet_id = eni.subnet.id
            if subnet_id in used:
                used[subnet_id].update(a["PrivateIpAddress"] for a in eni.private_ip_addresses)
        return used

    def platform_subnet(self) -> Subnet:
        """The network of clusters without VpcConfig: the service's own, not seen by EC2's API."""
        number = zlib.crc32(f"{self.account_id}/{self.region}".encode())
        cidr = f"10.{1 + number % 200}.0.0/16"
        return Subnet(
            subnet_id=f"subnet-{number:017x}",
            cidr=cidr,
            vpc_id=f"vpc-{number:017x}",
            vpc_cidr=cidr,
            availability_zone=f"{self.region}a",
            availability_zone_id=_zone_id(self.region),
        )

    def zones_offering(self, instance_type: str) -> list[str]:
        """Names of the zones that offer an instance type of SageMaker."""
        wanted = {"instance-type": [instance_type.removeprefix("ml.")]}
        found = self._ec2.describe_instance_type_offerings("availability-zone", wanted)
        return sorted({offer["Location"] for offer in found})

    def zone_id(self, zone: str) -> str:
        """AZ id of a zone."""
        return next(str(z.zone_id) for z in self._ec2.describe_availability_zones() if z.name == zone)

    def check_role(self, arn: str, principal: str | None) -> None:
        """The role exists and, if a principal is given, trusts it."""
        known = list(get_backend("iam")[self.account_id][self.partition].get_roles())
        role = {role.arn: role for role in known}.get(arn)
        if role is None or (principal and not trusts(role.assume_role_policy_document, principal)):
            raise invalid(
                f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
                f"'{principal or PRINCIPAL}' to assume the role."
            )

    def check_lifecycle(self, lifecycle: Mapping[str, Any]) -> None:
        """The bucket exists in this region and holds the entry script."""
        bucket_name, prefix = split_uri(lifecycle["SourceS3Uri"])
        bucket = self._buckets.get(bucket_name)
        if bucket is None:
            raise invalid(
                f"The S3 bucket '{bucket_name}' of SourceS3Uri {lifecycle['SourceS3Uri']} does not exist or is not "
                "accessible."
            )
        if bucket.region_name != self.region:
            raise invalid(
                f"The S3 bucket '{bucket_name}' is in this region: {bucket.region_name}. Please use a bucket in "
                f"{self.region}."
            )
        script = lifecycle.get("OnCreate") or lifecycle.get("OnInitComplete") or ""
        if self._object(bucket, _join(prefix, script)) is None:
            raise invalid(f"The lifecycle script {script} does not exist under SourceS3Uri {lifecycle['SourceS3Uri']}.")

    def legacy_form(self, specs: Iterable[Mapping[str, Any]]) -> str | None:
        """Text of the first provisioning_parameters.json that lies below a SourceS3Uri; None: there is none."""
        seen: set[str] = set()
        for spec in specs:
            uri = (spec.get("LifeCycleConfig") or {}).get("SourceS3Uri")
            if uri is None or uri in seen:
                continue
            seen.add(uri)
            bucket_name, prefix = split_uri(uri)
            bucket = self._buckets.get(bucket_name)
            key = self._object(bucket, _join(prefix, FORM_NAME)) if bucket is not None else None
            if key is not None:
                return str(key.value.decode("utf-8", "replace"))
        return None

    def eks_facts(self, arn: str) -> EksFacts:
        """What nodes are told about the EKS cluster.

        Raises ServiceError unless it exists in this account and region, is ACTIVE and knows access entries (Developer
        Guide, "Getting started with Amazon EKS support in SageMaker HyperPod").
        """
        name = arn.partition("cluster/")[2]
        here = f"arn:{self.partition}:eks:{self.region}:{self.account_id}:cluster/{name}"
        cluster = get_backend("eks")[self.account_id][self.region].clusters.get(name) if arn == here else None
        if cluster is None:
            raise invalid(f"The EKS cluster {arn} does not exist.")
        if cluster.status != "ACTIVE":
            raise invalid(f"The EKS cluster {arn} must be in ACTIVE status. Status: {cluster.status}.")
        mode = (cluster.access_config or {}).get("authenticationMode")
        if mode not in AUTHENTICATION_MODES:
            raise invalid(
                f"The authentication mode of the EKS cluster {arn} must be one of {', '.join(AUTHENTICATION_MODES)}. "
                f"Authentication mode: {mode or 'CONFIG_MAP'}."
            )
        network = cluster.kubernetes_network_config or {}
        return EksFacts(
            name=name,
            endpoint=str(cluster.endpoint),
            certificate_authority=str((cluster.certificate_authority or {}).get("data", "")),
            service_ipv4_cidr=str(network.get("serviceIpv4Cidr", "10.100.0.0/16")),
        )

    @property
    def _ec2(self) -> Any:
        return get_backend("ec2")[self.account_id][self.region]

    @property
    def _buckets(self) -> Mapping[str, Any]:
        buckets: Mapping[str, Any] = get_backend("s3")[self.account_id][self.partition].buckets
        return buckets

    def _groups(self) -> dict[str, str]:
        return {
            group_id: vpc_id
            for vpc_id, groups in list(self._ec2.groups.items())
            for group_id in list(groups)
            if vpc_id is not None
        }

    @staticmethod
    def _object(bucket: Any, name: str) -> Any:
        key = bucket.keys.get(name)
        return None if key is None or not hasattr(key, "value") else key


def split_uri(uri: str) -> tuple[str, str]:
    """(bucket, prefix without outer slashes) of a SourceS3Uri, s3:// or virtual-hosted https://."""
    match = _URI.match(uri)
    if match is None:
        raise invalid(f"SourceS3Uri {uri} is not valid.")
    host, path = match.group(2), match.group(3).strip("/")
    if match.group(1) == "https":
        if host.startswith("s3"):
            bucket, _dummy, path = path.partition("/")
            return bucket, path
        return host.split(".s3")[0], path
    return host, path


def trusts(policy: Any, principal: str) -> bool:
    """A trust policy lets the service principal assume the role (conditions are not judged)."""
    try:
        document = json.loads(policy) if isinstance(policy, str) else policy
        statements = document["Statement"]
    except (ValueError, TypeError, KeyError):
        return False
    for statement in statements if isinstance(statements, list) else [statements]:
        services = statement.get("Principal", {})
        services = services if services == "*" else services.get("Service", [])
        actions = statement.get("Action", [])
        if (
            statement.get("Effect") == "Allow"
            and (services == "*" or principal in ([services] if isinstance(services, str) else services))
            and {"sts:AssumeRole", "sts:*", "*"} & set([actions] if isinstance(actions, str) else actions)
        ):
            return True
    return False


def _join(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


def _zone_id(region: str) -> str:
    """AZ id of the first zone, e.g. usw2-az1 for us-west-2."""
    words = region.split("-")
    middle = "".join(_SHORT.get(word, word[:1]) for word in words[1:-1])
    return f"{words[0]}{middle}{words[-1]}-az1"


_SHORT = {"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw", "central": "c", "gov": "g"}
