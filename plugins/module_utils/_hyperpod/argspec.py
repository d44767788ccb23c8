# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specifications of the modules, made of the table of the API's inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._waiting.argspec import waiting_spec
from .schema import CLUSTER_FIELDS
from .schema import DEPLOYMENT_CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .schema import Field

Spec = dict[str, Any]

_TYPES = {"timestamp": "str", "strings": "list", "dicts": "list", "map": "dict", "empty": "dict"}

# They sound like secrets: the ARN of one is its name, and the key of a taint is text.
_NO_SECRETS = frozenset({"key", "secret_arn"})


def option_spec(field: Field, *, required: bool = True) -> Spec:
    """The argument specification of one input; suboptions are fully typed.

    ``required`` false: not even if the API wants it, for an update may leave it as it is.
    """
    spec: Spec = {"type": _TYPES.get(field.kind, field.kind)}
    if field.required and required:
        spec["required"] = True
    if field.choices:
        spec["choices"] = list(field.choices)
    if field.kind == "strings":
        spec["elements"] = "str"
    if field.kind == "dicts":
        spec["elements"] = "dict"
    if field.fields:
        # A group that exists needs only its name; what a new one needs is known when it is planned.
        spec["options"] = {
            member.option: option_spec(member, required=not field.additive or member.option in field.key)
            for member in field.fields
        }
        names = [member.option for member in field.fields]
        if field.union:
            spec["mutually_exclusive"] = [names]
            spec["required_one_of"] = [names]
        elif field.exclusive:
            spec["mutually_exclusive"] = [list(group) for group in field.exclusive]
    if field.option in _NO_SECRETS:
        spec["no_log"] = False
    return spec


def options_spec(fields: Iterable[Field]) -> Spec:
    """The argument specification of several inputs, by option name."""
    return {field.option: option_spec(field) for field in fields}


def cluster_spec() -> Spec:
    """Argument specification of ``hyperpod_cluster``."""
    return {
        "name": {"type": "str", "required": True, "aliases": ["cluster_name"]},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **options_spec(CLUSTER_FIELDS),
        "tags": {"type": "dict", "aliases": ["resource_tags"]},
        "purge_tags": {"type": "bool", "default": True},
        "purge_instance_groups": {"type": "bool", "default": False},
        "allow_scale_down": {"type": "bool", "default": False},
        "recreate_failed": {"type": "bool", "default": False},
        **waiting_spec(7200),
    }


def _cluster_name() -> Spec:
    return {"cluster_name": {"type": "str", "required": True, "aliases": ["cluster"]}}


def _strings() -> Spec:
    return {"type": "list", "elements": "str"}


def node_spec() -> Spec:
    """Argument specification of ``hyperpod_node``."""
    return {
        **_cluster_name(),
        "state": {"type": "str", "required": True, "choices": ["absent", "added", "rebooted", "replaced"]},
        "nodes": _strings(),
        "instance_group": {"type": "str"},
        "count": {"type": "int"},
        "target_count": {"type": "int"},
        "availability_zones": _strings(),
        "instance_types": _strings(),
        "client_token": {"type": "str", "no_log": False},
        **waiting_spec(7200),
    }


def software_spec() -> Spec:
    """Argument specification of ``hyperpod_software``."""
    group = {
        "instance_group_name": {"type": "str", "required": True},
        "image_release_version": {"type": "str"},
    }
    return {
        **_cluster_name(),
        "instance_groups": {"type": "list", "elements": "dict", "options": group},
        "image_id": {"type": "str"},
        **options_spec([DEPLOYMENT_CONFIG]),
        "force": {"type": "bool", "default": False},
        **waiting_spec(14400),
    }


def health_check_spec() -> Spec:
    """Argument specification of ``hyperpod_health_check``."""
    return {
        **_cluster_name(),
        "deep_health_checks": {
            **_strings(),
            "required": True,
            "choices": ["InstanceStress", "InstanceConnectivity", "MultiNodeTrainingValidation"],
        },
        "instance_groups": _strings(),
        "nodes": _strings(),
        "fail_on_unhealthy": {"type": "bool", "default": True},
        **waiting_spec(14400),
    }


def events_info_spec() -> Spec:
    """Argument specification of ``hyperpod_events_info``."""
    return {
        **_cluster_name(),
        "instance_group": {"type": "str"},
        "node": {"type": "str"},
        "resource_type": {"type": "str", "choices": ["Cluster", "InstanceGroup", "Instance"]},
        "operation_id": {"type": "str"},
        "since": {"type": "str"},
        "until": {"type": "str"},
        "levels": {**_strings(), "choices": ["Info", "Warn", "Error"]},
        "limit": {"type": "int", "default": 100},
        "detail": {"type": "str", "choices": ["none", "problems", "all"], "default": "problems"},
        "calls_per_second": {"type": "float", "default": 10.0},
    }


def logs_info_spec() -> Spec:
    """Argument specification of ``hyperpod_logs_info``."""
    return {
        **_cluster_name(),
        "cluster_id": {"type": "str"},
        "kinds": {
            **_strings(),
            "choices": ["lifecycle", "health_agent", "deep_health_check"],
            "default": ["lifecycle"],
        },
        "instance_groups": _strings(),
        "nodes": _strings(),
        "since": {"type": "str"},
        "tail": {"type": "int", "default": 100},
        "calls_per_second": {"type": "float", "default": 10.0},
    }


def cluster_info_spec() -> Spec:
    """Argument specification of ``hyperpod_cluster_info``."""
    return {
        "names": {"type": "list", "elements": "str", "aliases": ["name"]},
        "name_contains": {"type": "str"},
        "include_nodes": {"type": "bool", "default": False},
        "include_export": {"type": "bool", "default": False},
        "detail": {"type": "bool", "default": False},
        "calls_per_second": {"type": "float", "default": 10.0},
    }
