# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the published pair, cluster-config.json and provisioning_parameters.json, as it is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._findings import shown
from .._hyperpod.naming import snake
from . import kubernetes
from . import legacy
from . import wishes
from .model import Checker
from .reading import NOT_OF_SLURM
from .reading import Overrides
from .reading import Reading
from .reading import directory_wish
from .reading import mapping
from .reading import region
from .reading import tags
from .reading import wish
from .reading import zones
from .rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Collection

    from .documents import Document


def from_published(
    config: Document, form: Document | None, shape: Any, overrides: Overrides, regions: Collection[str]
) -> Reading:
    """The published pair: a CreateCluster request for the AWS CLI, with or without provisioning_parameters.json."""
    reading = Reading("published", [document.name for document in (config, form) if document is not None])
    # The role may come from a variable.
    checker = Checker(config, ours=False, optional=("ExecutionRole",))
    reading.findings = checker.findings
    data = config.data
    if not isinstance(data, dict):
        checker.wrong_type(data, "a mapping", ())
        return reading
    data = _without_blanks(checker, data, overrides)
    reading.cluster = checker.structure(shape, data, (), without=NOT_OF_SLURM)
    if data.get("InstanceGroups") is None and ("instance_groups",) not in checker.excused:
        checker.missing_key("InstanceGroups", ())
    reading.region = region(checker, None, overrides.region)
    theirs = {tag["key"]: tag["value"] for tag in reading.cluster.get("tags") or [] if len(tag) == 2}
    reading.cluster["tags"] = tags(checker, theirs, overrides.tags)
    vpc = reading.cluster.pop("vpc_config", None) or {}
    used = {"subnet_ids": vpc.get("subnets"), "security_group_ids": vpc.get("security_group_ids")} if vpc else None
    reading.network = wish(checker, wishes.check_network, {}, "network", overrides.network) or used or {}
    reading.directory = directory_wish(checker, {}, reading.network, overrides.directory)
    zones(checker, reading.network, reading.region, regions, overrides.network)
    reading.bucket = wish(checker, wishes.check_bucket, {}, "lifecycle_bucket", overrides.lifecycle_bucket)
    reading.node_vars = mapping(checker, None, overrides.node_vars, "node_vars")
    reading.kubernetes = kubernetes.wish(
        checker, None, overrides.kubernetes, reading.cluster, reading.network, node_vars=reading.node_vars
    )
    _published_role(checker, reading, overrides)
    _published_form(checker, reading, config, form)
    where = _in_their_names(config, shape)
    rules = Rules(reading.cluster, where, excused=checker.excused)
    checker.findings.extend(rules.run(slurm_api=form is None, has_network=bool(reading.network)))
    return reading


def _published_form(checker: Checker, reading: Reading, config: Document, form: Document | None) -> None:
    if form is None:
        return
    form_checker = Checker(form, ours=False)
    legacy.check(form_checker)
    checker.findings.extend(form_checker.findings)
    if not isinstance(form.data, dict):
        return
    reading.parameters = form.data
    groups = reading.cluster.get("instance_groups") or []
    for index, group in enumerate(groups):
        if "slurm_config" in group:
            checker.findings.append(
                failure(
                    "both_forms",
                    f"This group has a SlurmConfig, and {form.name} is given too",
                    where=config.where(("InstanceGroups", index, "SlurmConfig")),
                    value=group.get("instance_group_name"),
                    why="HyperPod does not take both",
                    fix=f"take SlurmConfig away, or do not give {form.name}",
                )
            )
    checker.findings.extend(legacy.consistency(config, form, groups))


def _without_blanks(checker: Checker, data: dict[str, Any], overrides: Overrides) -> dict[str, Any]:
    """The request without what playbook variables replace; blanks that nothing replaces are findings."""
    result = dict(data)
    if overrides.network is not None:
        result.pop("VpcConfig", None)
    elif _has_blank(result.get("VpcConfig")):
        _blank(checker, ("VpcConfig",), result.pop("VpcConfig"), "hyperpod_network")
    groups = result.get("InstanceGroups")
    if isinstance(groups, list):
        result["InstanceGroups"] = [
            _group_without_blanks(checker, group, ("InstanceGroups", index), overrides)
            if isinstance(group, dict)
            else group
            for index, group in enumerate(groups)
        ]
    return result


def _group_without_blanks(
    checker: Checker, group: dict[str, Any], path: tuple[Any, ...], overrides: Overrides
) -> dict[str, Any]:
    result = dict(group)
    role = result.get("ExecutionRole")
    if overrides.execution_role is not None:
        result.pop("ExecutionRole", None)
    elif wishes.is_placeholder(role):
        result.pop("ExecutionRole")
        if not overrides.make_execution_role:
            _blank(checker, (*path, "ExecutionRole"), role, "hyperpod_execution_role")
    lifecycle = result.get("LifeCycleConfig")
    if isinstance(lifecycle, dict) and wishes.is_placeholder(lifecycle.get("SourceS3Uri")):
        result["LifeCycleConfig"] = {key: value for key, value in lifecycle.items() if key != "SourceS3Uri"}
        if not overrides.lifecycle_managed:
            _blank(checker, (*path, "LifeCycleConfig", "SourceS3Uri"), lifecycle["SourceS3Uri"], None)
    return result


def _has_blank(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_blank(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_blank(item) for item in value)
    return wishes.is_placeholder(value)


def _blank(checker: Checker, path: tuple[Any, ...], value: Any, variable: str | None) -> None:
    fix = "write the real value" + (f", or set the variable {variable}" if variable else "")
    what = f"{shown(value)} is a blank to be filled in"
    checker.findings.append(failure("blank", what, where=checker.document.where(path), value=value, fix=fix))


def _published_role(checker: Checker, reading: Reading, overrides: Overrides) -> None:
    """One role for all groups, from the variable, or as the groups say."""
    if overrides.execution_role is not None:
        reading.role = wish(checker, wishes.check_role, {}, "execution_role", overrides.execution_role)
        return
    groups = reading.cluster.get("instance_groups") or []
    arns = {group["execution_role"] for group in groups if "execution_role" in group}
    if not overrides.make_execution_role:
        for index, group in enumerate(groups):
            blank = wishes.is_placeholder(_raw_role(checker.document.data, index))
            if "execution_role" not in group and not blank and "instance_group_name" in group:
                checker.missing_key(
                    "ExecutionRole",
                    ("InstanceGroups", index),
                    fix="add the ARN of a role, or set the variable hyperpod_execution_role",
                )
        if len(arns) == 1:
            reading.role = {"arn": arns.pop()}
        return
    names = {wishes.role_name(arn) for arn in arns}
    if len(names) > 1:
        checker.findings.append(
            failure(
                "execution_role",
                f"The groups name several roles: {', '.join(sorted(names))}",
                where=checker.document.where(("InstanceGroups",)),
                fix="set the variable hyperpod_execution_role to the one to use",
            )
        )
    for group in groups:
        group.pop("execution_role", None)
    if names:
        reading.role = {"name": names.pop()}


def _raw_role(data: Any, index: int) -> Any:
    groups = data.get("InstanceGroups") or []
    return groups[index].get("ExecutionRole") if index < len(groups) and isinstance(groups[index], dict) else None


def _in_their_names(config: Document, shape: Any) -> Callable[[tuple[Any, ...]], str]:
    """Places of options in a file that has the service's names."""

    def where(path: tuple[Any, ...]) -> str:
        level, named = shape, []
        for part in path:
            if isinstance(part, int):
                named.append(part)
                level = level.member
                continue
            name = next((name for name in getattr(level, "members", {}) if snake(name) == part), part)
            named.append(name)
            level = level.members[name] if name in getattr(level, "members", {}) else level
        return config.where(tuple(named))

    return where
