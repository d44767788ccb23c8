# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lifecycle logs of nodes, as their agents put them into CloudWatch Logs.

Names: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-cluster-management-slurm.html
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING
from typing import Any

from moto.backends import get_backend

from local_cloud.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

_GROUP = "/aws/sagemaker/Clusters/"
_STREAM = "LifecycleConfig/"


def read_node_logs(node: str | None, cluster: str | None, after: str | None) -> dict[str, Any]:
    """Lines of the lifecycle logs of a node, or of all nodes of a cluster, of all accounts and regions.

    Args:
        node: instance id; None for all nodes.
        cluster: name of the cluster; None for all clusters.
        after: ``next`` of the former answer: lines that it had are left out.

    Returns:
        ``lines``: node, timestamp (ms since the epoch) and message of each, in the order of time; ``next``.

    Raises:
        ServiceError: NotFound when there is no such log, ValidationException for a bad ``after``.
    """
    seen = _decode(after)
    lines = []
    found = False
    for key, instance_id, stream in _streams(node, cluster):
        found = True
        events = list(stream.events)
        lines += [
            {"node": instance_id, "timestamp": event.timestamp, "message": event.message}
            for event in events[seen.get(key, 0) :]
        ]
        seen[key] = len(events)
    if not found and after is None:
        what = f"node {node}" if node else "a node"
        where = f" of cluster {cluster}" if cluster else ""
        raise ServiceError("NotFound", f"There is no lifecycle log of {what}{where} (yet).", 404)
    lines.sort(key=lambda line: line["timestamp"])
    return {"lines": lines, "next": base64.urlsafe_b64encode(json.dumps(seen).encode()).decode()}


def _streams(node: str | None, cluster: str | None) -> Iterator[tuple[str, str, Any]]:
    for account, region, backend in list(get_backend("logs").iter_backends()):
        for group in list(backend.groups.values()):
            if not group.name.startswith(f"{_GROUP}{cluster}/" if cluster else _GROUP):
                continue
            for stream in list(group.streams.values()):
                instance_id = stream.log_stream_name.rpartition("/")[2]
                if stream.log_stream_name.startswith(_STREAM) and node in (None, instance_id):
                    yield f"{account}/{region}{group.name}/{stream.log_stream_name}", instance_id, stream


def _decode(after: str | None) -> dict[str, int]:
    if after is None:
        return {}
    try:
        seen: dict[str, int] = json.loads(base64.urlsafe_b64decode(after))
    except (binascii.Error, ValueError):
        raise ServiceError("ValidationException", "after is not a 'next' of a former answer.") from None
    return seen
