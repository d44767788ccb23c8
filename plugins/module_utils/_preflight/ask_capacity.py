# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what preflight asks of Service Quotas, EC2, SageMaker and EKS about instances and Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import api
from . import capacity
from . import kubernetes
from . import quotas as judges
from . import static

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._findings import Finding
    from .survey import Survey


def instance_types(survey: Survey) -> Iterator[Finding]:
    """Whether EC2 offers the instance types where the nodes are to be."""
    wanted: dict[str, set[str]] = {}
    sole: set[str] = set()
    for group in survey.groups:
        kinds = [kind for kind in capacity.types_of(group) if kind in survey.instance_types]
        zones = survey.zones_of(group)
        for kind in kinds if zones else []:
            wanted.setdefault(kind, set()).update(zones)
        sole.update(kinds if len(kinds) == 1 else [])
    if wanted:
        names = sorted(capacity.ec2_name(kind) for kind in wanted)
        ec2, action = survey.client("ec2"), "ec2:DescribeInstanceTypeOfferings"
        offered = survey.ask("instance_offering", action, api.offerings, ec2, names)
        yield from capacity.judge_offerings(wanted, offered, choices=set(wanted) - sole)


def quotas(survey: Survey) -> Iterator[Finding]:
    """Service quotas of SageMaker."""
    nodes = survey.description["nodes"]
    client, action = survey.client("service-quotas"), "servicequotas:ListServiceQuotas"
    values = survey.ask("quota", action, api.quotas, client, judges.SERVICE_CODE)
    volume = static.largest_volume(survey.description)
    yield from judges.judge_quotas(values, nodes["by_type"], nodes["total"], volume)


def training_plans(survey: Survey) -> Iterator[Finding]:
    """Training plans that groups use."""
    arns = [str(group["training_plan_arn"]) for group in survey.groups if group.get("training_plan_arn")]
    for arn in dict.fromkeys(arns):
        users = [group for group in survey.groups if group.get("training_plan_arn") == arn]
        client, action = survey.client("sagemaker"), "sagemaker:DescribeTrainingPlan"
        plan = survey.ask("training_plan", action, api.training_plan, client, arn)
        types = {str(group["instance_group_name"]): capacity.types_of(group) for group in users}
        zones = {str(group["instance_group_name"]): survey.zones_of(group) for group in users}
        needed = sum(survey.more_nodes(group) for group in users)
        yield from capacity.judge_training_plan(arn, plan, types, zones, needed)


def eks(survey: Survey) -> Iterator[Finding]:
    """The EKS cluster that HyperPod is to be attached to, if it is."""
    if not static.is_eks(survey.description):
        return
    arn = str(survey.description["cluster"]["orchestrator"]["eks"]["cluster_arn"])
    name, client = arn.rsplit("/", 1)[-1], survey.client("eks")
    cluster = survey.ask("eks_cluster", "eks:DescribeCluster", api.eks_cluster, client, name)
    yield from kubernetes.judge_eks(arn, cluster, survey.vpc_ids)
    if cluster is not None:
        names = survey.ask("eks_addon", "eks:ListAddons", api.addon_names, client, name)
        known = [addon for addon in names if addon in kubernetes.ADDONS]
        addons = {a: survey.ask("eks_addon", "eks:DescribeAddon", api.addon, client, name, a) for a in known}
        yield from kubernetes.judge_addons(arn, addons)
