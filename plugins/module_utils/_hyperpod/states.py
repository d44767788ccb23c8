# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is, what is wanted, and what is to be done about it: the values that planning works with. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from .schema import CLUSTER_FIELDS
from .transformations import to_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._waiting.plans import Call
    from .compare import Difference


@dataclass(frozen=True)
class Current:
    """A cluster that exists: the answer of DescribeCluster and its tags."""

    described: Mapping[str, Any]
    tags: Mapping[str, str]

    @property
    def status(self) -> str:
        """``ClusterStatus``."""
        return str(self.described["ClusterStatus"])

    @property
    def name(self) -> str:
        """``ClusterName``."""
        return str(self.described["ClusterName"])

    @property
    def continuous(self) -> bool:
        """Instances are provisioned one by one."""
        return self.described.get("NodeProvisioningMode") == "Continuous"

    def normalised(self) -> dict[str, Any]:
        """In the form of the options, for comparison and diff."""
        return {
            "name": self.name,
            "status": self.status,
            **to_options(CLUSTER_FIELDS, self.described),
            "tags": dict(sorted(self.tags.items())),
        }


@dataclass(frozen=True)
class Desired:
    """The wish. ``tags`` None leaves tags alone; ``options`` holds only what the user gave."""

    name: str
    state: str = "present"
    options: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    purge_tags: bool = True
    purge_instance_groups: bool = False
    allow_scale_down: bool = False
    recreate_failed: bool = False

    def normalised(self) -> dict[str, Any]:
        """How the cluster will look."""
        return {
            "name": self.name,
            "status": "InService",
            **self.options,
            "tags": dict(sorted((self.tags or {}).items())),
        }


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        calls: in this order.
        goal: what to wait for afterwards; None when there is nothing to wait for.
        again: when the goal is reached, plan again: there is more to do.
        later: the calls that will be made then, as far as is known now.
        before: the cluster now, in the form of the options; empty when there is none.
        after: the cluster when all is done; empty when it is gone.
        changed: something is different afterwards by this plan's doing.
        refusal: why nothing may be done; then there are no calls.
        differences: where the cluster differs from what is wanted.
    """

    calls: tuple[Call, ...] = ()
    goal: str | None = None
    again: bool = False
    later: tuple[Call, ...] = ()
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    changed: bool = False
    refusal: str | None = None
    differences: tuple[Difference, ...] = ()
