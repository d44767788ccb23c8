# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator's machine beside the nodes of this scenario.

The cluster of HyperPod is one of records, whose nodes have the addresses of the containers; its service replaces, adds
and deletes for real.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import MOLECULE
from support import said

from tests.support.kubernetes.lab import KubernetesLab
from tests.support.kubernetes.lab import hostname

ROOT = MOLECULE.parent
CLUSTER = "kubernetes"
INVENTORY = f"--inventory={MOLECULE / 'inventory_kubeadm.yml'}"


@dataclass
class Operator:
    """Somebody at a machine that reaches both APIs."""

    lab: KubernetesLab
    description: dict[str, Any]

    def start(self, name: str, *arguments: str, **variables: Any) -> subprocess.Popen[str]:
        """A playbook of the collection."""
        given = {
            "hyperpod_description": self.description,
            "hyperpod_lifecycle_managed": False,
            "hyperpod_kubeconfig": str(self.lab.folder / "admin.conf"),
            "hyperpod_wait_delay": 1,
            "k8s_masters": ["kube_master"],
            "k8s_hosts": {hostname(address): host for host, address in self.lab.nodes.items()},
            "hyperpod_nodes_become": False,
            **variables,
        }
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            f"--inventory={MOLECULE / 'inventory.yml'}",
            INVENTORY,
            f"--extra-vars={json.dumps(given)}",
            *arguments,
            str(ROOT / "playbooks" / name),
        ]
        environment = {**os.environ, **self.lab.cloud.environment}
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def play(self, name: str, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        process = self.start(name, *arguments, **variables)
        output, _none = process.communicate(timeout=300)
        return subprocess.CompletedProcess(process.args, process.returncode, output, "")

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Nodes of the cluster by their names."""
        listed = self.lab.cloud.aws("sagemaker", "list-cluster-nodes", "--cluster-name", CLUSTER)
        return {node["PrivateDnsHostname"].split(".")[0]: node for node in listed["ClusterNodeSummaries"]}

    def group(self, number: int) -> dict[str, Any]:
        """A group of the description."""
        return dict(self.description["instance_groups"][number])


def names(lab: KubernetesLab) -> set[str]:
    """Of the nodes that are containers."""
    return {hostname(address) for address in lab.nodes.values()}


def made(lab: KubernetesLab) -> dict[str, Any]:
    """What the cluster is described with: a network whose next free addresses are those of the containers."""
    aws, base = lab.cloud.aws, lab.network_base
    vpc = aws("ec2", "create-vpc", "--cidr-block", f"{base}.0/24")["Vpc"]["VpcId"]
    subnet = aws(
        *("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", f"{base}.16/28", "--availability-zone", "us-west-2a")
    )["Subnet"]["SubnetId"]
    for taken in (20, *range(23, 27)):
        aws("ec2", "create-network-interface", "--subnet-id", subnet, "--private-ip-address", f"{base}.{taken}")
    (security,) = aws("ec2", "describe-security-groups", "--filters", f"Name=vpc-id,Values={vpc}")["SecurityGroups"]
    own = security["GroupId"]
    everything = f"IpProtocol=-1,UserIdGroupPairs=[{{GroupId={own}}}]"
    aws("ec2", "authorize-security-group-ingress", "--group-id", own, "--ip-permissions", everything)
    bucket = f"sagemaker-{vpc}"
    aws(
        *("s3api", "create-bucket", "--bucket", bucket),
        *("--create-bucket-configuration", "LocationConstraint=us-west-2"),
    )
    script = lab.folder / "on_create.sh"
    script.write_text("#!/bin/sh\n", encoding="utf-8")
    aws("s3api", "put-object", "--bucket", bucket, "--key", "lc/on_create.sh", "--body", str(script))
    return {
        "cluster_name": CLUSTER,
        "region": "us-west-2",
        "network": {
            "vpc_id": vpc,
            "subnet_ids": [subnet],
            "security_group_ids": [own],
        },
        "instance_groups": [
            {
                "instance_group_name": name,
                "instance_type": "ml.c5.xlarge",
                "instance_count": 1,
                "slurm_config": {"node_type": kind, **more},
                "life_cycle_config": {"source_s3_uri": f"s3://{bucket}/lc", "on_create": "on_create.sh"},
            }
            for name, kind, more in (
                ("controller-machine", "Controller", {}),
                ("worker-group-1", "Compute", {"partition_names": ["p1"]}),
            )
        ],
    }


def start(lab: KubernetesLab, master: Any) -> Operator:
    """Both APIs within reach of somebody, and the cluster as it was described."""
    lab.cloud.port, lab.cloud.speed = int(lab.cloud.status()["port"]), 600
    lab.cloud.up()
    (lab.folder / "admin.conf").write_text(master.check_output("cat /etc/kubernetes/admin.conf"), encoding="utf-8")
    operator = Operator(lab, made(lab))
    done = operator.play("cluster.yml")
    assert done.returncode == 0, said(done)
    assert set(operator.nodes()) == names(lab)
    return operator
