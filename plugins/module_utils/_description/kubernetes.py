# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: Kubernetes beside Slurm, as a description asks for it, and what the roles on the nodes are told. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._kubernetes import KubernetesError
from .._kubernetes import network
from .._kubernetes import settings
from .._kubernetes import versions
from .documents import Document
from .model import Checker

if TYPE_CHECKING:
    from collections.abc import Mapping

# Variable of the roles by key, and the type that it has.
_KEYS: dict[str, tuple[str, type]] = {
    "enabled": ("kubeadm_common_enabled", bool),
    "version": ("kubeadm_common_version", str),
    "repository": ("kubeadm_common_repository", str),
    "registry": ("kubeadm_common_registry", str),
    "pod_cidr": ("kubeadm_master_pod_cidr", str),
    "service_cidr": ("kubeadm_master_service_cidr", str),
    "max_nodes": ("kubeadm_master_max_nodes", int),
    "vpc_cidrs": ("kubeadm_master_vpc_cidrs", list),
    "endpoint": ("kubeadm_master_endpoint", str),
    "labels": ("kubeadm_worker_labels", dict),
    "taints": ("kubeadm_worker_taints", list),
}
_TYPES = {bool: "true or false", str: "a string", int: "a whole number", list: "a list", dict: "a mapping"}
# As in the roles' defaults.
_POD_CIDR, _SERVICE_CIDR, _NODE_PREFIX = "10.244.0.0/16", "10.96.0.0/12", 24


def wish(
    checker: Checker,
    value: Any,
    override: Any,
    cluster: Mapping[str, Any],
    vpc: Mapping[str, Any],
    *,
    node_vars: Mapping[str, Any],
) -> dict[str, Any]:
    """What the roles are told, of the description or of the variable that wins over it; empty: no Kubernetes.

    :param node_vars: variables of the nodes, which win over both.
    """
    if override is None:
        return check(checker, value, ("kubernetes",), cluster, vpc, node_vars=node_vars)
    variable = Checker(Document("hyperpod_kubernetes", override), ours=True)
    result = check(variable, override, (), cluster, vpc, node_vars=node_vars)
    checker.findings.extend(variable.findings)
    return result


def check(
    checker: Checker,
    value: Any,
    path: tuple[Any, ...],
    cluster: Mapping[str, Any],
    vpc: Mapping[str, Any],
    *,
    node_vars: Mapping[str, Any],
) -> dict[str, Any]:
    """Variables of the roles; C(true) is as good as an empty mapping."""
    if value is None or value is False:
        return {}
    given = {} if value is True else value
    if not isinstance(given, dict):
        checker.wrong_type(value, "a mapping, or true or false", path)
        return {}
    found: dict[str, Any] = {"enabled": True}
    for key, item in given.items():
        if key not in _KEYS:
            checker.unknown_key(key, path, _KEYS)
        elif not isinstance(item, _KEYS[key][1]) or (isinstance(item, bool) and _KEYS[key][1] is not bool):
            # 1.30 without quotes is a number, and 1.3
            checker.wrong_type(item, _TYPES[_KEYS[key][1]], (*path, key))
        else:
            found[key] = item
    if not found["enabled"]:
        return {}
    if "vpc_cidr" in vpc:
        found.setdefault("vpc_cidrs", [vpc["vpc_cidr"]])
    _rules(checker, found, path, cluster, node_vars=node_vars)
    return {_KEYS[key][0]: item for key, item in found.items()}


def _rules(
    checker: Checker,
    found: Mapping[str, Any],
    path: tuple[Any, ...],
    cluster: Mapping[str, Any],
    *,
    node_vars: Mapping[str, Any],
) -> None:
    if "version" in found:
        try:
            versions.parse(found["version"])
        except KubernetesError as error:
            _fail(checker, str(error), (*path, "version"))
    counts = [group.get("instance_count", 0) for group in cluster.get("instance_groups") or []]
    nodes = max(sum(counts), _number(node_vars.get("kubeadm_master_max_nodes"), found.get("max_nodes", 0)))
    problems = network.problems(
        str(node_vars.get("kubeadm_master_pod_cidr", found.get("pod_cidr", _POD_CIDR))),
        str(node_vars.get("kubeadm_master_service_cidr", found.get("service_cidr", _SERVICE_CIDR))),
        _number(node_vars.get("kubeadm_master_node_prefix"), _NODE_PREFIX),
        nodes,
        vpc_cidrs=[str(block) for block in found.get("vpc_cidrs", [])],
    )
    for problem in problems:
        key = problem.split(":", 1)[0].split(" ", 1)[0]
        _fail(checker, problem, (*path, key) if key in found else path)
    taints = [taint for taint in found.get("taints", []) if isinstance(taint, dict)]
    if len(taints) < len(found.get("taints", [])):
        checker.wrong_type(found["taints"], "a list of mappings", (*path, "taints"))
    for problem in settings.problems(settings.settings_of(found.get("labels", {}), taints)):
        key, _blank, text = problem.partition(" ")
        _fail(checker, text, (*path, key))


def _number(value: Any, otherwise: int) -> int:
    """A number that the nodes are told, which the roles take as a text, too."""
    return int(value) if str(value).isdecimal() else otherwise


def _fail(checker: Checker, text: str, path: tuple[Any, ...]) -> None:
    """These texts end with the fix, after a colon."""
    what, _colon, fix = text.rpartition(": ")
    checker.findings.append(failure("kubernetes", what, where=checker.document.where(path), fix=fix))
