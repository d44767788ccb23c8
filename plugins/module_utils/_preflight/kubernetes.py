# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: Kubernetes on HyperPod - the EKS cluster, and the network of pods. Pure.

Source: "Getting started with Amazon EKS support in SageMaker HyperPod" (AWS documentation): versions, authentication
mode, VPC CNI 1.18.3 or later. Kubernetes gives each node a /24 of the pod network (kube-controller-manager,
``--node-cidr-mask-size-ipv4``).
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._findings import passed
from .._findings import warning
from .._hyperpod.naming import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._findings import Finding

OLDEST = (1, 28)
NEWEST = (1, 35)
MODES = ("API", "API_AND_CONFIG_MAP")
CNI = "vpc-cni"
CNI_OLDEST = (1, 18, 3)
ADDONS = (CNI, "kube-proxy", "coredns", "eks-pod-identity-agent")
# Code of an issue of AddonHealth (Amazon EKS API reference).
NO_REPLICAS = "InsufficientNumberOfReplicas"
NODE_PREFIX = 24


def judge_eks(arn: str, cluster: Mapping[str, Any] | None, vpc_ids: set[str]) -> list[Finding]:
    """The EKS cluster; None: there is none. ``vpc_ids``: VPCs of the nodes' subnets."""
    if cluster is None:
        what, fix = "The EKS cluster does not exist", "correct the ARN, or make the cluster: aws eks list-clusters"
        return [failure("eks_cluster", what, where=arn, fix=fix)]
    findings = []
    status = str(cluster.get("status"))
    if status == "ACTIVE":
        findings.append(passed("eks_cluster", "The EKS cluster is ACTIVE", where=arn))
    else:
        what, why = f"The EKS cluster is {status}", "CreateCluster would refuse it"
        findings.append(failure("eks_cluster", what, where=arn, value=status, why=why, fix="wait until it is ACTIVE"))
    findings.append(_judge_version(arn, str(cluster.get("version"))))
    mode = (cluster.get("accessConfig") or {}).get("authenticationMode")
    if mode in MODES:
        findings.append(passed("eks_access", f"Its authentication mode is {mode}", where=arn))
    else:
        what = f"The authentication mode of the EKS cluster is {mode or 'not told'}"
        fix = "aws eks update-cluster-config --access-config authenticationMode=API_AND_CONFIG_MAP"
        why = "HyperPod makes an access entry for its nodes"
        findings.append(failure("eks_access", what, where=arn, value=mode, why=why, fix=fix))
    vpc = (cluster.get("resourcesVpcConfig") or {}).get("vpcId")
    if vpc and vpc_ids and vpc not in vpc_ids:
        what, fix = f"The EKS cluster is in {vpc}, the nodes are in {', '.join(sorted(vpc_ids))}", "use one VPC"
        findings.append(failure("eks_vpc", what, where=arn, value=vpc, fix=fix))
    return findings


def _judge_version(arn: str, version: str) -> Finding:
    number = _version(version)[:2]
    known = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    if number < OLDEST:
        fix = f"use {known}"
        return failure(
            "eks_version", f"HyperPod does not support Kubernetes {version}", where=arn, value=version, fix=fix
        )
    if number > NEWEST:
        what = f"Kubernetes {version} is newer than what is known to be supported ({known})"
        fix = "look into the list of the AWS documentation"
        return warning("eks_version", what, where=arn, value=version, fix=fix)
    return passed("eks_version", f"Kubernetes {version} is supported", where=arn)


def judge_addons(arn: str, addons: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """Add-ons of the EKS cluster by name. They may also be installed by other means, which can't be seen here."""
    return [_judge_addon(arn, name, addons.get(name)) for name in ADDONS]


def _judge_addon(arn: str, name: str, addon: Mapping[str, Any] | None) -> Finding:
    where, call = f"{arn} {name}", f"--cluster-name {arn.rsplit('/', 1)[-1]} --addon-name {name}"
    if addon is None:
        what = f"The add-on {name} is not installed as an EKS add-on"
        fix = f"aws eks create-addon {call}, or make sure that it is there otherwise"
        return warning("eks_addon", what, where=where, fix=fix)
    version, status = str(addon.get("addonVersion")), str(addon.get("status"))
    issues = (addon.get("health") or {}).get("issues") or []
    if status == "DEGRADED" and {issue.get("code") for issue in issues} == {NO_REPLICAS}:
        what = f"The add-on {name} is DEGRADED: its pods wait for nodes"
        why, fix = "A cluster without nodes has no place for them", "look again when the first nodes have joined"
        return warning("eks_addon", what, where=where, value=status, why=why, fix=fix)
    if status != "ACTIVE":
        told = "; ".join(f"{issue.get('code')}: {issue.get('message')}" for issue in issues)
        fix = f"mend what it tells, or delete and create it again: aws eks describe-addon {call}"
        return failure("eks_addon", f"The add-on {name} is {status}", where=where, value=status, why=told, fix=fix)
    if name == CNI and _version(version) < CNI_OLDEST:
        what = f"The VPC CNI is {version}, and HyperPod needs {'.'.join(map(str, CNI_OLDEST))} or later"
        return failure("eks_addon", what, where=where, value=version, fix=f"update it: aws eks update-addon {call}")
    return passed("eks_addon", f"{name} {version} is ACTIVE", where=where)


def judge_pod_cidr(pod_cidr: str, nodes: int, others: Mapping[str, str]) -> list[Finding]:
    """The network of pods of a self-managed Kubernetes.

    Args:
        pod_cidr: what the user gave.
        nodes: nodes of the cluster.
        others: what it must not overlap, description -> block.
    """
    try:
        block = ipaddress.IPv4Network(pod_cidr)
    except ValueError as error:
        what = f"'{pod_cidr}' is not an IPv4 block: {error}"
        return [failure("pod_cidr", what, where="pod_cidr", value=pod_cidr, fix="write a block such as 10.244.0.0/16")]
    findings = []
    room = 2 ** (NODE_PREFIX - block.prefixlen) if block.prefixlen <= NODE_PREFIX else 0
    if room < nodes:
        bits = max(0, (max(1, nodes) - 1).bit_length())
        findings.append(
            failure(
                "pod_cidr",
                f"The pod network {pod_cidr} has room for {counted(room, 'node')}, and the cluster has {nodes}",
                where="pod_cidr",
                value=pod_cidr,
                why=f"Kubernetes gives each node a /{NODE_PREFIX} of it; the others would stay NotReady",
                fix=f"use a /{NODE_PREFIX - bits} or larger",
            )
        )
    for name, other in others.items():
        if block.overlaps(ipaddress.IPv4Network(other)):
            what, why = f"The pod network {pod_cidr} overlaps {name}, {other}", "Packets to one would go to the other"
            fix = "use a block that nothing else uses"
            findings.append(failure("pod_cidr", what, where="pod_cidr", value=pod_cidr, why=why, fix=fix))
    return findings or [
        passed("pod_cidr", f"{pod_cidr} has room for {counted(room, 'node')} and overlaps nothing", where="pod_cidr")
    ]


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
