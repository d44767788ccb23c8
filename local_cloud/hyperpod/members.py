# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making nodes of a group. Pure, on a Draft."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod.model import Node
from local_cloud.hyperpod.model import Phase

if TYPE_CHECKING:
    from local_cloud.hyperpod.draft import Draft
    from local_cloud.hyperpod.model import Group
    from local_cloud.hyperpod.model import Placement


def instance_types(spec: dict[str, Any]) -> list[str]:
    """Instance types of a group, the preferred one first."""
    if "InstanceType" in spec:
        return [spec["InstanceType"]]
    return list(spec["InstanceRequirements"]["InstanceTypes"])


def add_nodes(d: Draft, group: Group, placements: list[Placement], phase: Phase, kind: str | None = None) -> list[Node]:
    """Add one node per placement, numbered by the lowest free numbers from 1; ``kind`` is its instance type."""
    taken = {n.index for n in d.nodes.values() if n.group == group.name}
    index = 0
    image_id, release = group.desired_image
    added = []
    for placement in placements:
        index += 1
        while index in taken:
            index += 1
        node = Node(
            key=d.env.ids.uuid(),
            group=group.name,
            index=index,
            instance_id=d.env.ids.instance_id(),
            instance_type=kind or instance_types(group.spec)[0],
            token=d.env.ids.token(),
            placement=placement,
            spec=group.spec,
            image_id=image_id,
            release=release,
            created=d.now.wall,
            phase=phase,
        )
        added.append(d.node(node))
    return added
