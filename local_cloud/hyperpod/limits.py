# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Account quotas of instances, by the names Service Quotas gives them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import messages
from local_cloud.hyperpod.members import instance_types

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from local_cloud.hyperpod.core import QuotaSource
    from local_cloud.hyperpod.model import Cluster

PER_CLUSTER = "Maximum number instances allowed per SageMaker HyperPod cluster"
TOTAL = "Total number of instances allowed across SageMaker HyperPod clusters"


def check_quotas(
    quotas: QuotaSource, clusters: Iterable[Cluster], changed: Cluster | None, specs: Iterable[Mapping[str, Any]]
) -> None:
    """Raise ResourceLimitExceeded if the groups (all of the changed cluster) ask for more than the account may have.

    A change that asks for no more than there is passes, whatever the quota.
    """
    wanted: Counter[str] = Counter()
    for spec in specs:
        wanted[instance_types(dict(spec))[0]] += spec["InstanceCount"]
    others: Counter[str] = Counter()
    before: Counter[str] = Counter()
    for cluster in clusters:
        counter = before if changed is not None and cluster.arn == changed.arn else others
        for group in cluster.groups.values():
            counter[instance_types(group.spec)[0]] += group.target
    for kind in wanted:
        _check(quotas, f"{kind} for cluster usage", others[kind] + before[kind], wanted[kind] - before[kind])
    delta = wanted.total() - before.total()
    _check(quotas, PER_CLUSTER, before.total(), delta)
    _check(quotas, TOTAL, before.total() + others.total(), delta)


def _check(quotas: QuotaSource, name: str, used: int, delta: int) -> None:
    limit = int(quotas.value(name))
    if delta > 0 and used + delta > limit:
        raise messages.limit(name, limit, used, delta)
