# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known failure messages of the service, their likely cause, and the fix. Pure.

Texts are matched by what is stable in them. Sources: the API reference of CreateCluster, the developer guide's pages on
SlurmConfig and troubleshooting of HyperPod, and reports of users.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Explanation:
    """``cause`` is likely, not certain; ``fix`` is what to do first. ``late``: only instances that run fail by it."""

    cause: str
    fix: str
    late: bool = False

    def told(self) -> dict[str, str]:
        """For the results of modules."""
        return {"cause": self.cause, "fix": self.fix}

    def text(self) -> str:
        """For the end of a message."""
        return f"Likely cause: {self.cause}. What to do: {self.fix}"


Known = tuple[tuple["re.Pattern[str]", Explanation], ...]


def entry(pattern: str, cause: str, fix: str, late: bool = False) -> tuple[re.Pattern[str], Explanation]:
    """One line of a table of known messages, whatever their capitals."""
    return re.compile(pattern, re.IGNORECASE | re.DOTALL), Explanation(cause, fix, late)


# More particular ones first: the first match of a message counts.
_KNOWN: Known = (
    entry(
        r"sufficient capacity|insufficient.{0,10}capacity",
        "the availability zone of the group's subnet has no free instances of this type, or the capacity is reserved"
        " for a training plan that the group does not name",
        "use a subnet in a zone that has them (the group's override_vpc_config), set training_plan_arn, or try later",
    ),
    entry(
        r"resource ?limit|service limit|quota",
        "the account's quota for this instance type, for instances per cluster or for volume size is too small",
        "ask Service Quotas for more of '<type> for cluster usage' and of the total, or ask for fewer instances",
    ),
    entry(
        r"configuration drift",
        "the mapping of partitions to nodes in slurm.conf was edited on the controller, and the strategy is Managed",
        "put the mapping back, or choose orchestrator.slurm.slurm_config_strategy Overwrite (yours) or Merge (both)",
    ),
    entry(
        r"KeyError|must match the instance groups",
        "provisioning_parameters.json names an instance group that the cluster does not have",
        "make the group names of the file those of the cluster (worker_groups, controller_group, login_group)",
    ),
    entry(
        r"unknown partition|(two|multiple|several|other|more than one) partitions?|in partition .{0,60}(but|instead)",
        "slurm.conf on the controller maps nodes to other partitions than the service does",
        "put the mapping of partitions to nodes in slurm.conf back, or choose"
        " orchestrator.slurm.slurm_config_strategy Overwrite (the service's) or Merge (both)",
    ),
    entry(
        r"provisioning_parameters",
        "a provisioning_parameters.json lies in the lifecycle prefix while the request has slurm_config",
        "keep one of the two: delete the file from every source_s3_uri, or leave slurm_config out",
    ),
    entry(
        r"(exactly|only) one.{0,40}controller|no controller|\d+ controller|(multiple|more than one) controller",
        "a Slurm cluster has exactly one group of node_type Controller",
        "give exactly one instance group slurm_config.node_type Controller",
    ),
    entry(
        r"partition.{0,80}(compute|controller|login)|(compute|controller|login).{0,80}partition",
        "partition names belong to Compute groups, which need one, and to no others",
        "set slurm_config.partition_names on Compute groups only",
    ),
    entry(
        r"update required to use SlurmConfig",
        "some instance groups have slurm_config and some have not, or the cluster was made by the legacy form",
        "give every instance group slurm_config in the same request, and delete provisioning_parameters.json from every"
        " source_s3_uri",
    ),
    entry(
        r"compatible (AMI|image)|(AMI|image).{0,60}(not (support|compatible)|too old|incompatible)"
        r"|patch.{0,40}(first|before)|UpdateClusterSoftware (API )?(first|before)",
        "the nodes' image is too old for this: the service wants the cluster to be patched once",
        "run hyperpod_software on the instance groups concerned, then try again",
    ),
    entry(
        r"configured as a Slurm controller|controller node.{0,60}can(no|')t be",
        "the Slurm controller is neither replaced nor deleted by itself",
        "leave the controller out; reboot it, or give it a new root volume by hyperpod_software",
    ),
    entry(
        r"(life ?cycle ?config).{0,60}(required|missing|must be|not provided|empty|incomplete)",
        "the group has no complete life_cycle_config, which this kind of cluster needs",
        "set life_cycle_config.source_s3_uri and on_create (EKS always needs them)",
    ),
    entry(
        r"oninitcomplete.{0,80}oncreate|oncreate.{0,80}oninitcomplete",
        "a group has both entry points",
        "set only one of life_cycle_config.on_create and on_init_complete",
    ),
    entry(
        r"fsx.{0,80}vpc|vpc.{0,80}fsx",
        "file systems can be mounted only by clusters in a VPC of yours",
        "set vpc_config (or the group's override_vpc_config) to subnets that reach the file system",
    ),
    entry(
        r"deep health check|FaultyInstance",
        "accelerators or network of an instance did not pass the deep health check",
        "read the results by hyperpod_logs_info (kinds: [deep_health_check]) and replace the node; the service does so"
        " itself where node_recovery is Automatic",
        late=True,
    ),
    entry(
        r"bootstrap failed|network misconfiguration",
        "the instance came up but could not reach the service: no way out of the subnet, or no address of S3 and the"
        " service's endpoints",
        "check the subnet's default route to a NAT gateway (or the VPC endpoints), the network ACLs, DNS in the VPC and"
        " the outbound rules of the security groups",
        late=True,
    ),
    entry(
        r"EFA (health|check)|efa.{0,40}fail",
        "often passing at first boot; else a security group does not allow all traffic to and from itself",
        "check that every security group has a rule for itself in both directions, then try again",
        late=True,
    ),
    entry(
        r"security group",
        "a security group doesn't exist in the subnet's VPC, or does not allow all traffic to and from itself",
        "give security groups of that VPC, each with a rule for itself in both directions",
    ),
    entry(
        r"internet ?gateway|public subnet|subnet.{0,60}public",
        "the subnet is public, and instances of HyperPod get no public address",
        "use a private subnet whose default route goes to a NAT gateway (or VPC endpoints)",
    ),
    entry(
        r"training plan",
        "the training plan is not active, or is for other instance types or another zone than the group's",
        "check training_plan_arn, its state and zone, and use a subnet in that zone",
    ),
    entry(
        r"\bKMS\b|key.{0,40}(disabled|pending deletion|not accessible)",
        "a volume or image can't be decrypted: the KMS key is disabled, or its policy does not allow the service",
        "enable the key and let its policy allow the execution role and the service's role to use it",
    ),
    entry(
        r"access entr(y|ies)|EKS cluster.{0,80}(ACTIVE|not exist|auth)|authentication mode",
        "the EKS cluster is not there or not active, or does not let the service in",
        "check orchestrator.eks.cluster_arn, wait until the EKS cluster is ACTIVE, and set its authentication mode to"
        " API or API_AND_CONFIG_MAP",
    ),
    entry(
        r"(insufficient|not enough|no).{0,20}(free|available)?.{0,10}ip address|Insufficient ?Free ?Addresses",
        "the subnet has too few free addresses",
        "use a larger subnet, or more subnets; instances with many network interfaces take many addresses each",
    ),
    entry(
        r"subnet.{0,60}(not exist|not found|invalid)|InvalidSubnet",
        "the subnet doesn't exist in this account and region",
        "check vpc_config.subnets and region",
    ),
    entry(
        r"life ?cycle ?(script|config)|lifecycle|\bLCS\b|on_create|exit code",
        "the lifecycle script ended with an error on a node",
        "read the end of the node's log, mend the script or what it depends on, then run again",
        late=True,
    ),
    entry(
        r"\bs3\b.{0,120}(denied|forbidden|403|not exist|not accessible)|(denied|forbidden|403).{0,120}\bs3\b"
        r"|NoSuchBucket|NoSuchKey",
        "the nodes' execution role may not read the lifecycle prefix, or it isn't there",
        "check source_s3_uri and the role's policy; the managed policy reads only buckets named sagemaker-*",
    ),
    entry(
        r"assume.{0,20}role|trust (policy|relationship)|role.{0,60}(not exist|invalid|cannot be)",
        "the service can't assume the execution role",
        "let the role trust the service principal sagemaker.amazonaws.com, and check its ARN",
    ),
    entry(
        r"DeleteNetworkInterface|request limit exceeded|throttl",
        "calls to EC2 were throttled while network interfaces were made or removed",
        "run again: the service goes on where it stopped",
        late=True,
    ),
    entry(
        r"(AccessDenied|not authorized|access denied).{0,200}|UnauthorizedOperation",
        "who runs the task, or the execution role, lacks a permission that the message names",
        "grant the action; the documentation of each module lists what it needs",
    ),
    entry(
        r"InternalServerError|internal (server )?error|broke down",
        "the service itself had a fault",
        "run again; when it stays, ask AWS Support with the ids of the cluster and the node",
    ),
    entry(
        r"timed? ?out|health ?check",
        "an instance did not become healthy in time",
        "look at the node's message and log; where it is the hardware, delete or replace the node",
        late=True,
    ),
)


def explain(messages: Iterable[str], *, refused: bool = False, table: Known = _KNOWN) -> list[Explanation]:
    """Likely causes of what was said, each once, in the order of the messages.

    Args:
        messages: texts of the service.
        refused: it said so to a request, so no instance has run.
        table: messages that are known.
    """
    found: list[Explanation] = []
    known = [(pattern, explanation) for pattern, explanation in table if not (refused and explanation.late)]
    for message in messages:
        match = next((explanation for pattern, explanation in known if pattern.search(message)), None)
        if match and match not in found:
            found.append(match)
    return found
