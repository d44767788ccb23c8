# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all roles are rendered for: operating systems and kinds of nodes."""

from __future__ import annotations

from typing import Any

DEBIAN = {"case_distribution": "Debian", "case_os_family": "Debian"}
UBUNTU = {"case_distribution": "Ubuntu", "case_os_family": "Debian"}
AMAZON = {"case_distribution": "Amazon", "case_os_family": "RedHat"}


def node(kind: str, controllers: int = 1, **more: Any) -> dict[str, Any]:
    """The facts of a node, as far as the role reads them."""
    return {
        "node_type": kind,
        "orchestrator": "Slurm",
        "controllers": [{"ip_address": f"10.1.0.{n}", "hostname": f"ip-10-1-0-{n}"} for n in range(1, controllers + 1)],
        "multi_head": {},
        "logins": [{"ip_address": "10.1.0.20", "hostname": "ip-10-1-0-20"}],
        **more,
    }
