# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for any cluster and any wish: nothing is lost on the way, and nothing changes that nobody named.

The service is played by a few lines that know only its documented behaviour: UpdateCluster replaces what it is given as
a whole, and DescribeCluster tells it under other names, with read-only members beside it.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.export import cluster_config
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import CLUSTER_FIELDS
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import INSTANCE_GROUPS
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import RESTRICTED_INSTANCE_GROUPS
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.schema import Field
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.states import Current
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.states import Desired
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.transformations import to_options
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.transformations import to_request
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

ARN = "arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456"
GROUPS = (INSTANCE_GROUPS.option, RESTRICTED_INSTANCE_GROUPS.option)
# How DescribeCluster names what CreateCluster is given, written down apart from the table.
RENAMED = {
    "InstanceCount": "TargetCount",
    "MinInstanceCount": "MinCount",
    "InstanceTypes": "DesiredInstanceTypes",
    "PatchSchedule": "DesiredPatchSchedule",
    "ImageId": "DesiredImageId",
    "ImageReleaseVersion": "DesiredImageReleaseVersion",
    "Labels": "DesiredLabels",
    "Taints": "DesiredTaints",
    "FSxLustreDeletionPolicy": "DesiredFSxLustreDeletionPolicy",
}
WORDS = st.sampled_from(["a", "b", "c", "d-e"])
PLAIN = {
    "int": st.integers(0, 6),
    "bool": st.booleans(),
    "timestamp": st.sampled_from(["2026-12-01T03:00:00Z", "2027-01-01T00:00:00Z"]),
    "map": st.dictionaries(WORDS, WORDS, min_size=1, max_size=2),
    "empty": st.just({}),
}


def values(field: Field, least: int = 1) -> st.SearchStrategy[Any]:
    """Values of one field; every combination of its members that can stand together. ``least``: items of lists."""
    if field.kind in PLAIN:
        return PLAIN[field.kind]
    if field.kind == "strings":
        return st.lists(st.sampled_from(field.choices or ("x", "y", "z")), min_size=least, max_size=3, unique=True)
    if field.kind == "dict":
        return one_of(field, least) if field.union else members(field, least)
    if field.kind == "dicts":
        item = one_of(field, least) if field.union else members(field, least)
        return st.lists(item, min_size=least, max_size=3, unique_by=lambda made: identity(field, made))
    return st.sampled_from(field.choices) if field.choices else WORDS


def one_of(field: Field, least: int) -> st.SearchStrategy[dict[str, Any]]:
    """One member, which may be empty."""
    return st.one_of(
        [
            st.fixed_dictionaries(
                {member.option: anything(member, least) if member.kind == "dict" else values(member, least)}
            )
            for member in field.fields
        ]
    )


def members(field: Field, least: int) -> st.SearchStrategy[dict[str, Any]]:
    """What is empty all the way down is told by nobody."""
    return anything(field, least).filter(bool)


def anything(field: Field, least: int) -> st.SearchStrategy[dict[str, Any]]:
    needed = {member.option: values(member, least) for member in field.fields if member.required}
    others = {member.option: values(member, least) for member in field.fields if not member.required}
    return st.fixed_dictionaries(needed, optional=others).map(lambda found: consistent(field, found))


def consistent(field: Field, made: dict[str, Any]) -> dict[str, Any]:
    """Without what may not stand beside another, and without a minimum above the count."""
    rivals = {name for names in field.exclusive for name in [found for found in names if found in made][1:]}
    kept = {name: value for name, value in made.items() if name not in rivals}
    if "image_id" in kept:
        kept.pop("image_release_version", None)
    if kept.get("min_instance_count", 0) > kept.get("instance_count", 0):
        del kept["min_instance_count"]
    return kept


def identity(field: Field, item: dict[str, Any]) -> str:
    if field.union:
        name, value = next(iter(item.items()))
        return f"{name} {value.get('root_volume', False)}"
    return " ".join(str(item[key]) for key in field.key)


def sound(options: dict[str, Any]) -> dict[str, Any]:
    """As the service takes it: groups of both kinds have different names, minima are for Continuous mode."""
    if "node_provisioning_mode" not in options:
        for group in options[GROUPS[0]]:
            group.pop("min_instance_count", None)
    for group in options.get(GROUPS[1], []):
        group["instance_group_name"] += "-restricted"
    return options


def clusters(least: int) -> st.SearchStrategy[dict[str, Any]]:
    """Options of a cluster; ``least``: items of every list but that of the groups, of which one has to be there."""
    groups = st.lists(
        members(INSTANCE_GROUPS, least),
        min_size=1,
        max_size=3,
        unique_by=lambda group: identity(INSTANCE_GROUPS, group),
    )
    return st.fixed_dictionaries(
        {INSTANCE_GROUPS.option: groups},
        optional={field.option: values(field, least) for field in CLUSTER_FIELDS if field is not INSTANCE_GROUPS},
    ).map(sound)


CLUSTERS = clusters(1)
# In a wish, an empty list takes away what is there.
WISHES = clusters(0)


def described(request: Any, shared: bool = False) -> Any:
    """The names of DescribeCluster."""
    if isinstance(request, dict):
        told = {}
        for key, value in request.items():
            name = "DesiredFSxLustreConfig" if shared and key == "FSxLustreConfig" else RENAMED.get(key, key)
            told[name] = described(value, shared or key == "SharedEnvironmentConfig")
        return told
    return [described(item) for item in request] if isinstance(request, list) else request


class Service:
    """One cluster: what was asked for, by CreateCluster and UpdateCluster."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.settings = {name: value for name, value in request.items() if not name.endswith("Groups")}
        self.groups = {
            kind: {group["InstanceGroupName"]: group for group in request.get(kind, [])}
            for kind in ("InstanceGroups", "RestrictedInstanceGroups")
        }

    def update(self, request: dict[str, Any]) -> None:
        for kind, groups in self.groups.items():
            for group in request.get(kind, []):
                # the image of a group is not UpdateCluster's to change: left out, it stays
                image = {
                    name: groups.get(group["InstanceGroupName"], {}).get(name)
                    for name in ("ImageId", "ImageReleaseVersion")
                }
                groups[group["InstanceGroupName"]] = {**{k: v for k, v in image.items() if v is not None}, **group}
            for name in request.get("InstanceGroupsToDelete", []):
                groups.pop(name, None)
        others = ("ClusterName", "InstanceGroups", "RestrictedInstanceGroups", "InstanceGroupsToDelete")
        self.settings.update({name: value for name, value in request.items() if name not in others})

    def describe(self) -> dict[str, Any]:
        told: dict[str, Any] = described(self.settings)
        for kind, groups in self.groups.items():
            told[kind] = [
                {**described(group), "CurrentCount": group["InstanceCount"], "Status": "InService"}
                for group in groups.values()
            ]
        if "AutoScaling" in told:
            told["AutoScaling"] = {**told["AutoScaling"], "Status": "InService"}
        return {**told, "ClusterName": "demo", "ClusterArn": ARN, "ClusterStatus": "InService", "CreationTime": 0}


def created(options: dict[str, Any]) -> Service:
    planned = plan(None, Desired("demo", options=options))
    assert planned.refusal is None
    request = dict(planned.calls[0].request)
    del request["ClusterName"]
    return Service(request)


@settings(max_examples=100, deadline=None)
@given(CLUSTERS)
def test_create_and_export_is_the_identity(options: dict[str, Any]) -> None:
    first = created(options).describe()
    exported = cluster_config(first, {"team": "a", "aws:own": "b"})
    assert json.loads(json.dumps(exported)) == exported
    assert exported.pop("ClusterName") == "demo"
    assert exported.pop("Tags") == [{"Key": "team", "Value": "a"}]
    # sent back as it is, but for times, which the SDK takes as text and JSON has only as such
    second = Service(to_request(CLUSTER_FIELDS, to_options(CLUSTER_FIELDS, described(exported)))).describe()
    assert second == first
    assert to_options(CLUSTER_FIELDS, first) == options


@settings(max_examples=100, deadline=None)
@given(CLUSTERS)
def test_what_was_created_needs_nothing(options: dict[str, Any]) -> None:
    planned = plan(
        Current(created(options).describe(), {}), Desired("demo", options=options, purge_instance_groups=True)
    )
    assert (planned.refusal, planned.calls, planned.differences) == (None, (), ())


def kept(before: Any, wanted: Any, after: Any, fields: tuple[Field, ...]) -> None:
    """Of what nobody named, all is as before; but that a list is all that there is to be."""
    for field in fields:
        option = field.option
        rivals = [name for names in field_rivals(fields, option) for name in names if name in wanted]
        if option not in wanted:
            if not rivals:
                assert after.get(option) == before.get(option), option
        elif (
            field.kind == "dict"
            and option in before
            and (not field.union or set(before[option]) == set(wanted[option]))
        ):
            kept(before[option], wanted[option], after.get(option, {}), field.fields)


def field_rivals(fields: tuple[Field, ...], option: str) -> list[tuple[str, ...]]:
    return [("on_create", "on_init_complete")] if option in ("on_create", "on_init_complete") else []


@settings(max_examples=100, deadline=None)
@given(CLUSTERS, WISHES, st.booleans(), st.booleans())
def test_a_refusal_makes_no_call_and_gives_its_reasons(
    there: dict[str, Any], wish: dict[str, Any], purge: bool, shrink: bool
) -> None:
    desired = Desired("demo", options=wish, purge_instance_groups=purge, allow_scale_down=shrink)
    planned = plan(Current(created(there).describe(), {}), desired)
    assert bool(planned.refusal) != bool(planned.calls) or not planned.differences
    if planned.refusal:
        assert planned.differences


# What can't be changed, or only under conditions of their own, which test_cluster_update.py has.
FIXED = ("vpc_config", "node_provisioning_mode", "orchestrator", "cluster_role")
FIXED_IN_GROUPS = (
    "instance_type",
    "instance_requirements",
    "min_instance_count",
    "execution_role",
    "threads_per_core",
    "override_vpc_config",
    "capacity_requirements",
    "image_id",
    "image_release_version",
    "slurm_config",
)


def allowed(there: dict[str, Any], wish: dict[str, Any], without_counts: bool) -> dict[str, Any]:
    """The wish without what would be refused; ``without_counts``: counts of groups that exist are left out as well."""
    options = {name: value for name, value in wish.items() if name not in FIXED}
    for kind in GROUPS:
        was = named(there.get(kind, []))
        options[kind] = [
            {
                name: value
                for name, value in group.items()
                if group["instance_group_name"] not in was
                or not (name in FIXED_IN_GROUPS or (without_counts and name == "instance_count"))
            }
            for group in wish.get(kind, [])
        ]
        for group in options[kind]:
            least = was.get(group["instance_group_name"], {}).get("min_instance_count", 0)
            group["instance_count"] = max(group["instance_count"], least) if "instance_count" in group else least
            if without_counts and group["instance_group_name"] in was:
                del group["instance_count"]
    return {name: value for name, value in options.items() if name in wish}


@settings(max_examples=200, deadline=None)
@given(CLUSTERS, WISHES, st.booleans(), st.booleans())
def test_an_update_reaches_its_aim_and_touches_nothing_else(
    there: dict[str, Any], wish: dict[str, Any], purge: bool, without_counts: bool
) -> None:
    service = created(there)
    before = to_options(CLUSTER_FIELDS, service.describe())
    wish = allowed(there, wish, without_counts)
    desired = Desired("demo", options=wish, purge_instance_groups=purge, allow_scale_down=True)
    planned = plan(Current(service.describe(), {}), desired)
    assert planned.refusal is None
    for call in planned.calls:
        assert call.operation == "UpdateCluster"
        service.update(call.request)
    after = to_options(CLUSTER_FIELDS, service.describe())
    again = plan(Current(service.describe(), {}), desired)
    assert (again.refusal, again.calls, again.differences) == (None, (), ())
    predicted = {name: value for name, value in planned.after.items() if name not in ("name", "status", "tags")}
    assert by_name(predicted) == by_name(after)
    kept(before, wish, after, tuple(field for field in CLUSTER_FIELDS if field.option not in GROUPS))
    for field in (INSTANCE_GROUPS, RESTRICTED_INSTANCE_GROUPS):
        was, will, now = (named(options.get(field.option, [])) for options in (before, wish, after))
        for name, group in was.items():
            if name in will:
                kept(group, will[name], now[name], field.fields)
            elif purge and field.option in wish:
                assert name not in now
            else:
                assert now[name] == group


def named(groups: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {group["instance_group_name"]: group for group in groups}


def by_name(options: dict[str, Any]) -> dict[str, Any]:
    """The order of groups says nothing."""
    return {name: named(value) if name in GROUPS else value for name, value in options.items() if value != []}
