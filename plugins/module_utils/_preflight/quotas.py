# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: service quotas against the request. Pure.

Quotas are looked up by name: their codes are not documented. "SageMaker HyperPod quotas" (AWS documentation) tells the
names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._findings import failure
from .._findings import passed
from .._findings import warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._findings import Finding

SERVICE_CODE = "sagemaker"
PER_CLUSTER = "Maximum number instances allowed per SageMaker HyperPod cluster"
TOTAL = "Total number of instances allowed across SageMaker HyperPod clusters"
EBS = "Maximum size of EBS volume in GB for a SageMaker HyperPod cluster instance"


def usage_name(instance_type: str) -> str:
    """Name of the quota for instances of one type in clusters."""
    return f"{instance_type} for cluster usage"


def judge_quotas(
    quotas: Mapping[str, float], by_type: Mapping[str, int], total: int, largest_volume_gb: int
) -> list[Finding]:
    """The request's shape against the quotas by name."""
    known = {name.strip().lower(): value for name, value in quotas.items()}
    wanted = [(usage_name(kind), count) for kind, count in sorted(by_type.items()) if count]
    wanted += [(PER_CLUSTER, total), (TOTAL, total)]
    if largest_volume_gb:
        wanted.append((EBS, largest_volume_gb))
    return [_judge(name, known.get(name.lower()), need) for name, need in wanted]


def _judge(name: str, quota: float | None, need: int) -> Finding:
    if quota is None:
        what = f"The quota '{name}' is not known in this region"
        fix = f"make sure that it is at least {need}: Service Quotas console, Amazon SageMaker"
        return warning("quota", what, where=name, value=need, fix=fix)
    if quota < need:
        return failure(
            "quota",
            f"The quota '{name}' is {quota:g}, and the request needs {need}",
            where=name,
            value=need,
            why="CreateCluster would answer ResourceLimitExceeded",
            fix="request an increase in the Service Quotas console, or ask for less",
        )
    return passed("quota", f"{name}: {quota:g}, {need} needed", where=name, value=need)
