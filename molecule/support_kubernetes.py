# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios with a cluster of Kubernetes share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.support.kubernetes.lab import KubernetesLab
from tests.support.kubernetes.lab import molecule_lab

NAMED = "hyperpod-k8s-molecule0001"


def lab_of(*nodes: str) -> KubernetesLab:
    """The nodes that prepare.yml has made."""
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "kubernetes"
    config = json.loads((folder / "config" / "resource_config.json").read_text(encoding="utf-8"))
    address = config["InstanceGroups"][0]["Instances"][0]["CustomerIpAddress"]
    return molecule_lab(folder, f"{address.rsplit('.', 1)[0]}.0/24", nodes)


def kubectl(master: Any, words: str) -> str:
    """As the user who got the kubeconfig."""
    return str(master.check_output(f"su - ubuntu -c {json.dumps(f'kubectl {words}')}"))


def secret(lab: KubernetesLab, node: str, name: str = NAMED, stage: str = "AWSCURRENT") -> dict[str, Any]:
    """What is in a secret of joining; this is the only place where anybody reads it but nodes."""
    script = (
        ". /opt/local_cloud/node/environment; "
        "aws --region us-west-2 secretsmanager get-secret-value --query SecretString --output text "
        f"--secret-id {name} --version-stage {stage}"
    )
    found: dict[str, Any] = json.loads(lab.shell(node, script) or "{}")
    return found


def ready(master: Any, node: str) -> bool:
    """Whether a node is Ready; no while nobody can say it."""
    found = master.run(f"kubectl --kubeconfig /etc/kubernetes/admin.conf --request-timeout=5s get node {node} -o json")
    conditions = json.loads(found.stdout or "{}").get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
