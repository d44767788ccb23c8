# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster agent's part of slurm.conf and gres.conf, from the files in /opt/ml/config. Only main does I/O.

Sources: slurm.conf(5), gres.conf(5) of Slurm 22.05; Amazon SageMaker developer guide, "SageMaker HyperPod FAQ" and
"Automatic node recovery and auto-resume" (keys the agent owns, permit_job_expansion and task/none); the resource
configuration file and provisioning_parameters.json as documented there.

``python3 -m local_cloud_agents.slurm_conf --render RESOURCE_CONFIG PROVISIONING_PARAMETERS`` prints both files.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# slurm.conf(5), ClusterName: "up to 40 characters"; the accounting keeps them in lower case.
MAX_CLUSTER_NAME = 40
# GPUs per instance -> types (Amazon EC2 instance type specifications). No device is here: the type decides.
_GPU_TYPES = {
    1: "p3.2 p5.4 g5. g5.2 g5.4 g5.8 g5.16 g6. g6.2 g6.4 g6.8 g6.16 g6e. g6e.2 g6e.4 g6e.8 g6e.16 gr6.4 gr6.8",
    4: "p3.8 p6e-gb200.36 g5.12 g5.24 g6.12 g6.24 g6e.12 g6e.24",
    8: "p3.16 p3dn.24 p4d.24 p4de.24 p5.48 p5e.48 p5en.48 p6-b200.48 p6-b300.48 g5.48 g6.48 g6e.48",
}
GPUS = {f"ml.{name}xlarge": count for count, names in _GPU_TYPES.items() for name in names.split()}

GENERAL = """\
# Written by the cluster agent from the cluster's resource configuration. It writes this file again when the cluster
# changes, and other edits are lost then. Settings of your own belong into accounting.conf or a file it includes.
ClusterName={cluster}
{controllers}
SlurmUser=slurm
AuthType=auth/munge
CredType=cred/munge
CommunicationParameters=NoAddrCache
SlurmctldPort=6817
SlurmdPort=6818
SlurmctldParameters=enable_configless
SlurmdParameters=config_overrides
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
SlurmctldDebug=info
SlurmdDebug=info
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=permit_job_expansion
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
MailProg=/bin/true
PropagateResourceLimits=NONE
ReturnToService=2
SlurmctldTimeout=300
SlurmdTimeout=60
"""


@dataclass(frozen=True)
class Node:
    """One line of the node table."""

    name: str
    address: str
    gpus: int


@dataclass(frozen=True)
class Layout:
    """The cluster as Slurm is to see it.

    ``controllers`` are (name, address), the primary one first; ``partitions`` maps names to node names.
    """

    cluster: str
    controllers: list[tuple[str, str]]
    nodes: list[Node]
    partitions: dict[str, list[str]]


def node_name(address: str) -> str:
    """Host and Slurm name of an instance: ip-a-b-c-d of the customer's address."""
    return f"ip-{address.replace('.', '-')}"


def _instances(group: dict[str, Any]) -> list[dict[str, Any]]:
    # Instances may be null or missing for a group without any.
    return [instance for instance in group.get("Instances") or [] if instance.get("CustomerIpAddress")]


def instance_ids(resource: dict[str, Any]) -> dict[str, str]:
    """Node name -> id of the instance that has it now."""
    groups = resource.get("InstanceGroups") or []
    return {node_name(i["CustomerIpAddress"]): i.get("InstanceId", "") for group in groups for i in _instances(group)}


def layout_of(resource: dict[str, Any], parameters: dict[str, Any]) -> Layout:
    """What the two files say. Groups that no parameter names have no place in Slurm.

    Raises:
        ValueError: there is no controller instance.
    """
    groups = {group["Name"]: group for group in resource.get("InstanceGroups") or []}
    controllers = _controllers(resource, groups.get(parameters.get("controller_group", "")) or {})
    if not controllers:
        raise ValueError(f"no instance in the controller group '{parameters.get('controller_group')}'")
    nodes: dict[str, Node] = {}
    partitions: dict[str, list[str]] = {}
    workers = [
        (item["instance_group_name"], item.get("partition_name")) for item in parameters.get("worker_groups") or []
    ]
    login = parameters.get("login_group")
    for name, partition in [*workers, *([(login, None)] if login else [])]:
        group = groups.get(name) or {}
        members = _instances(group)
        for instance in members:
            address = instance["CustomerIpAddress"]
            nodes[address] = Node(node_name(address), address, GPUS.get(group.get("InstanceType", ""), 0))
        if partition:
            names = partitions.setdefault(partition, [])
            names += [node_name(instance["CustomerIpAddress"]) for instance in members]
    cluster = resource.get("ClusterConfig", {}).get("ClusterName", "cluster").lower()[:MAX_CLUSTER_NAME]
    ordered = sorted(nodes.values(), key=lambda node: _address_key(node.address))
    return Layout(cluster, controllers, ordered, partitions)


def _controllers(resource: dict[str, Any], group: dict[str, Any]) -> list[tuple[str, str]]:
    slurm = resource.get("SlurmConfig") or {}
    addresses = [slurm.get("PrimaryControllerIp"), *(slurm.get("SecondaryControllerIps") or [])]
    known = [address for address in addresses if address]
    if not known:
        known = [instance["CustomerIpAddress"] for instance in _instances(group)]
    return [(node_name(address), address) for address in known]


def _address_key(address: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", address)]


def slurm_conf(layout: Layout, cpus: int, memory_mb: int) -> str:
    """The text of slurm.conf.

    Args:
        layout: the cluster.
        cpus, memory_mb: what a node really has here (with config_overrides Slurm takes it as it is).
    """
    hosts = "\n".join(f"SlurmctldHost={name}({address})" for name, address in layout.controllers)
    # State=CLOUD, as on the service, would hide nodes until they register, and keep a controller that was replaced
    # from asking those that run; UNKNOWN does neither.
    text = [GENERAL.format(cluster=layout.cluster, controllers=hosts)]
    if any(node.gpus for node in layout.nodes):
        text.append("GresTypes=gpu\n")
    if not layout.nodes:
        # slurmctld does not start without a node; a FUTURE one counts and is shown by no command.
        text.append("NodeName=no-nodes-yet State=FUTURE\n")
    for node in layout.nodes:
        gres = f" Gres=gpu:{node.gpus}" if node.gpus else ""
        size = f"CPUs={cpus} RealMemory={memory_mb}"
        text.append(f"NodeName={node.name} NodeAddr={node.address} {size}{gres} State=UNKNOWN\n")
    text.append("PartitionName=dev Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=EXCLUSIVE\n")
    for name, members in layout.partitions.items():
        if name != "dev":
            nodes = f" Nodes={','.join(members)}" if members else ""
            text.append(f"PartitionName={name}{nodes} Default=NO MaxTime=INFINITE State=UP\n")
    text.append("include accounting.conf\n")
    return "".join(text)


def node_table(layout: Layout) -> str:
    """What slurmctld reads at its start only: names of the nodes, with their GPUs where they have some."""
    return ",".join(f"{node.name}:gpu:{node.gpus}" if node.gpus else node.name for node in layout.nodes)


def gres_conf(layout: Layout) -> str:
    """The text of gres.conf. The host agent makes the device names; what they stand for is /dev/null."""
    lines = [f"NodeName={node.name} Name=gpu File={devices(node.gpus)}\n" for node in layout.nodes if node.gpus]
    return "# Written by the cluster agent.\n" + "".join(lines)


def devices(gpus: int) -> str:
    """Device files of so many GPUs, as a host list expression."""
    return "/dev/nvidia0" if gpus == 1 else f"/dev/nvidia[0-{gpus - 1}]"


def machine(meminfo: str) -> tuple[int, int]:
    """CPUs that this process may use, and megabytes of memory, from the text of /proc/meminfo."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return len(os.sched_getaffinity(0)), int(found.group(1)) // 1024 if found else 1


def main(arguments: list[str] | None = None) -> int:
    """Print what would be written."""
    parser = argparse.ArgumentParser(description="Print slurm.conf and gres.conf as the cluster agent writes them.")
    parser.add_argument("--render", nargs=2, metavar=("RESOURCE_CONFIG", "PROVISIONING_PARAMETERS"), required=True)
    options = parser.parse_args(arguments)
    resource, parameters = (json.loads(Path(name).read_text(encoding="utf-8")) for name in options.render)
    layout = layout_of(resource, parameters)
    cpus, memory = machine(Path("/proc/meminfo").read_text(encoding="utf-8"))
    sys.stdout.write(f"### slurm.conf\n{slurm_conf(layout, cpus, memory)}### gres.conf\n{gres_conf(layout)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
