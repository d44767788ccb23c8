# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: kubeadm's configuration files, as documents, in the form that each version of Kubernetes reads.

kubernetes.io/docs/reference/config-api: kubeadm-config.v1beta2, .v1beta3, .v1beta4, kubelet-config.v1beta1.
"""

from __future__ import annotations

import json
import typing as t

from . import versions

Document: t.TypeAlias = "dict[str, t.Any]"

ENCRYPTION_FILE = "/etc/kubernetes/podforge/encryption.yaml"
AUDIT_FILE = "/etc/kubernetes/podforge/audit-policy.yaml"
AUDIT_FOLDER = "/var/log/kubernetes"


def arguments(version: versions.Version, given: t.Mapping[str, t.Any]) -> t.Any:
    """Further arguments of a component: a mapping, and since v1beta4 a list of names and values."""
    texts = {name: _text(value) for name, value in given.items()}
    if versions.api_version(version) in ("v1beta2", "v1beta3"):
        return texts
    return [{"name": name, "value": value} for name, value in texts.items()]


def init(version_text: str, options: t.Mapping[str, t.Any]) -> list[Document]:
    """What C(kubeadm init) reads.

    C(options): address, node_name, cluster_name, endpoint, pod_cidr, service_cidr, node_prefix, dns_domain, registry,
    cgroup_driver, cert_sans, token_ttl (such as 24h0m0s), encryption, audit, api_server_args, controller_manager_args,
    scheduler_args, kubelet_config, kubelet_args.
    """
    version = versions.parse(version_text)
    api = f"kubeadm.k8s.io/{versions.api_version(version)}"
    mounts = []
    server = dict(options["api_server_args"])
    if options["encryption"]:
        server["encryption-provider-config"] = ENCRYPTION_FILE
        mounts.append(_mount("podforge-encryption", ENCRYPTION_FILE, read_only=True, kind="File"))
    if options["audit"]:
        server.update(
            {
                "audit-policy-file": AUDIT_FILE,
                "audit-log-path": f"{AUDIT_FOLDER}/audit.log",
                "audit-log-maxage": 30,
                "audit-log-maxbackup": 10,
                "audit-log-maxsize": 100,
            }
        )
        mounts.append(_mount("podforge-audit-policy", AUDIT_FILE, read_only=True, kind="File"))
        mounts.append(_mount("podforge-audit-log", AUDIT_FOLDER, read_only=False, kind="DirectoryOrCreate"))
    api_server: Document = {"certSANs": list(dict.fromkeys(options["cert_sans"]))}
    if server:
        api_server["extraArgs"] = arguments(version, server)
    if mounts:
        api_server["extraVolumes"] = mounts
    manager = {"node-cidr-mask-size": options["node_prefix"], **options["controller_manager_args"]}
    cluster: Document = {
        "apiVersion": api,
        "kind": "ClusterConfiguration",
        "clusterName": options["cluster_name"],
        "kubernetesVersion": version_text if version_text.startswith("v") else f"v{version_text}",
        "controlPlaneEndpoint": options["endpoint"],
        "networking": {
            "podSubnet": options["pod_cidr"],
            "serviceSubnet": options["service_cidr"],
            "dnsDomain": options["dns_domain"],
        },
        "apiServer": api_server,
        "controllerManager": {"extraArgs": arguments(version, manager)},
    }
    if options["scheduler_args"]:
        cluster["scheduler"] = {"extraArgs": arguments(version, options["scheduler_args"])}
    if options["registry"]:
        cluster["imageRepository"] = options["registry"]
    start: Document = {
        "apiVersion": api,
        "kind": "InitConfiguration",
        "bootstrapTokens": [
            {
                "description": "made by kubeadm init; the timer of podforge.hyperpod makes those that nodes join with",
                "ttl": options["token_ttl"],
                "usages": ["signing", "authentication"],
                "groups": ["system:bootstrappers:kubeadm:default-node-token"],
            }
        ],
        "localAPIEndpoint": {"advertiseAddress": options["address"], "bindPort": 6443},
        "nodeRegistration": registration(version, options),
    }
    kubelet: Document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": options["cgroup_driver"],
        **options["kubelet_config"],
    }
    return [start, cluster, kubelet]


def registration(version: versions.Version, options: t.Mapping[str, t.Any]) -> Document:
    """How a node introduces itself; C(labels) and C(taints) only where they are given."""
    extra: dict[str, t.Any] = {"node-ip": options["address"]}
    labels = options.get("labels") or {}
    if labels:
        extra["node-labels"] = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    extra.update(options["kubelet_args"])
    found: Document = {
        "name": options["node_name"],
        "criSocket": versions.cri_socket(version),
        "kubeletExtraArgs": arguments(version, extra),
    }
    if options.get("taints"):
        found["taints"] = list(options["taints"])
    if options.get("ignore_preflight"):
        found["ignorePreflightErrors"] = list(options["ignore_preflight"])
    return found


def join(
    version_text: str, options: t.Mapping[str, t.Any], endpoint: str, token: str, ca_hash: str, *, key: str = ""
) -> list[Document]:
    """What C(kubeadm join) reads; with the certificate key, that of a master. It has secrets: it lives for a moment."""
    version = versions.parse(version_text)
    found: Document = {
        "apiVersion": f"kubeadm.k8s.io/{versions.api_version(version)}",
        "kind": "JoinConfiguration",
        "nodeRegistration": registration(version, options),
        "discovery": {
            "bootstrapToken": {"apiServerEndpoint": endpoint, "token": token, "caCertHashes": [ca_hash]},
            "tlsBootstrapToken": token,
        },
    }
    if key:
        local = {"advertiseAddress": options["address"], "bindPort": 6443}
        found["controlPlane"] = {"localAPIEndpoint": local, "certificateKey": key}
    return [found]


def text(documents: t.Iterable[Document]) -> str:
    """A file of documents; JSON is YAML, and needs no library on the node."""
    return "".join(f"---\n{json.dumps(document, indent=2)}\n" for document in documents)


def _mount(name: str, path: str, *, read_only: bool, kind: str) -> Document:
    return {"name": name, "hostPath": path, "mountPath": path, "readOnly": read_only, "pathType": kind}


def _text(value: t.Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
