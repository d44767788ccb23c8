# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node as a provider gets it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_cloud.hyperpod.images import orchestrator_of
from local_cloud.providers.base import NodeSpec

if TYPE_CHECKING:
    from local_cloud.hyperpod.model import Cluster
    from local_cloud.hyperpod.model import Node


def node_spec(cloud: str, cluster: Cluster, node: Node) -> NodeSpec:
    """The provider's description of a node's instance."""
    spec = node.spec
    lifecycle = spec.get("LifeCycleConfig") or {}
    configs = spec.get("InstanceStorageConfigs", [])
    volumes = [c["EbsVolumeConfig"] for c in configs if "EbsVolumeConfig" in c]
    size = next((v["VolumeSizeInGB"] for v in volumes if not v.get("RootVolume")), None)
    mounts = [c["FsxLustreConfig"].get("MountPath", "/fsx") for c in configs if "FsxLustreConfig" in c]
    mounts += [c["FsxOpenZfsConfig"].get("MountPath", "/home") for c in configs if "FsxOpenZfsConfig" in c]
    place = node.placement
    return NodeSpec(
        cloud=cloud,
        account_id=cluster.account_id,
        region=cluster.region,
        partition=cluster.partition,
        cluster_arn=cluster.arn,
        cluster_id=cluster.cluster_id,
        cluster_name=cluster.name,
        instance_group=node.group,
        instance_id=node.instance_id,
        instance_type=node.instance_type,
        instance_name=node.name,
        node_logical_id=node.key,
        availability_zone=place.availability_zone,
        availability_zone_id=place.availability_zone_id,
        vpc_id=place.vpc_id,
        vpc_cidr=place.vpc_cidr,
        subnet_id=place.subnet_id,
        subnet_cidr=place.subnet_cidr,
        ip_address=place.ip_address,
        agent_ip_address=place.agent_ip_address,
        hostname=node.hostname,
        execution_role_arn=spec["ExecutionRole"],
        source_s3_uri=lifecycle.get("SourceS3Uri"),
        on_create=lifecycle.get("OnCreate"),
        on_init_complete=lifecycle.get("OnInitComplete"),
        ebs_volume_gb=size,
        mounts=tuple(mounts),
        threads_per_core=spec.get("ThreadsPerCore", 1),
        orchestrator=orchestrator_of(cluster.settings),
        image_id=node.image_id,
        image_release_version=node.release,
        agent_token=node.token,
        root_volume=node.root_volume,
    )
