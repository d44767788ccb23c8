# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules that wait for clusters have in common: errors that explain."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar

from .._waiting.reporting import Reasons
from .._waiting.reporting import Run
from . import failure
from .common import client_of
from .waiting import ClusterWaiter

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Mapping

    from .._waiting.loop import WaitFailed

W = TypeVar("W", bound=ClusterWaiter)

# Seconds by which the service's clock may be behind ours.
_CLOCKS_APART = 60.0


class ClusterReport(Run[W]):
    """One run of a module that is about a cluster; its failures tell what service, events and logs say."""

    def __init__(self, module: Any, name: str, waiter: type[W]) -> None:
        """Prepare, see Run."""
        super().__init__(module, "sagemaker", name, waiter)

    def concerned(self) -> Collection[str] | None:
        """Ids of the instances that a failure is about; None: any of the cluster's."""
        return None

    def said(self, error: WaitFailed) -> str:
        """See Run. A cluster keeps what the service says."""
        return str((error.described or {}).get("FailureMessage") or super().said(error))

    def reasons(self, said: str, described: Mapping[str, Any]) -> Reasons:
        """See Run."""
        report = failure.gather(
            self.client,
            lambda: client_of(self.module, "logs"),
            described,
            said,
            since=self._since(),
            only=self.concerned(),
        )
        first = next(iter(report["causes"]), None)
        text = f"Likely cause: {first['cause']}. What to do: {first['fix']}" if first else ""
        return Reasons(text, {"failure": report}, tuple(failure.report_lines(report)))

    def _since(self) -> datetime | None:
        """When the attempt began that failed; None: before this run, nobody knows when."""
        if not self.journey.acted_at:
            return None
        return datetime.fromtimestamp(self.journey.acted_at - _CLOCKS_APART, timezone.utc)
