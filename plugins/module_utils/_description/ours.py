# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: our own form of description, as a variable or as a file. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from . import kubernetes
from . import wishes
from .model import Checker
from .reading import NOT_OF_SLURM
from .reading import UPDATE_KEYS
from .reading import Overrides
from .reading import Reading
from .reading import directory_wish
from .reading import mapping
from .reading import region
from .reading import switches
from .reading import tags
from .reading import wish
from .reading import zones
from .rules import Rules

if TYPE_CHECKING:
    from collections.abc import Collection

    from .documents import Document

# Members of CreateCluster that our form says in another way.
_OTHERWISE = ("VpcConfig", "Tags", *NOT_OF_SLURM)
_OUR_KEYS = (
    "region",
    "network",
    "execution_role",
    "lifecycle_bucket",
    "directory",
    "kubernetes",
    "node_vars",
    "tags",
    *UPDATE_KEYS,
)


def from_ours(document: Document, shape: Any, overrides: Overrides, regions: Collection[str]) -> Reading:
    """Our own form: one mapping, as a variable or a file."""
    reading = Reading("description", [document.name])
    # A group's role may be given once, for all groups.
    checker = Checker(document, ours=True, optional=("ExecutionRole",))
    reading.findings = checker.findings
    data = document.data
    if not isinstance(data, dict):
        checker.wrong_type(data, "a mapping", ())
        return reading
    reading.cluster = checker.structure(shape, data, (), without=_OTHERWISE, extra=_OUR_KEYS)
    if data.get("instance_groups") is None and ("instance_groups",) not in checker.excused:
        checker.missing_key("instance_groups", ())
    reading.region = region(checker, data.get("region"), overrides.region)
    reading.network = wish(checker, wishes.check_network, data, "network", overrides.network)
    zones(checker, reading.network, reading.region, regions, overrides.network)
    reading.role = wish(checker, wishes.check_role, data, "execution_role", overrides.execution_role)
    reading.bucket = wish(checker, wishes.check_bucket, data, "lifecycle_bucket", overrides.lifecycle_bucket)
    reading.directory = directory_wish(checker, data, reading.network, overrides.directory)
    reading.node_vars = mapping(checker, data.get("node_vars"), overrides.node_vars, "node_vars")
    reading.kubernetes = kubernetes.wish(
        checker,
        data.get("kubernetes"),
        overrides.kubernetes,
        reading.cluster,
        reading.network,
        node_vars=reading.node_vars,
    )
    reading.cluster["tags"] = tags(checker, data.get("tags"), overrides.tags)
    reading.cluster.update(switches(checker, data))
    rules = Rules(reading.cluster, document.where, excused=checker.excused)
    checker.findings.extend(rules.run(slurm_api=True, has_network=bool(data.get("network") or overrides.network)))
    return reading
