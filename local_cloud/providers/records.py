# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances that are nothing but records: for thousands of nodes, and for machines without podman."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_cloud.providers.base import LaunchError

if TYPE_CHECKING:
    from local_cloud.providers.base import NodeSpec
    from local_cloud.providers.base import ProviderSettings


class RecordsProvider:
    """Keeps the set of ids that are up. Nothing runs, so there is nothing to save: the service launches again."""

    name = "records"
    simulated = True

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings
        self._up: set[str] = set()

    def launch(self, spec: NodeSpec) -> None:
        """See Provider."""
        self._up.add(spec.instance_id)

    def reboot(self, spec: NodeSpec) -> None:
        """See Provider."""
        if spec.instance_id not in self._up:
            raise LaunchError(f"instance {spec.instance_id} does not exist")

    def terminate(self, spec: NodeSpec) -> None:
        """See Provider."""
        self._up.discard(spec.instance_id)

    def running(self) -> set[str]:
        """See Provider."""
        return set(self._up)

    def close(self, purge: bool) -> None:
        """See Provider."""
        self._up.clear()
