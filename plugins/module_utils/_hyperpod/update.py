# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a cluster that exists becomes what is wanted: one UpdateCluster, or the reasons why not. Pure.

UpdateCluster takes the groups that change, each in full, the settings that change, and the names of groups to delete;
groups that it does not name stay as they are
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateCluster.html). Images are left out of it, for what
DescribeCluster tells is the image in use, not what was asked for, and UpdateCluster can't change it.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from .._waiting.plans import Call
from .compare import Difference
from .compare import by_identity
from .compare import compare
from .compare import shown
from .fixed import cluster_problems
from .fixed import group_problems
from .merge import merged
from .merge import merged_value
from .schema import CLUSTER_FIELDS
from .schema import INSTANCE_GROUPS
from .schema import RESTRICTED_INSTANCE_GROUPS
from .transformations import to_request
from .waiters import groups_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping

    from .schema import Field
    from .states import Current
    from .states import Desired

GROUP_LISTS = (INSTANCE_GROUPS, RESTRICTED_INSTANCE_GROUPS)
# Sent for a group that exists only if the user names them.
_NEVER_BY_ITSELF = ("image_id", "image_release_version")
_MAX_REASONS = 6


@dataclass
class Update:
    """What an update comes to.

    Attributes:
        request: members of UpdateCluster but for the name; empty when there is nothing to do.
        options: options that change, as they will be.
        differences: where the cluster differs from what is wanted, groups to delete included.
        problems: differences that stay, each with the way around.
    """

    request: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    problems: list[tuple[Difference, str]] = field(default_factory=list)

    def call(self, name: str) -> Call | None:
        """The call, if one is needed."""
        if not self.request:
            return None
        return Call("UpdateCluster", {"ClusterName": name, **self.request}, reason(self.differences))

    def refusal(self, name: str) -> str | None:
        """Why nothing may be done, each reason with the way around."""
        if not self.problems:
            return None
        lines = [f"Cluster {name} can't be changed like this; nothing was changed:"]
        lines += [f"  {difference}. {way}" for difference, way in self.problems]
        return "\n".join(lines)


def reason(differences: list[Difference]) -> str:
    """The differences in one line."""
    told = []
    for difference in differences[:_MAX_REASONS]:
        if difference.current is None and difference.path.endswith("]"):
            told.append(f"{difference.path} is new")
        elif difference.desired is None:
            told.append(f"{difference.path} is not wanted")
        else:
            told.append(f"{difference.path}: {shown(difference.current)} -> {shown(difference.desired)}")
    more = len(differences) - len(told)
    return "; ".join([*told, *([f"and {more} more"] if more else [])])


def about_instances(differences: Iterable[Difference]) -> bool:
    """Groups or instances are not as they should be; other settings may just be told differently."""
    ends = ("].instance_count", "].min_instance_count", "]")
    return any(difference.path.endswith(ends) and difference.path.count("[") == 1 for difference in differences)


def plan_update(current: Current, desired: Desired, before: Mapping[str, Any]) -> Update:
    """Compare, and put the request together; ``before`` is the cluster in the form of the options."""
    update = Update()
    # A Slurm cluster that was made without naming an orchestrator may be described without one.
    before = {"orchestrator": {"slurm": {}}, **before}
    for setting in CLUSTER_FIELDS:
        if setting in GROUP_LISTS or setting.option not in desired.options:
            continue
        wanted = desired.options[setting.option]
        found = list(compare(setting, before.get(setting.option), wanted, setting.option))
        if not found:
            continue
        update.differences += found
        ways = list(cluster_problems(current, before, setting, wanted))
        update.problems += [(difference, way) for way in ways for difference in found]
        whole = merged_value(setting, before.get(setting.option), wanted)
        update.options[setting.option] = whole
        update.request.update(to_request((setting,), {setting.option: whole}))
    deleted = [name for groups in GROUP_LISTS for name in _plan_groups(update, groups, current, desired, before)]
    if deleted:
        update.request["InstanceGroupsToDelete"] = deleted
        left = {**before, **update.options}
        if not any(left.get(groups.option) for groups in GROUP_LISTS):
            gone = Difference("instance_groups", sorted(deleted), [])
            update.problems.append((gone, "A cluster keeps at least one group: delete the cluster (state: absent)"))
    return update


def missing_options(groups: Field, item: Mapping[str, Any]) -> list[str]:
    """Options that a group needs to be made."""
    return [member.option for member in groups.fields if member.required and member.option not in item]


def _plan_groups(
    update: Update, groups: Field, current: Current, desired: Desired, before: Mapping[str, Any]
) -> list[str]:
    """One list of groups; returns the names of those to delete."""
    if groups.option not in desired.options:
        return []
    there = by_identity(groups, before.get(groups.option, []))
    wanted = by_identity(groups, desired.options[groups.option])
    described = {group["InstanceGroupName"]: group for group in groups_of(current.described)}
    send = []
    for name, item in wanted.items():
        path = f"{groups.option}[{name}]"
        if name in there:
            if _plan_group(update, groups, _Group(path, described[name], there[name], item), desired):
                send.append(_whole(groups, there[name], item, current.continuous))
        else:
            update.differences.append(Difference(path, None, dict(item)))
            update.problems += _new_group_problems(groups, described, item, path)
            send.append(to_request(groups.fields, item))
    if send:
        update.request[groups.api] = send
    deleted = []
    if desired.purge_instance_groups:
        deleted = [name for name in there if name not in wanted and described[name].get("Status") != "Deleting"]
    update.differences += [Difference(f"{groups.option}[{name}]", dict(there[name]), None) for name in deleted]
    if send or deleted:
        whole = merged_value(groups, before.get(groups.option), desired.options[groups.option])
        update.options[groups.option] = [item for item in whole if item["instance_group_name"] not in deleted]
    return deleted


def _new_group_problems(
    groups: Field, described: Mapping[str, Any], item: Mapping[str, Any], path: str
) -> list[tuple[Difference, str]]:
    found = Difference(path, None, dict(item))
    if item["instance_group_name"] in described:
        return [(found, "A group of this name is in the cluster's other list of groups: choose another name")]
    missing = missing_options(groups, item)
    return [(found, f"A new group needs {', '.join(missing)}")] if missing else []


@dataclass(frozen=True)
class _Group:
    """A group that exists: as DescribeCluster tells it, in the form of the options, as it is wished for."""

    path: str
    described: Mapping[str, Any]
    there: Mapping[str, Any]
    item: Mapping[str, Any]


def _plan_group(update: Update, groups: Field, group: _Group, desired: Desired) -> bool:
    """Returns whether the group changes."""
    found = []
    for member in groups.fields:
        if member.option not in group.item:
            continue
        wanted = group.item[member.option]
        differing = list(compare(member, group.there.get(member.option), wanted, f"{group.path}.{member.option}"))
        if not differing:
            continue
        found += differing
        for below, way in group_problems(group.described, group.there, member, wanted):
            concerned = [difference for difference in differing if difference.path.startswith(f"{group.path}.{below}")]
            update.problems += [(difference, way) for difference in concerned]
    update.differences += found
    whole = merged(groups.fields, group.there, group.item)
    update.problems += _count_problems(whole, group.there, desired, group.path)
    return bool(found)


def _count_problems(
    whole: Mapping[str, Any], there: Mapping[str, Any], desired: Desired, path: str
) -> list[tuple[Difference, str]]:
    """``whole``: the group as it will be."""
    problems = []
    now, count = there.get("instance_count", 0), whole.get("instance_count", 0)
    if count < now and not desired.allow_scale_down:
        way = (
            f"{now - count} instances would be terminated, with all that is on them: to have that, set"
            " allow_scale_down: true"
        )
        problems.append((Difference(f"{path}.instance_count", now, count), way))
    least = whole.get("min_instance_count", 0)
    if count != now and least > count:
        way = f"The group is to have at least {least} instances: set min_instance_count as well"
        problems.append((Difference(f"{path}.instance_count", now, count), way))
    return problems


def _whole(groups: Field, there: Mapping[str, Any], item: Mapping[str, Any], continuous: bool) -> dict[str, Any]:
    """The request's whole specification of a group that exists."""
    left_out = {*_NEVER_BY_ITSELF, *(() if continuous else ("min_instance_count",))} - set(item)
    kept = {name: value for name, value in there.items() if name not in left_out}
    return to_request(groups.fields, merged(groups.fields, kept, item))
