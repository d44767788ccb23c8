# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AddTags, ListTags and DeleteTags, on clusters and training plans."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.hyperpod import messages
from local_cloud.hyperpod import rules
from local_cloud.hyperpod.operations import find
from local_cloud.hyperpod.operations import region_of
from local_cloud.hyperpod.pagination import paginate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_cloud.context import RequestContext
    from local_cloud.hyperpod.core import Core
    from local_cloud.hyperpod.regions import Region

Params = dict[str, Any]
_PLAN = "training-plan/"


def is_tagged_here(arn: str) -> bool:
    """Whether the tags of a resource are kept here; those of all else in SageMaker are moto's."""
    parts = arn.split(":", 5)
    return len(parts) == 6 and parts[2] == "sagemaker" and parts[5].startswith(("cluster/", _PLAN))


def add_tags(core: Core, params: Params, context: RequestContext) -> Params:
    """AddTags."""
    rules.require(rules.tag_findings(params["Tags"]))
    region, arn = region_of(core, context), params["ResourceArn"]
    with region.lock:
        tags = {**_read(core, region, arn), **{tag["Key"]: tag["Value"] for tag in params["Tags"]}}
        if len(tags) > rules.MAX_TAGS:
            raise messages.invalid(f"A resource can have at most {rules.MAX_TAGS} tags.")
        _write(core, region, arn, tags)
    return {"Tags": _shown(tags)}


def list_tags(core: Core, params: Params, context: RequestContext) -> Params:
    """ListTags."""
    region = region_of(core, context)
    with region.lock:
        tags = _read(core, region, params["ResourceArn"])
    page, token = paginate("ListTags", params, tags.items(), key=lambda item: ("", item[0]))
    return {"Tags": _shown(dict(page)), **({"NextToken": token} if token else {})}


def delete_tags(core: Core, params: Params, context: RequestContext) -> Params:
    """DeleteTags."""
    region, arn = region_of(core, context), params["ResourceArn"]
    with region.lock:
        tags = {key: value for key, value in _read(core, region, arn).items() if key not in params["TagKeys"]}
        _write(core, region, arn, tags)
    return {}


def _is_plan(arn: str) -> bool:
    return arn.split(":", 5)[5].startswith(_PLAN)


def _read(core: Core, region: Region, arn: str) -> dict[str, str]:
    return region.find_plan(arn).tags if _is_plan(arn) else find(core, region, arn).tags


def _write(core: Core, region: Region, arn: str, tags: dict[str, str]) -> None:
    if _is_plan(arn):
        region.keep_plan(dataclasses.replace(region.find_plan(arn), tags=tags))
        return
    cluster = find(core, region, arn)
    region.commit(cluster, dataclasses.replace(cluster, tags=tags), [])


def _shown(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
