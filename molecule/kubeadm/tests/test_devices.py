# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPUs and EFA for pods: devices that a real kubelet has been told of, and what the API server takes of the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import MOLECULE
from support import changed
from support import eventually
from support import said
from support_kubernetes import kubectl

from tests.support.kubernetes.lab import KubernetesLab

ROOT = MOLECULE.parent
# what is there and runs for long
IMAGE = "k8s.gcr.io/pause:3.2"
HARDWARE = {"c5.xlarge": {"gpu": 2, "efa": 1}}
REGISTRY = "602401143452.dkr.ecr.us-west-2.amazonaws.com"
# The CronJob's container as far as its script sees it: the service account, the address of the API, aws.
LOGIN = f"""
set -e
. /opt/local_cloud/node/environment
export KUBECONFIG=/etc/kubernetes/admin.conf PATH="$PATH:/opt/aws-cli/bin" PODFORGE_ACCOUNT="$(mktemp -d)"
export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=6443
account=$(kubectl -n kube-system get sa podforge-ecr-login -o jsonpath='{{.secrets[0].name}}')
kubectl -n kube-system get secret "$account" -o jsonpath='{{.data.token}}' | base64 -d > "$PODFORGE_ACCOUNT/token"
cp /etc/kubernetes/pki/ca.crt "$PODFORGE_ACCOUNT"
get='kubectl -n kube-system get'
$get configmap podforge-ecr-login -o jsonpath='{{.data.ecr_login\\.sh}}' > "$PODFORGE_ACCOUNT/login"
sh "$PODFORGE_ACCOUNT/login" {REGISTRY} podforge-ecr kube-system
$get secret podforge-ecr -o jsonpath='{{.data.\\.dockerconfigjson}}' | base64 -d > "$PODFORGE_ACCOUNT/now"
grep -o {REGISTRY} "$PODFORGE_ACCOUNT/now"
rm -r "$PODFORGE_ACCOUNT"
"""
# Of the size that kubectl apply fails over; what the operator makes of it is not shown.
MPI = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "mpijobs.kubeflow.org"},
    "spec": {
        "group": "kubeflow.org",
        "names": {"kind": "MPIJob", "plural": "mpijobs", "singular": "mpijob", "listKind": "MPIJobList"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v2beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "description": "long " * 60000,
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}
MAY = "auth can-i {} -n kube-system --as system:serviceaccount:kube-system:podforge-ecr-login"


def play(lab: KubernetesLab, name: str = "k8s_plugins.yml", **variables: Any) -> subprocess.CompletedProcess[str]:
    """The playbook as an operator runs it."""
    given = {
        "hyperpod_kubeconfig": str(lab.folder / "admin.conf"),
        **{f"nvidia_efa_plugins_{name}_image": IMAGE for name in ("gpu", "efa", "ecr")},
        "nvidia_efa_plugins_hardware": HARDWARE,
        "nvidia_efa_plugins_mpi_manifest": str(lab.folder / "mpi.json"),
        **variables,
    }
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        f"--extra-vars={json.dumps(given)}",
        str(ROOT / "playbooks" / name),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture(scope="module")
def devices(lab: KubernetesLab, master: Any) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """What plays the plugins on each node, by node and resource; they end with the tests."""
    (lab.folder / "admin.conf").write_text(master.check_output("cat /etc/kubernetes/admin.conf"), encoding="utf-8")
    (lab.folder / "mpi.json").write_text(json.dumps(MPI), encoding="utf-8")
    script = ROOT / "tests" / "support" / "kubernetes" / "device_plugin.py"
    running = {}
    for node in lab.nodes:
        folder = lab.volume(node, "/var/lib/kubelet") / "device-plugins"
        for resource, count in (("nvidia.com/gpu", 2), ("vpc.amazonaws.com/efa", 1)):
            running[f"{node} {resource}"] = subprocess.Popen(
                [sys.executable, str(script), str(folder), resource, str(count)], stdout=subprocess.PIPE, text=True
            )
    for process in running.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "registered\n"
    yield running
    for process in running.values():
        process.kill()
        process.wait()


def test_nodes_offer_what_they_have_and_a_pod_gets_it(
    devices: dict[str, subprocess.Popen[str]], lab: KubernetesLab, master: Any
) -> None:
    done = play(lab)
    assert done.returncode == 0, said(done)
    # the image of aws is not here: its script is run by hand, as that account, which may do just this
    assert master.check_output(LOGIN).splitlines()[-1] == REGISTRY
    assert (
        master.run(f"kubectl --kubeconfig /etc/kubernetes/admin.conf {MAY.format('create secrets')}").stdout == "no\n"
    )
    again = play(lab)
    assert again.returncode == 0, said(again)
    assert changed(again.stdout, "localhost") == 0, again.stdout
    kubectl(master, "delete pod with-gpu --ignore-not-found")
    kubectl(master, f"run with-gpu --image={IMAGE} --restart=Never --limits=nvidia.com/gpu=1")
    phase = "get pod with-gpu -o jsonpath='{.status.phase}'"
    assert eventually(lambda: kubectl(master, phase) == "Running", 120), kubectl(master, "describe pod with-gpu")
    kubectl(master, "delete pod with-gpu --wait=false")


def test_a_job_that_says_nothing_has_not_passed(devices: dict[str, subprocess.Popen[str]], lab: KubernetesLab) -> None:
    """The API server takes the job; nobody is here to run it."""
    assert devices
    done = play(lab, "nccl_test.yml", nccl_test_timeout=5)
    assert done.returncode != 0
    assert "it has not come to its end" in said(done), said(done)
    assert "There is no log: see kubectl -n default describe mpijob podforge-nccl-test" in said(done)
