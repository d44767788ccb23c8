# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about a cluster: from what exists and what is wanted to the calls to make. Pure.

Statuses and what may be done in each: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeCluster.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import ansible_dict_to_boto3_tag_list
from ansible_collections.amazon.aws.plugins.module_utils.tagging import compare_aws_tags

from .._waiting.plans import Call
from .schema import CLUSTER_FIELDS
from .states import Plan
from .transformations import to_request
from .transformations import told
from .update import GROUP_LISTS
from .update import missing_options
from .update import plan_update
from .waiters import BUSY
from .waiters import DELETED
from .waiters import IN_SERVICE
from .waiters import SETTLED
from .waiters import groups_of
from .waiters import in_service

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .states import Current
    from .states import Desired


def plan(current: Current | None, desired: Desired) -> Plan:
    """Decide. Every answer has either a refusal or calls and a goal, never both."""
    if desired.state == "absent":
        return _plan_absent(current, desired)
    twice = _named_twice(desired)
    if twice:
        return Plan(refusal=f"Instance groups of cluster {desired.name} named more than once: {', '.join(twice)}")
    if current is None:
        return _plan_create(desired)
    if current.status == "Deleting":
        return _plan_anew(current, desired)
    if current.status == "Failed":
        return _plan_failed(current, desired)
    return _plan_existing(current, desired)


def _named_twice(desired: Desired) -> list[str]:
    names = [group["instance_group_name"] for groups in GROUP_LISTS for group in desired.options.get(groups.option, [])]
    return sorted({name for name in names if names.count(name) > 1})


def _plan_absent(current: Current | None, desired: Desired) -> Plan:
    if current is None:
        return Plan()
    before = current.normalised()
    if current.status == "Deleting":
        return Plan(goal=DELETED, before=before)
    call = Call("DeleteCluster", {"ClusterName": desired.name}, f"cluster {desired.name} is to be absent")
    return Plan(calls=(call,), goal=DELETED, before=before, changed=True)


def _plan_create(desired: Desired) -> Plan:
    missing = [
        f"{groups.option}[{item['instance_group_name']}].{option}"
        for groups in GROUP_LISTS
        for item in desired.options.get(groups.option, [])
        for option in missing_options(groups, item)
    ]
    if missing:
        return Plan(refusal=f"To make cluster {desired.name}, these are missing: {', '.join(missing)}")
    request = {"ClusterName": desired.name, **to_request(CLUSTER_FIELDS, desired.options)}
    if desired.tags:
        request["Tags"] = ansible_dict_to_boto3_tag_list(dict(desired.tags))
    call = Call("CreateCluster", request, "it does not exist yet")
    return Plan(calls=(call,), goal=IN_SERVICE, after=desired.normalised(), changed=True)


def _plan_anew(current: Current, desired: Desired, reason: str | None = None) -> Plan:
    """Make it when it is gone, and delete it if there is a reason to. What can't be made deletes nothing."""
    made = _plan_create(desired)
    if made.refusal:
        return made
    calls = (Call("DeleteCluster", {"ClusterName": desired.name}, reason),) if reason else ()
    before = current.normalised()
    return Plan(calls, DELETED, again=True, later=made.calls, before=before, after=made.after, changed=True)


def never_served(described: Mapping[str, Any]) -> bool:
    """A cluster whose creation failed and that holds no instance: nothing is lost with it.

    A cluster that was in service once and failed later keeps its instances.
    """
    return described["ClusterStatus"] == "Failed" and not any(
        group.get("CurrentCount") for group in groups_of(described)
    )


def _plan_failed(current: Current, desired: Desired) -> Plan:
    if current.continuous and not (desired.recreate_failed and never_served(current.described)):
        # In Continuous mode an update that corrects the cause lets the service try again.
        planned = _plan_existing(current, desired)
        if planned.differences and planned.calls:
            return planned
    before = current.normalised()
    message = str(current.described.get("FailureMessage") or "the service gives no reason").rstrip(".")
    if never_served(current.described):
        if desired.recreate_failed:
            return _plan_anew(current, desired, f"creation of cluster {desired.name} failed: {message}")
        way = "Mend the cause, then delete it (state: absent) or let it be made again (recreate_failed: true)"
    else:
        way = (
            "It still has instances, so it is not deleted for you (recreate_failed is for clusters that have none):"
            " mend the cause, and if nothing on it is needed, delete it (state: absent)"
        )
    return Plan(before=before, refusal=f"Cluster {desired.name} is Failed: {message}. {way}")


def _plan_existing(current: Current, desired: Desired) -> Plan:
    before = current.normalised()
    update = plan_update(current, desired, before)
    found = tuple(update.differences)
    refusal = update.refusal(desired.name)
    if refusal:
        return Plan(before=before, refusal=refusal, differences=found)
    tag_calls, tags = _plan_tags(current, desired)
    options = told(CLUSTER_FIELDS, {**before, **update.options})
    after = {"name": current.name, "status": "InService", **options, "tags": tags}
    call = update.call(desired.name)
    if call is None:
        return Plan(
            calls=tag_calls,
            goal=None if in_service(current.described, ()).done else IN_SERVICE,
            before=before,
            after=after,
            changed=bool(tag_calls),
        )
    if current.status in BUSY:
        # The service takes no update now.
        later = (call, *tag_calls)
        return Plan(goal=SETTLED, again=True, later=later, before=before, after=after, changed=True, differences=found)
    return Plan(calls=(call, *tag_calls), goal=IN_SERVICE, before=before, after=after, changed=True, differences=found)


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
