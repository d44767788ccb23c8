# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: a file system is brought to its path, and kept there. The same for the module and for the node's keeper."""

from __future__ import annotations

import errno
import os
import random
import typing as t
from dataclasses import dataclass

from . import mounts
from .diagnosis import Cause
from .diagnosis import Evidence
from .diagnosis import diagnose
from .efa import decide
from .efa import parse_counters
from .efa import proof
from .model import LUSTRE
from .model import OPENZFS
from .model import FileSystem
from .node import BROKEN
from .node import DEAD
from .node import HARMLESS
from .node import HUNG
from .node import Node

MOUNTED = "mounted"
# taken as it is, with a warning
OTHER = "other"
FAILED = "failed"
_LONGEST_PAUSE = 15.0


@dataclass(frozen=True)
class Result:
    """How it ended. C(changed): it was mounted now. C(error): why it is not; C(warnings): worth a look."""

    state: str
    changed: bool = False
    attempts: int = 0
    error: str = ""
    warnings: tuple[str, ...] = ()


def pause(attempt: int, chance: t.Callable[[], float] = random.random) -> float:
    """Seconds before the next try: they double, and no two nodes wait alike."""
    return min(_LONGEST_PAUSE, float(2**attempt)) * (0.5 + chance())


def look(system: FileSystem, node: Node) -> tuple[mounts.Judgement, int]:
    """What is at the path, and whether it answers (0, the error's number, or HUNG)."""
    there = mounts.at_path(node.mountinfo(), system.path)
    known: tuple[str, ...] = ()
    shown_as: tuple[str, ...] = ()
    if there and there.kind == LUSTRE and system.host:
        known = node.resolve(system.host)[0]
    elif there and system.kind == OPENZFS and mounts.server(there) not in ("", system.host):
        known, shown_as = node.resolve(system.host)[0], node.resolve(mounts.server(there))[0]
    judgement = mounts.judge(system, there, known, shown_as)
    if judgement.state != mounts.RIGHT:
        return judgement, 0
    answer = node.probe(system.path)
    # gone while it was asked: the folder below has answered
    still = mounts.at_path(node.mountinfo(), system.path) == there
    return (judgement, answer) if still else (mounts.Judgement(mounts.ABSENT), 0)


def bring_up(system: FileSystem, node: Node, patience: float, delay: float = 0.0) -> Result:
    """Have it mounted and answering within a time, or say why not and leave nothing half mounted.

    Args:
        system: what belongs there.
        node: the machine.
        patience: seconds in which what may come late can come.
        delay: the longest time to wait before the first try, so that a cluster's nodes don't come all at once.
    """
    deadline = node.now() + patience
    attempts, waited, hidden = 0, False, ""
    while True:
        judgement, answer = look(system, node)
        if judgement.state == mounts.OTHER:
            return Result(OTHER, warnings=(judgement.text,))
        if judgement.state == mounts.WRONG:
            return Result(
                FAILED, attempts=attempts, error=f"{judgement.text}. Fix: unmount it, or correct the description."
            )
        if judgement.state == mounts.RIGHT and answer not in (*DEAD, *BROKEN, HUNG):
            return Result(MOUNTED, attempts > 0, attempts, warnings=_warnings(system, answer, hidden))
        cause: Cause | None = None
        if answer == HUNG:
            # the client waits for its server, and so do jobs: taking the mount away would lose their data
            cause = diagnose(system, Evidence(hung=True))
        elif answer in BROKEN or (answer in DEAD and not _dismount(system, node, answer)):
            # Lustre's answer to a client that its servers have thrown out, until they have taken it back
            cause = Cause(
                f"it is mounted, and answers: {os.strerror(answer)}",
                "look into the kernel's messages (dmesg) and at the state of the file system; jobs may have it open, "
                "so it is left mounted",
            )
        else:
            if not waited and delay > 0 and attempts == 0:
                node.sleep(random.random() * delay)  # noqa: S311 - spreads load, guards no secret
                waited = True
                continue
            hidden = hidden or _hidden(system, node)
            attempts += 1
            cause = _mount(system, node)
            if cause is None:
                continue
        rest = deadline - node.now()
        if cause.final or rest <= 0:
            after = f" (after {attempts} tries in {patience:.0f} seconds)" if attempts > 1 else ""
            return Result(FAILED, attempts=attempts, error=cause.text(system) + after)
        node.sleep(min(pause(attempts), max(rest, 0.1)))


def take_down(system: FileSystem, node: Node) -> Result:
    """Unmount it where it is what was described; files that are open on it keep it there."""
    judgement, _answer = look(system, node)
    if judgement.state != mounts.RIGHT:
        return Result("absent")
    code, text = node.systemctl("stop", f"{system.unit}.mount")
    if mounts.at_path(node.mountinfo(), system.path):
        return Result(
            FAILED,
            error=f"{system.path} is in use and can't be unmounted (fuser -vm {system.path}): {text.strip() or code}",
        )
    return Result("absent", True)


def prove_efa(system: FileSystem, node: Node, own_zone: str) -> tuple[str, str]:
    """What is wrong with EFA, and what is worth a note; both empty when Lustre goes by it or nobody asks.

    With C(efa=auto) a node that could use it and doesn't is worth a note; with C(efa=required) all but proof fails.
    """
    if system.kind != LUSTRE or system.efa == "never":
        return "", ""
    devices, before = node.efa_devices(), parse_counters(node.lnet_efa())
    verdict = decide(devices, before, own_zone, system.availability_zone_id)
    trouble = verdict.why
    if verdict.use:
        trouble = node.move_data(system.path) or proof(before, parse_counters(node.lnet_efa()))
    if not trouble:
        return "", ""
    text = f"{system.path} over EFA: {trouble}"
    if system.efa == "required":
        return text, ""
    return "", text if devices else ""


def _dismount(system: FileSystem, node: Node, answer: int) -> bool:
    """Take a dead mount away; whether it is gone.

    Behind FUSE is a process, and with it all is lost that was open. A client in the kernel connects again by itself
    (Lustre's says ENOTCONN meanwhile), and what waits to be written would be lost: it goes only if nobody uses it.
    """
    if system.kind.startswith("fuse"):
        node.unmount(system.path)
    elif answer == errno.ESTALE:
        node.systemctl("stop", f"{system.unit}.mount")
    return mounts.at_path(node.mountinfo(), system.path) is None


def _mount(system: FileSystem, node: Node) -> Cause | None:
    """One try; why it failed, with nothing left of it."""
    unit, since = f"{system.unit}.mount", node.wall()
    node.prepare(system)
    node.note_proof(system.unit, proven=False)
    code, text = node.systemctl("start", unit)
    there = mounts.at_path(node.mountinfo(), system.path)
    answer = node.probe(system.path, write=True) if there else 0
    still = mounts.at_path(node.mountinfo(), system.path) == there
    if code == 0 and there and still and answer in (0, *HARMLESS):
        return None
    # first the end of it, so that mount(8) has said what it has to say
    node.systemctl("stop", unit)
    if mounts.at_path(node.mountinfo(), system.path):
        node.unmount(system.path)
    evidence = gather(system, node, node.said(unit, since) or text, hung=answer == HUNG)
    node.systemctl("reset-failed", unit)
    return diagnose(system, evidence)


def gather(system: FileSystem, node: Node, said: str, hung: bool = False) -> Evidence:
    """What can be seen from here of a mount that failed."""
    client = node.client(system)
    addresses, resolver = node.resolve(system.host) if system.host else (None, "")
    return Evidence(
        said=said,
        addresses=addresses,
        resolver=resolver,
        port=node.knock(addresses[0], system.port) if addresses and system.port else "",
        helper=client.helper,
        kernel=client.kernel,
        module=client.module,
        module_kernels=client.module_kernels,
        hung=hung,
        nameservers=node.nameservers(),
    )


def _hidden(system: FileSystem, node: Node) -> str:
    names = node.below(system.path)
    if not names:
        return ""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (
        f"{system.path} was not empty before it was mounted: {', '.join(names[:5])}{more} of the root volume "
        "can't be seen below the mount"
    )


def _warnings(system: FileSystem, answer: int, hidden: str) -> tuple[str, ...]:
    odd = f"{system.path} is mounted, and answers: {os.strerror(answer)}" if answer else ""
    return tuple(text for text in (hidden, odd) if text)
