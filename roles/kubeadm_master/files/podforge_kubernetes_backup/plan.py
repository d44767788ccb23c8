# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides: names, whose turn it is, what fits, what is lost. Pure."""

from __future__ import annotations

import datetime
import re
import typing as t
from dataclasses import dataclass

from podforge_backup.archives import archives

MEMBERS = {"etcd": "etcd.db.gz", "keys": "keys.tar"}
# Of /etc/kubernetes: what kubeadm makes all others from. Without these another cluster would come of it.
KEYS = (
    "pki/ca.crt",
    "pki/ca.key",
    "pki/sa.key",
    "pki/sa.pub",
    "pki/front-proxy-ca.crt",
    "pki/front-proxy-ca.key",
    "pki/etcd/ca.crt",
    "pki/etcd/ca.key",
)
ENCRYPTION = "podforge/encryption.yaml"
MASTER_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
# etcd's documentation, "Restoring with revision bump": more than anybody can have written since the snapshot
BUMP = ("--bump-revision=1000000000", "--mark-compacted")


@dataclass(frozen=True)
class Config:
    """What the role has written."""

    destination: str
    cluster: str
    node: str
    address: str
    endpoint: str
    # addresses by name
    masters: t.Mapping[str, str]
    pod_cidr: str
    service_cidr: str
    encryption: bool
    kubeadm: str
    ignore_preflight: t.Sequence[str] = ()
    keep: int = 72
    users: t.Sequence[str] = ()
    work_dir: str = "/var/tmp"  # noqa: S108 - for folders that tempfile makes
    region: str = ""


@dataclass(frozen=True)
class Here:
    """What is on this master. ``ca`` is the identity of a cluster: SHA-256 of its CA's certificate, or nothing."""

    ca: str = ""
    answers: bool = False
    workers: t.Sequence[str] = ()
    # etcd has data here, whether there is a cluster or not
    data: bool = False
    # name of the backup whose restore has not come to its end, since when, where what it replaces was kept, and
    # whether the cluster was made of it
    begun: str = ""
    since: str = ""
    kept: str = ""
    made: bool = False


def prefix_of(cluster: str, ca: str) -> str:
    """What names of backups begin with. A cluster made anew under its name has another CA, and backups of its own."""
    return f"kubernetes-{cluster}-{ca[:12]}"


def all_of(names: t.Iterable[str], cluster: str) -> list[str]:
    """Backups of a cluster of this name, whichever CA it had, the oldest first."""
    form = rf"kubernetes-{re.escape(cluster)}-[0-9a-f]{{12}}-(\d{{8}}T\d{{6}}Z)\.tar"
    found = [(match.group(1), name) for name in names for match in [re.fullmatch(form, name)] if match]
    return [name for _time, name in sorted(found)]


def is_new(here: Here, names: t.Iterable[str], cluster: str) -> bool:
    """Whether the cluster here is one that a replaced master has made: without workers, and without a backup."""
    names = all_of(names, cluster)
    own = archives(names, prefix_of(cluster, here.ca))
    return bool(here.ca and here.answers and not here.workers and names and not own)


def unsaved(here: Here, names: t.Iterable[str], cluster: str) -> str:
    """Why the first backup of the cluster here is not made, where there are backups of one before; empty: it is.

    Once it is there, nobody can tell any more by the backups which of the two is to be restored.
    """
    names = all_of(names, cluster)
    if is_new(here, names, cluster):
        return "this cluster is new and has no workers"
    if here.answers or not names or archives(names, prefix_of(cluster, here.ca)):
        return ""
    return "the API does not answer, so that nobody knows whether this cluster is a new one"


def newest(names: t.Iterable[str], cluster: str) -> list[str]:
    """The newest backup of each cluster that has had this name, the newest of all last."""
    found: dict[str, str] = {}
    for name in all_of(names, cluster):
        ca = name.rsplit("-", 1)[0]
        found.pop(ca, "")
        found[ca] = name
    return list(found.values())


def chosen(wish: str, here: Here, names: t.Iterable[str], cluster: str) -> list[str]:
    """The backup that is meant; none: there is none; several: of which clusters, for somebody to say which."""
    if wish not in ("", "latest"):
        return [wish]
    return [here.begun] if here.begun else newest(names, cluster)


def token_of(name: str, now: datetime.datetime) -> str:
    """Of the etcd that comes of a backup: no other one has it, nor one of the same backup."""
    return f"{name}-{now:%Y%m%dT%H%M%SZ}"


def lost(here: Here, name: str, names: t.Iterable[str], cluster: str) -> str:
    """What would be lost by a restore, for which somebody must say yes; empty: nothing is."""
    if here.begun and not (here.made and name != here.begun):
        return ""
    if not here.ca or is_new(here, names, cluster):
        return ""
    if not here.answers:
        return "this master has a cluster, whose API does not answer now: what it has would be out of use"
    nodes = f" and {len(here.workers)} workers ({', '.join(here.workers[:5])})" if here.workers else ""
    same = name.startswith(prefix_of(cluster, here.ca))
    what = "the cluster that the backup is of" if same else "another cluster than the backup's"
    return f"{what} runs on this master, with its API{nodes}: what has changed in it since would be lost"


def saver(masters: t.Iterable[str], ready: t.Collection[str], own: str) -> str:
    """Which of several masters backs up: the first that is Ready; this one while none is."""
    return next((name for name in sorted(masters) if name in ready), own)


def minor(version: str) -> tuple[int, int]:
    """Minor version of Kubernetes in v1.33.2."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def problems(manifest: t.Mapping[str, t.Any], config: Config, version: str) -> list[str]:
    """Why a backup can't be restored here.

    :param version: of the kubeadm that is here.
    """
    found = []
    if manifest.get("cluster") != config.cluster:
        found.append(f"it is of cluster {manifest.get('cluster')}, and this is {config.cluster}")
    old, new = minor(str(manifest.get("kubernetes", ""))), minor(version)
    if not old <= new <= (old[0], old[1] + 1):
        found.append(
            f"it is of Kubernetes {manifest.get('kubernetes')}, and {version} is here (kubeadm_common_version): "
            "have the same, or the next minor version"
        )
    for key in ("pod_cidr", "service_cidr", "encryption"):
        here = getattr(config, key)
        if manifest.get(key) != here:
            found.append(f"its cluster has kubeadm_master_{key} {manifest.get(key)}, and here it is {here}")
    return found


def missing(manifest: t.Mapping[str, t.Any]) -> list[str]:
    """Parts that a backup lacks: nothing comes of it then."""
    return [part for part in MEMBERS if part not in manifest.get("parts", {})]


def warnings(manifest: t.Mapping[str, t.Any], config: Config) -> list[str]:
    """What is left for somebody to do after a restore."""
    if manifest.get("endpoint") == config.endpoint:
        return []
    text = (
        f"nodes of this cluster know its API as {manifest.get('endpoint')}, which is {config.endpoint} now: let the old"
    )
    return [f"{text} name lead here, or have them join again (kubeadm reset --force, then their lifecycle script)"]


def workers_of(nodes: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """Names of Node objects that are no masters."""
    return sorted(str(node["metadata"]["name"]) for node in nodes if not is_master(node))


def stale_masters(
    nodes: t.Iterable[t.Mapping[str, t.Any]], own: str, leases: t.Iterable[t.Mapping[str, t.Any]], since: str
) -> list[str]:
    """Masters of the time of the backup: etcd has one member after a restore, and so there is one master.

    :param leases: of kubelets, which renew them all the time.
    :param since: when the restore has begun. Whose kubelet has been heard of since then has joined after it, under the
        name of the one before.
    """
    alive = {one["metadata"]["name"] for one in leases if (one["spec"].get("renewTime") or "")[:19] >= since[:19]}
    names = {str(node["metadata"]["name"]) for node in nodes if is_master(node)}
    return sorted(names - alive - {own})


def is_master(node: t.Mapping[str, t.Any]) -> bool:
    """Whether a Node object is of a master."""
    return bool(set(MASTER_LABELS) & set(node["metadata"].get("labels") or {}))


def ready(nodes: t.Iterable[t.Mapping[str, t.Any]]) -> list[str]:
    """Names of the nodes that are Ready."""
    return [
        str(node["metadata"]["name"])
        for node in nodes
        if any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions") or ())
    ]


def image_in(text: str) -> str:
    """etcd's image, in its manifest or among those that kubeadm lists; empty: none."""
    found = re.search(r"(?m)^\s*(?:image:\s*)?([^\s:]\S*/etcd:\S+)\s*$", text)
    return found.group(1) if found else ""
