# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running cluster as what another deployment can be made of. Pure.

Two forms: the request of CreateCluster (``cluster-config.json`` of AWS's samples), and our description
(docs/description.md). Both hold every input that DescribeCluster tells. What it does not tell can't be in them: the
files in S3 that the lifecycle configuration names, a ``provisioning_parameters.json`` among them.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any

from .schema import CLUSTER_FIELDS
from .schema import INSTANCE_GROUPS
from .schema import RESTRICTED_INSTANCE_GROUPS
from .transformations import format_time
from .transformations import to_options
from .transformations import to_request

if TYPE_CHECKING:
    from collections.abc import Mapping


def export(described: Mapping[str, Any], tags: Mapping[str, str], region: str) -> dict[str, Any]:
    """Both forms.

    Args:
        described: answer of DescribeCluster.
        tags: tags of the cluster.
        region: where it is.

    Returns:
        ``cluster_config``, ``description`` (empty where our form has no words for the cluster) and ``notes``: what the
        export leaves to whoever uses it.
    """
    form, notes = description(described, tags, region)
    return {"cluster_config": cluster_config(described, tags), "description": form, "notes": notes}


def options(described: Mapping[str, Any]) -> dict[str, Any]:
    """Options of ``hyperpod_cluster`` that make such a cluster.

    An image is named by id or by release, never both. ``default`` is the service's own image, which the release names
    exactly; any other id may be an image of your own, which no release names. A minimum of instances is an input in
    Continuous mode only, whatever is told of it elsewhere.
    """
    found = to_options(CLUSTER_FIELDS, described)
    for group in found.get(INSTANCE_GROUPS.option, []):
        if described.get("NodeProvisioningMode") != "Continuous":
            group.pop("min_instance_count", None)
        if group.get("image_id", "default") == "default":
            group.pop("image_id", None)
        else:
            group.pop("image_release_version", None)
    return found


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that a user can set: AWS keeps the prefix ``aws:`` for itself."""
    return {key: value for key, value in sorted(tags.items()) if not key.lower().startswith("aws:")}


def cluster_config(described: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """The request of CreateCluster, fit for JSON: ``aws sagemaker create-cluster --cli-input-json`` takes it."""
    request = {"ClusterName": described["ClusterName"], **to_request(CLUSTER_FIELDS, options(described))}
    own = own_tags(tags)
    if own:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in own.items()]
    plain: dict[str, Any] = _json(request)
    return plain


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return format_time(value) if isinstance(value, datetime) else value


def description(described: Mapping[str, Any], tags: Mapping[str, str], region: str) -> tuple[dict[str, Any], list[str]]:
    """Our form, as ``hyperpod_description`` takes it, and notes."""
    found = options(described)
    missing = _no_words(found)
    if missing:
        return {}, [f"There is no description: {missing}. Use cluster_config, or hyperpod_cluster itself"]
    notes = []
    form: dict[str, Any] = {"cluster_name": described["ClusterName"], "region": region}
    network = found.pop("vpc_config", None)
    if network:
        form["network"] = {"subnet_ids": network["subnets"], "security_group_ids": network["security_group_ids"]}
    groups = found.pop(INSTANCE_GROUPS.option)
    roles = {group.get("execution_role") for group in groups}
    if len(roles) == 1:
        form["execution_role"] = {"arn": roles.pop()}
        groups = [{name: value for name, value in group.items() if name != "execution_role"} for group in groups]
    buckets = {group["life_cycle_config"]["source_s3_uri"] for group in groups if _source(group)}
    if buckets:
        form["lifecycle_bucket"] = {"name": min(buckets).split("://", 1)[1].split("/", 1)[0]}
        notes.append(
            "The nodes get this collection's lifecycle bundle; with hyperpod_lifecycle_managed: false they get the"
            f" files of the cluster described ({', '.join(sorted(buckets))}), which a deployment elsewhere has to copy"
        )
    if any("image_id" in group for group in groups):
        notes.append("Images are those of this region: for another one, take image_id away or name an image there")
    own = own_tags(tags)
    return {**form, **({"tags": own} if own else {}), **found, INSTANCE_GROUPS.option: groups}, notes


def _source(group: Mapping[str, Any]) -> bool:
    return bool(group.get("life_cycle_config", {}).get("source_s3_uri"))


def _no_words(found: Mapping[str, Any]) -> str:
    """Why our form can't describe it: it is for Slurm clusters whose groups say what they are."""
    if "eks" in found.get("orchestrator", {}):
        return "the cluster is orchestrated by EKS, and descriptions are for Slurm"
    if RESTRICTED_INSTANCE_GROUPS.option in found or not found.get(INSTANCE_GROUPS.option):
        return "the cluster has restricted instance groups, or none at all, and descriptions are for Slurm"
    if not all("slurm_config" in group for group in found[INSTANCE_GROUPS.option]):
        return (
            "its Slurm roles are in provisioning_parameters.json, which lies in S3 beside its lifecycle scripts, and"
            " not in slurm_config"
        )
    return ""
