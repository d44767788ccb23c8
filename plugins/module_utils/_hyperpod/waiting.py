# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a cluster while it is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._waiting.loop import Look
from .._waiting.loop import Waiter
from . import api
from . import progress
from .common import HyperPodError
from .waiters import GOALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._waiting.loop import Journey


class ClusterWaiter(Waiter):
    """Waits for a cluster."""

    def look(self, journey: Journey) -> Look:
        """Look once. Other things than clusters are waited for by another version of this."""
        described = api.describe_cluster(self.client, self.name)
        return Look(self.state(described), GOALS[journey.goal or ""](described, journey.seen), described)

    def status(self, described: dict[str, Any] | None) -> str | None:
        """``ClusterStatus``."""
        return None if described is None else str(described["ClusterStatus"])

    def state(self, described: dict[str, Any] | None) -> str:
        """What to show. Nodes and events are read only where somebody looks; who may not read them sees none."""
        if not self.sliced or described is None:
            return progress.state_text(described, ())
        nodes = self._readable(lambda: api.list_nodes(self.client, self.name))
        return progress.state_text(described, nodes, self.newest_event(described.get("NodeProvisioningMode")))

    def newest_event(self, mode: str | None) -> dict[str, Any] | None:
        """For the line that is shown; only clusters whose NodeProvisioningMode is Continuous have events."""
        if not self.sliced or mode != "Continuous":
            return None
        events = self._readable(lambda: api.list_events(self.client, self.name, 1) or [])
        return events[0] if events else None

    @staticmethod
    def _readable(read: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        try:
            return read()
        except HyperPodError as error:
            if error.passing:
                raise
            return []
