# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what the two forms of description have in common while they are read. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._findings import shown
from . import directory
from . import wishes
from .documents import Document
from .model import Checker

if TYPE_CHECKING:
    from collections.abc import Collection

    from .._findings import Finding

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,2}-\d+")
# Of the API, but not of a Slurm cluster's description.
NOT_OF_SLURM = ("RestrictedInstanceGroups", "RestrictedInstanceGroupsConfig")

# How far an update of a cluster that exists may go, as in hyperpod_cluster.
UPDATE_KEYS = ("purge_instance_groups", "allow_scale_down")


@dataclass(frozen=True)
class Overrides:
    """What playbook variables say besides the description. Each wins over the description; None: nothing."""

    region: str | None = None
    network: dict[str, Any] | None = None
    execution_role: dict[str, Any] | None = None
    make_execution_role: bool = False
    lifecycle_bucket: dict[str, Any] | None = None
    lifecycle_managed: bool = True
    directory: dict[str, Any] | None = None
    kubernetes: dict[str, Any] | bool | None = None
    node_vars: dict[str, Any] | None = None
    tags: dict[str, Any] | None = None


@dataclass
class Reading:
    """The parts of a description as they are read, with all findings."""

    form: str
    sources: list[str]
    cluster: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    role: dict[str, str] = field(default_factory=dict)
    bucket: dict[str, str] = field(default_factory=dict)
    directory: dict[str, Any] = field(default_factory=dict)
    region: str | None = None
    kubernetes: dict[str, Any] = field(default_factory=dict)
    node_vars: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] | None = None
    findings: list[Finding] = field(default_factory=list)


def wish(checker: Checker, check: Any, data: dict[str, Any], key: str, override: Any) -> Any:
    """A wish of the description, or of the variable that wins over it."""
    if override is None:
        return check(checker, data.get(key), (key,))
    variable = Checker(Document(f"hyperpod_{key}", override), ours=True)
    result = check(variable, override, ())
    checker.findings.extend(variable.findings)
    return result


def directory_wish(checker: Checker, data: dict[str, Any], network: dict[str, Any], override: Any) -> dict[str, Any]:
    """The directory of the description, or of the variable that wins over it, and whether the network has room."""
    found: dict[str, Any] = wish(checker, directory.check_directory, data, "directory", override)
    if override is None:
        directory.check_place(checker, found, network, ("directory",))
        return found
    variable = Checker(Document("hyperpod_directory", override), ours=True)
    directory.check_place(variable, found, network, ())
    checker.findings.extend(variable.findings)
    return found


def zones(
    checker: Checker, network: dict[str, Any], region: str | None, regions: Collection[str], override: Any
) -> None:
    """Zones of another region than the cluster's, in the description or in the variable that wins over it.

    A region that is not known is the preflight's to report: nobody needs to hear of its zones as well.
    """
    if region is None or region not in regions:
        return
    names = network.get("availability_zones", [])
    if override is None:
        wishes.check_zones(checker, names, region, ("network", "availability_zones"))
        return
    variable = Checker(Document("hyperpod_network", override), ours=True)
    wishes.check_zones(variable, names, region, ("availability_zones",))
    checker.findings.extend(variable.findings)


def mapping(checker: Checker, value: Any, override: Any, key: str) -> dict[str, Any]:
    """A mapping whose keys are the user's own, of the description or of the variable that wins over it."""
    chosen = value if override is None else override
    if chosen is None:
        return {}
    if not isinstance(chosen, dict):
        checker.wrong_type(chosen, "a mapping", (key,))
        return {}
    return chosen


def tags(checker: Checker, value: Any, override: Any) -> dict[str, str]:
    """Tags of the description and of the variable, together; the variable wins."""
    chosen = {**mapping(checker, value, None, "tags"), **mapping(checker, None, override, "tags")}
    for key, item in chosen.items():
        if isinstance(item, (dict, list)):
            checker.wrong_type(item, "a string", ("tags", key))
    return {str(key): str(item) for key, item in chosen.items()}


def switches(checker: Checker, data: dict[str, Any]) -> dict[str, bool]:
    """What updates may do, as far as the description says."""
    found = {}
    for key in UPDATE_KEYS:
        if data.get(key) is not None:
            value = checker.boolean(data[key], (key,))
            if value is not None:
                found[key] = value
    return found


def region(checker: Checker, value: Any, override: Any) -> str | None:
    """The region of the description, or of the variable that wins over it."""
    chosen = value if override is None else override
    if chosen is None:
        return None
    if not isinstance(chosen, str):
        checker.wrong_type(chosen, "a string", ("region",))
        return None
    if not _REGION.fullmatch(chosen):
        where = checker.document.where(("region",)) if override is None else "hyperpod_region"
        what = f"'{shown(chosen)}' is not the name of a region"
        fix = "write a region such as us-west-2"
        checker.findings.append(failure("region", what, where=where, value=chosen, fix=fix))
        return None
    return chosen
