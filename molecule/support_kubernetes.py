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

# where the play's backups go
BUCKET = "molecule-backups"
NAMED = "hyperpod-k8s-molecule0001"


def lab_of(*nodes: str) -> KubernetesLab:
    """The nodes that prepare.yml has made."""
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "kubernetes"
    config = json.loads((folder / "config" / "resource_config.json").read_text(encoding="utf-8"))
    address = config["InstanceGroups"][0]["Instances"][0]["CustomerIpAddress"]
    return molecule_lab(folder, f"{address.rsplit('.', 1)[0]}.0/24", nodes)


def make_bucket(lab: KubernetesLab) -> None:
    """Where backups go, in the local cloud."""
    lab.cloud.port = int(lab.cloud.status()["port"])
    lab.cloud.aws(
        *("s3api", "create-bucket", "--bucket", BUCKET),
        *("--create-bucket-configuration", "LocationConstraint=us-west-2"),
    )


def reach_s3(lab: KubernetesLab, master: Any) -> None:
    """What the metadata service and the region do on a real node, for who is not started by systemd."""
    settings = json.loads((lab.folder / "environment.json").read_text(encoding="utf-8"))
    lines = [
        "[default]",
        f"endpoint_url = {settings['AWS_ENDPOINT_URL']}",
        f"aws_access_key_id = {settings['AWS_ACCESS_KEY_ID']}",
        f"aws_secret_access_key = {settings['AWS_SECRET_ACCESS_KEY']}",
    ]
    text = "\n".join(lines)
    master.run_expect([0], f"mkdir -p /root/.aws && cat > /root/.aws/config <<'END'\n{text}\nEND")


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
