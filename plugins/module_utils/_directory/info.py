# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``ds_microsoft_ad_info`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._hyperpod.common import client_of
from . import api
from .choose import vpc_of
from .run import read_whole
from .states import MICROSOFT_AD
from .states import domain

if TYPE_CHECKING:
    from collections.abc import Mapping


def directories(module: Any) -> list[dict[str, Any]]:
    """The directories asked for, by name and id; those that don't exist are left away.

    Raises:
        HyperPodError: the service can't be asked, or refuses to answer.
    """
    client = client_of(module, "ds")
    found = [item for item in api.list_directories(client) if wanted(item, module.params)]
    return [
        read_whole(client, item).result()
        for item in sorted(found, key=lambda item: (item["Name"], item["DirectoryId"]))
    ]


def wanted(directory: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    """Whether a directory is one that was asked for. Pure."""
    if directory.get("Type") != MICROSOFT_AD or directory.get("Stage") == "Deleted":
        return False
    if params["names"] is not None and domain(directory["Name"]) not in map(domain, params["names"]):
        return False
    if params["directory_ids"] is not None and directory["DirectoryId"] not in params["directory_ids"]:
        return False
    return params["vpc_id"] is None or vpc_of(directory) == params["vpc_id"]
