# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: which nodes an upgrade has still to do, and whether it may be."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from . import KubernetesError
from .versions import parse

if t.TYPE_CHECKING:
    from .nodes import Node

_PATCH = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True)
class Upgrade:
    """Nodes to upgrade, masters first, or what is in the way."""

    problem: str = ""
    masters: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()


def plan(target: str, server: str, nodes: t.Sequence[Node], *, again: bool = False) -> Upgrade:
    """What is to be done to come from what there is to C(target), a minor version or a patch.

    :param server: version of the API server that has answered.
    :param again: also nodes that have the version already, as after an upgrade that has failed on one of them.
    """
    try:
        wanted = parse(target)
        current = parse(server.split("-", 1)[0].split("+", 1)[0])
    except KubernetesError as error:
        return Upgrade(str(error))
    problem = _refusal(target, wanted, server, current, nodes)
    if problem:
        return Upgrade(problem)
    # one that an upgrade has left halfway may have the version, and no pods yet
    late = [node for node in nodes if again or node.unfinished or not _has(node.version, target)]
    masters = [node.name for node in nodes if node.master and (node in late or not _has(server, target))]
    return Upgrade(masters=tuple(masters), workers=tuple(node.name for node in late if not node.master))


def _has(version: str, target: str) -> bool:
    """Whether a version is the patch, or of the minor version, that is wanted."""
    if _PATCH.fullmatch(target):
        return _plain(version) == target.lstrip("v")
    return parse(_plain(version)) == parse(target)


def _plain(version: str) -> str:
    found = _PATCH.match(version)
    return found.group().lstrip("v") if found else version


def _numbers(version: str) -> tuple[int, ...]:
    found = _PATCH.match(version)
    return tuple(int(part) for part in found.groups()) if found else ()


def _refusal(
    target: str, wanted: tuple[int, int], server: str, current: tuple[int, int], nodes: t.Sequence[Node]
) -> str:
    """What kubeadm would refuse as well, before anything is drained for it; empty: nothing."""
    if wanted < current or (_PATCH.fullmatch(target) and _numbers(target) < _numbers(server)):
        return (
            f"the control plane is of {server.lstrip('v')}, and there is no way back to {target.lstrip('v')}:"
            " take a newer version, or restore a snapshot of etcd into a cluster of the old one"
        )
    if wanted[0] != current[0] or wanted[1] > current[1] + 1:
        return (
            f"Kubernetes {server.lstrip('v')} can't become {target.lstrip('v')} at once: one minor version at a time. "
            f"Fix: upgrade to {current[0]}.{current[1] + 1} first"
        )
    # kubelet may be two minor versions behind the API server (three since 1.28, which few would want)
    old = [node for node in nodes if parse(_plain(node.version))[1] < wanted[1] - 2]
    if old:
        names = ", ".join(f"{node.name} ({node.version})" for node in old)
        return (
            f"{names} would be more than two minor versions behind {target.lstrip('v')}. "
            f"Fix: upgrade to {current[0]}.{current[1]} first, which brings those nodes along"
        )
    return ""
