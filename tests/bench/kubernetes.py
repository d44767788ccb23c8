# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of Kubernetes, one master and one worker: from empty containers to Ready, by the roles and by hand.

``python -m tests.bench.kubernetes`` prints the ratio with its aim, and where the time goes. Each side has an equal
fresh pair of containers for real kubeadm (the lab of molecule/kubeadm), in which containerd is installed, and neither
Kubernetes nor any image is:

- ours: one run of kubeadm_common, kubeadm_master and kubeadm_worker on both nodes, as molecule/kubeadm has it;
- bare: what kubeadm's documentation says, typed by somebody who never errs: packages, containerd's configuration, the
  images' archives, ``kubeadm init``, flannel, ``kubeadm token create``, ``kubeadm join``; on both nodes at a time, and
  the worker joins the moment that the token is there. The files are those that ours has written.

Ours does more: it looks at everything first, encrypts secrets at rest, keeps the join secret in Secrets Manager, has
timers for it and for certificates, and gives a user a kubeconfig; its worker asks for the secret every few seconds, for
nobody calls it. Both sides end when all nodes are Ready; ours not before its run has ended as well.

The sides run one after the other, so that the clock compares them only while nothing else runs on the machine. CPU
seconds are those of both containers, and of ansible-playbook, which here runs beside them and on HyperPod inside.
"""

from __future__ import annotations

import concurrent.futures
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.node import Node
from tests.bench.ratio import Ratio
from tests.bench.ratio import command
from tests.support.kubernetes.lab import hostname
from tests.support.kubernetes.own import KUBECTL
from tests.support.kubernetes.own import PODS
from tests.support.kubernetes.own import OwnLab

MASTER, WORKER = "kube_master", "kube_worker"
AIM = 1.25
# Files of ours that bare gets as they are, by node.
FILES = {
    MASTER: ("/etc/containerd/config.toml", "/etc/kubernetes/podforge/flannel.yaml"),
    WORKER: ("/etc/containerd/config.toml",),
}
ARCHIVES = {MASTER: "{etcd,kube-[acps]*,coredns,flannel*,pause}", WORKER: "{[!dek]*,kube-proxy}"}
BARE = """
set -e
mkdir -p /opt/cni/bin /etc/containerd
echo 'deb [trusted=yes] file:/opt/kubernetes/packages ./' > /etc/apt/sources.list.d/kubernetes.list
apt-get -qq update -o Dir::Etc::sourcelist=sources.list.d/kubernetes.list -o Dir::Etc::sourceparts=-
DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends kubelet kubeadm kubectl
apt-mark hold kubelet kubeadm kubectl
ln -s /usr/lib/cni/* /opt/cni/bin
cp /root/config.toml /etc/containerd/config.toml
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || sysctl -q -w net.ipv4.ip_forward=1
systemctl restart containerd
for archive in /opt/kubernetes/images/%s.tar; do ctr -n k8s.io images import "$archive"; done
"""
INIT = """
set -e
kubeadm init --config /root/kubeadm.yaml --skip-token-print >&2
export KUBECONFIG=/etc/kubernetes/admin.conf
kubectl apply -f /root/flannel.yaml >&2
kubeadm token create --print-join-command
"""
CONFIG = """
apiVersion: kubeadm.k8s.io/v1beta2
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: {address}}}
nodeRegistration: {{name: {name}, criSocket: /run/containerd/containerd.sock}}
---
apiVersion: kubeadm.k8s.io/v1beta2
kind: ClusterConfiguration
kubernetesVersion: v1.20.2
networking: {{podSubnet: {pods}}}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
"""
# When things were there, by the nodes' own files and by the API; seconds since 1970, names as they are printed.
OF_NODES = """
since() { stat -c "$1=%%.2$2" "$3"; }
since 'packages, %(who)s' Z /usr/bin/kubelet
since 'kubelet has its configuration, %(who)s' Y /var/lib/kubelet/config.yaml
find /opt/dlami/nvme/containerd/io.containerd.content.v1.content/blobs -type f -printf 'images, %(who)s=%%C@\\n' |
    sort -t= -k2n | tail -n 1
"""
OF_API = {
    "the API answers": ("namespace kube-system", "{.metadata.creationTimestamp}"),
    "kubeadm init ends": ("-n kube-system daemonset kube-proxy", "{.metadata.creationTimestamp}"),
    "flannel is applied": ("-n kube-flannel daemonset kube-flannel-ds", "{.metadata.creationTimestamp}"),
}
READY = '{.status.conditions[?(@.type=="Ready")].lastTransitionTime}'


@dataclass(frozen=True)
class Side:
    """Seconds by the clock and of CPU, and when things were there."""

    wall: float
    cpu: float
    moments: dict[str, float]


def by_roles(lab: OwnLab) -> None:
    """Ours."""
    lab.run(MASTER, WORKER, kubeadm_master_audit_policy={}).well(1200)


def by_hand(lab: OwnLab) -> None:
    """Bare commands."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        worker = pool.submit(lab.must, WORKER, BARE % ARCHIVES[WORKER], 600)
        lab.must(MASTER, BARE % ARCHIVES[MASTER], 600)
        join = lab.must(MASTER, INIT, 600).strip()
        worker.result()
    lab.must(WORKER, f"{join} --node-name {hostname(lab.nodes[WORKER])}", 600)


def measure(lab: OwnLab, commands: Callable[[OwnLab], None]) -> Side:
    """One side, on nodes on which nothing has run."""
    nodes = [Node(lab.container(node)) for node in lab.nodes]

    def cpu() -> float:
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.ru_utime + own.ru_stime + sum(node.cpu() for node in nodes)

    used, begin, moment = cpu(), time.monotonic(), time.time()
    commands(lab)
    lab.wait_ready(MASTER, *(hostname(address) for address in lab.nodes.values()), seconds=600)
    wall, used = time.monotonic() - begin, cpu() - used
    return Side(wall, used, {name: when - moment for name, when in moments(lab).items()})


def moments(lab: OwnLab) -> dict[str, float]:
    """When things were there."""
    found = {}
    for node in lab.nodes:
        lines = lab.must(node, OF_NODES % {"who": node.removeprefix("kube_")}).splitlines()
        found.update({name: float(when) for name, when in (line.split("=") for line in lines)})
    ready = {
        f"{node.removeprefix('kube_')} is Ready": (f"node {hostname(lab.nodes[node])}", READY) for node in lab.nodes
    }
    for name, (what, path) in {**OF_API, **ready}.items():
        when = f"date +%s -d \"$({KUBECTL} get {what} -o jsonpath='{path}')\""
        found[name] = float(lab.must(MASTER, when))
    return found


def prepare(lab: OwnLab, files: dict[str, dict[str, str]]) -> None:
    """What somebody who types has at hand."""
    config = CONFIG.format(address=lab.nodes[MASTER], name=hostname(lab.nodes[MASTER]), pods=PODS)
    for node, there in files.items():
        for path, text in {**there, "/root/kubeadm.yaml": config}.items():
            lab.put(node, f"/root/{Path(path).name}", text)


def both() -> dict[str, Any]:
    """All costs."""
    with tempfile.TemporaryDirectory(prefix="podforge-bench-") as temporary:
        lab = OwnLab("kubernetes-bench", Path(temporary), MASTER, WORKER)
        try:
            lab.up()
            ours = measure(lab, by_roles)
            files = {node: {path: lab.must(node, f"cat {path}") for path in FILES[node]} for node in lab.nodes}
            lab.up()
            prepare(lab, files)
            bare = measure(lab, by_hand)
        finally:
            lab.down()
    return {
        name: {"wall": side.wall, "cpu": side.cpu, "moments": side.moments}
        for name, side in (("ours", ours), ("bare", bare))
    }


def printed(result: dict[str, Any]) -> list[str]:
    """The ratio, and where the time goes."""
    ours, bare = result["ours"], result["bare"]
    title = "Kubernetes from empty containers to Ready / bare kubeadm"
    lines = [
        Ratio(name, ours[unit], bare[unit], AIM).line()
        for unit, name in (("wall", title), ("cpu", "  the same in CPU seconds"))
    ]
    lines.append("\nwhen things of Kubernetes are there, seconds from the start      ours     bare")
    rows = sorted(ours["moments"].items(), key=lambda row: row[1])
    lines += [f"  {name:<52} {when:8.1f} {bare['moments'][name]:8.1f}" for name, when in rows]
    lines.append(f"  {'all of it':<52} {ours['wall']:8.1f} {bare['wall']:8.1f}")
    return lines


if __name__ == "__main__":
    sys.exit(command(__doc__, both, printed))
