# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about a cluster: from what exists and what is wanted to the calls to make. Pure.

Statuses and what may be done in each: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeCluster.html
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from .compare import Difference
from .compare import differences
from .schema import CLUSTER_FIELDS
from .transformations import to_options
from .transformations import to_request
from .waiters import DELETED
from .waiters import IN_SERVICE
from .waiters import groups_of
from .waiters import in_service

if TYPE_CHECKING:
    from collections.abc import Mapping

_BUNDLE_NOTE = (
    "source_s3_uri differs: the lifecycle bundle has changed since the cluster was made, and nodes that are replaced or"
    " added would still take the old one"
)


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
class Call:
    """One call of the API, in the names of the service model, and why it is made."""

    operation: str
    request: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        calls: in this order.
        goal: what to wait for afterwards; None when there is nothing to wait for.
        again: when the goal is reached, plan again: there is more to do.
        before: the cluster now, in the form of the options; empty when there is none.
        after: the cluster when all is done; empty when it is gone.
        changed: something is different afterwards by this plan's doing.
        refusal: why nothing may be done; then there are no calls.
        differences: what the refusal is about.
    """

    calls: tuple[Call, ...] = ()
    goal: str | None = None
    again: bool = False
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    changed: bool = False
    refusal: str | None = None
    differences: tuple[Difference, ...] = ()


def plan(current: Current | None, desired: Desired) -> Plan:
    """Decide. Every answer has either a refusal or calls and a goal, never both."""
    if desired.state == "absent":
        return _plan_absent(current, desired)
    if current is None:
        return _plan_create(desired)
    if current.status == "Deleting":
        return Plan(goal=DELETED, again=True, before=current.normalised(), after=desired.normalised(), changed=True)
    if current.status == "Failed":
        return _plan_failed(current, desired)
    return _plan_existing(current, desired)


def _plan_absent(current: Current | None, desired: Desired) -> Plan:
    if current is None:
        return Plan()
    before = current.normalised()
    if current.status == "Deleting":
        return Plan(goal=DELETED, before=before)
    call = Call("DeleteCluster", {"ClusterName": desired.name}, f"cluster {desired.name} is to be absent")
    return Plan(calls=(call,), goal=DELETED, before=before, changed=True)


def _plan_create(desired: Desired) -> Plan:
    names = [
        group["instance_group_name"]
        for option in ("instance_groups", "restricted_instance_groups")
        for group in desired.options.get(option, [])
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return Plan(refusal=f"Instance groups of cluster {desired.name} named more than once: {', '.join(twice)}")
    request = {"ClusterName": desired.name, **to_request(CLUSTER_FIELDS, desired.options)}
    if desired.tags:
        request["Tags"] = ansible_dict_to_boto3_tag_list(dict(desired.tags))
    call = Call("CreateCluster", request, f"there is no cluster {desired.name}")
    return Plan(calls=(call,), goal=IN_SERVICE, after=desired.normalised(), changed=True)


def never_served(described: Mapping[str, Any]) -> bool:
    """A cluster whose creation failed and that holds no instance: nothing is lost with it.

    A cluster that was in service once and failed later keeps its instances.
    """
    return described["ClusterStatus"] == "Failed" and not any(
        group.get("CurrentCount") for group in groups_of(described)
    )


def _plan_failed(current: Current, desired: Desired) -> Plan:
    before = current.normalised()
    message = str(current.described.get("FailureMessage") or "the service gives no reason").rstrip(".")
    if never_served(current.described):
        if desired.recreate_failed:
            call = Call(
                "DeleteCluster", {"ClusterName": desired.name}, f"creation of cluster {desired.name} failed: {message}"
            )
            return Plan((call,), DELETED, again=True, before=before, after=desired.normalised(), changed=True)
        way = "Mend the cause, then delete it (state: absent) or let it be made again (recreate_failed: true)"
    else:
        way = (
            "It still has instances, so it is not deleted for you (recreate_failed is for clusters that have none):"
            " mend the cause, and if nothing on it is needed, delete it (state: absent)"
        )
    return Plan(before=before, refusal=f"Cluster {desired.name} is Failed: {message}. {way}")


def _plan_existing(current: Current, desired: Desired) -> Plan:
    before = current.normalised()
    found = tuple(differences(CLUSTER_FIELDS, before, desired.options))
    if found:
        return Plan(before=before, refusal=_update_refusal(desired.name, found), differences=found)
    calls, tags = _plan_tags(current, desired)
    return Plan(
        calls=calls,
        goal=None if in_service(current.described, ()).done else IN_SERVICE,
        before=before,
        after={**before, "status": "InService", "tags": tags},
        changed=bool(calls),
    )


def _update_refusal(name: str, found: tuple[Difference, ...]) -> str:
    head = (
        f"Cluster {name} exists and differs from what is wanted. This version of the module does not update clusters;"
        " nothing was changed. Take the cluster's values over, or delete the cluster and make it again:"
    )
    lines = [head, *(f"  {difference}" for difference in found)]
    if any(difference.path.endswith("life_cycle_config.source_s3_uri") for difference in found):
        lines.append(f"  ({_BUNDLE_NOTE})")
    return "\n".join(lines)


def _plan_tags(current: Current, desired: Desired) -> tuple[tuple[Call, ...], dict[str, str]]:
    """Calls that set and remove tags, and the tags afterwards."""
    if desired.tags is None:
        return (), dict(sorted(current.tags.items()))
    to_set, to_remove = compare_aws_tags(dict(current.tags), dict(desired.tags), purge_tags=desired.purge_tags)
    arn = current.described["ClusterArn"]
    calls = []
    if to_remove:
        names = sorted(to_remove)
        calls.append(Call("DeleteTags", {"ResourceArn": arn, "TagKeys": names}, f"tags not wanted: {', '.join(names)}"))
    if to_set:
        request = {"ResourceArn": arn, "Tags": ansible_dict_to_boto3_tag_list(to_set)}
        calls.append(Call("AddTags", request, f"tags missing or different: {', '.join(sorted(to_set))}"))
    after = {key: value for key, value in current.tags.items() if key not in to_remove} | dict(to_set)
    return tuple(calls), dict(sorted(after.items()))
