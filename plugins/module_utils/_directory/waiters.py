# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a directory's stage means to somebody who waits. Pure predicates; the loop is in _waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._waiting.loop import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection
    from collections.abc import Mapping

# What to wait for.
ACTIVE = "active"
GONE = "gone"

# https://docs.aws.amazon.com/directoryservice/latest/admin-guide/ms_ad_directory_status.html
RUNNING = frozenset({"Active", "Impaired"})
FAILED = frozenset({"Failed", "RestoreFailed"})

_WAIT = Verdict()
_DONE = Verdict(done=True)
_NO_REASON = "the service gives no reason"


def reason(described: Mapping[str, Any]) -> str:
    """What the service says about the stage."""
    return str(described.get("StageReason") or _NO_REASON)


def active(described: Mapping[str, Any] | None, seen: Collection[str]) -> Verdict:
    """The directory can be used.

    Args:
        described: the directory as DescribeDirectories tells; None when there is none.
        seen: stages seen before in the same wait.
    """
    if described is None or described["Stage"] == "Deleted":
        # Right after CreateMicrosoftAD the list may lag.
        return Verdict(failed="the directory is gone: somebody else has deleted it") if seen else _WAIT
    stage = described["Stage"]
    if stage in FAILED:
        return Verdict(failed=f"{stage}: {reason(described)}")
    if stage == "Deleting":
        return Verdict(failed="the directory is being deleted by somebody else")
    return _DONE if stage == "Active" else _WAIT


def gone(described: Mapping[str, Any] | None, seen: Collection[str]) -> Verdict:
    """The directory is not there any more. One that was being deleted and is not any more has failed to go."""
    if described is None or described["Stage"] == "Deleted":
        return _DONE
    if described["Stage"] != "Deleting" and "Deleting" in seen:
        return Verdict(failed=f"deletion ended with the directory {described['Stage']}: {reason(described)}")
    return _WAIT


GOALS: dict[str, Callable[[Mapping[str, Any] | None, Collection[str]], Verdict]] = {ACTIVE: active, GONE: gone}


def state_text(described: Mapping[str, Any] | None) -> str:
    """What the line tells: the stage, addresses once there are some, and the reason, if there is one."""
    if described is None:
        return "not there"
    parts = [str(described["Stage"])]
    if described.get("DnsIpAddrs"):
        parts.append(f"DNS {', '.join(sorted(described['DnsIpAddrs']))}")
    if described.get("StageReason"):
        parts.append(str(described["StageReason"]))
    return " | ".join(parts)
