# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of the API, one function each."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict

from .._hyperpod.common import api_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable

Answer = dict[str, Any]


@api_call("list directories")
def list_directories(client: Any) -> list[Answer]:
    """All directories of the account and region, of all types."""
    pages = client.get_paginator("describe_directories").paginate()
    directories: list[Answer] = pages.build_full_result().get("DirectoryDescriptions", [])
    return directories


@api_call("describe directory {directory_id}", missing=[])
def _describe(client: Any, directory_id: str) -> list[Answer]:
    directories: list[Answer] = client.describe_directories(DirectoryIds=[directory_id])["DirectoryDescriptions"]
    return directories


def describe_directory(client: Any, directory_id: str) -> Answer | None:
    """A directory; None when it isn't there."""
    return next(iter(_describe(client, directory_id)), None)


@api_call("list the tags of directory {directory_id}", missing={})
def list_tags(client: Any, directory_id: str) -> dict[str, str]:
    """Tags by key."""
    pages = client.get_paginator("list_tags_for_resource").paginate(ResourceId=directory_id)
    tags: dict[str, str] = boto3_tag_list_to_ansible_dict(pages.build_full_result().get("Tags", []))
    return tags


@api_call("list the conditional forwarders of directory {directory_id}", missing=[])
def list_forwarders(client: Any, directory_id: str) -> list[Answer]:
    """Conditional forwarders; the call has no pages."""
    answer = client.describe_conditional_forwarders(DirectoryId=directory_id)
    forwarders: list[Answer] = answer.get("ConditionalForwarders", [])
    return forwarders


@api_call("read the LDAPS settings of directory {directory_id}", missing={})
def ldaps_settings(client: Any, directory_id: str) -> Answer:
    """The newest settings of LDAPS from clients; empty when it was never set up."""
    pages = client.get_paginator("describe_ldaps_settings").paginate(DirectoryId=directory_id, Type="Client")
    settings: list[Answer] = pages.build_full_result().get("LDAPSSettingsInfo", [])
    return settings[0] if settings else {}


@api_call("read the limits of directories")
def limits(client: Any) -> Answer:
    """``DirectoryLimits``."""
    answer: Answer = client.get_directory_limits()["DirectoryLimits"]
    return answer


@api_call("list the trusts of directory {directory_id}", missing=[])
def list_trusts(client: Any, directory_id: str) -> list[Answer]:
    """Trusts with other domains."""
    pages = client.get_paginator("describe_trusts").paginate(DirectoryId=directory_id)
    trusts: list[Answer] = pages.build_full_result().get("Trusts", [])
    return trusts


@api_call("list the accounts that directory {directory_id} is shared with", missing=[])
def list_shares(client: Any, directory_id: str) -> list[Answer]:
    """Shares of the directory."""
    pages = client.get_paginator("describe_shared_directories").paginate(OwnerDirectoryId=directory_id)
    shares: list[Answer] = pages.build_full_result().get("SharedDirectories", [])
    return shares


@api_call("describe subnets")
def list_subnets(client: Any, subnet_ids: Iterable[str]) -> list[Answer]:
    """Those of the subnets that exist; ``client``: of EC2."""
    # By a filter, for asked by id a single unknown one is an error that hides the others.
    wanted = [{"Name": "subnet-id", "Values": list(subnet_ids)}]
    pages = client.get_paginator("describe_subnets").paginate(Filters=wanted)
    subnets: list[Answer] = pages.build_full_result().get("Subnets", [])
    return subnets


@api_call("list the network interfaces in security group {group_id}")
def list_interfaces(client: Any, group_id: str) -> list[Answer]:
    """Network interfaces that a security group is for; ``client``: of EC2."""
    wanted = [{"Name": "group-id", "Values": [group_id]}]
    pages = client.get_paginator("describe_network_interfaces").paginate(Filters=wanted)
    interfaces: list[Answer] = pages.build_full_result().get("NetworkInterfaces", [])
    return interfaces


@api_call("read secret {secret}")
def secret_value(client: Any, secret: str) -> Answer:
    """Answer of GetSecretValue; ``client``: of Secrets Manager."""
    answer: Answer = client.get_secret_value(SecretId=secret)
    return answer


@api_call("create directory {request[Name]}", once=True)
def create_directory(client: Any, request: Answer) -> str:
    """CreateMicrosoftAD; the new directory's id. It has no token by which a second try would be known as one."""
    return str(client.create_microsoft_ad(**request)["DirectoryId"])


@api_call("delete directory {request[DirectoryId]}")
def delete_directory(client: Any, request: Answer) -> None:
    """DeleteDirectory."""
    client.delete_directory(**request)


@api_call("tag directory {request[ResourceId]}")
def add_tags(client: Any, request: Answer) -> None:
    """AddTagsToResource."""
    client.add_tags_to_resource(**request)


@api_call("remove tags of directory {request[ResourceId]}")
def remove_tags(client: Any, request: Answer) -> None:
    """RemoveTagsFromResource."""
    client.remove_tags_from_resource(**request)


@api_call("create the conditional forwarder for {request[RemoteDomainName]}")
def create_forwarder(client: Any, request: Answer) -> None:
    """CreateConditionalForwarder."""
    client.create_conditional_forwarder(**request)


@api_call("update the conditional forwarder for {request[RemoteDomainName]}")
def update_forwarder(client: Any, request: Answer) -> None:
    """UpdateConditionalForwarder."""
    client.update_conditional_forwarder(**request)


@api_call("delete the conditional forwarder for {request[RemoteDomainName]}")
def delete_forwarder(client: Any, request: Answer) -> None:
    """DeleteConditionalForwarder."""
    client.delete_conditional_forwarder(**request)


OPERATIONS: dict[str, Callable[[Any, Answer], None]] = {
    "AddTagsToResource": add_tags,
    "CreateConditionalForwarder": create_forwarder,
    "DeleteConditionalForwarder": delete_forwarder,
    "DeleteDirectory": delete_directory,
    "RemoveTagsFromResource": remove_tags,
    "UpdateConditionalForwarder": update_forwarder,
}
