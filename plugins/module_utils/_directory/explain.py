# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known messages of Directory Service, their likely cause, and the fix. Pure.

Texts are matched by what is stable in them. Sources: the API reference of AWS Directory Service and the pages on
directory statuses, prerequisites and deletion of its administration guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._hyperpod.explain import entry
from .._hyperpod.explain import explain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping
    from typing import Any

    from .._hyperpod.explain import Explanation
    from .._hyperpod.explain import Known

# More particular ones first: the first match of a message counts.
_KNOWN: Known = (
    entry(
        r"authorized application|still in use|application.{0,40}(enabled|registered|use)",
        "AWS applications are still allowed to use the directory (WorkSpaces, FSx for Windows, RDS, Client VPN ...)",
        "remove those resources or disable the applications in the console (Application management), then run again",
    ),
    entry(
        r"trust",
        "the directory has trusts with other domains",
        "delete them (ds delete-trust), then run again",
    ),
    entry(
        r"\bshar(ed|ing)\b",
        "the directory is shared with other accounts",
        "end that (ds unshare-directory), then run again",
    ),
    entry(
        r"limit exceeded|LimitExceeded|maximum of|quota",
        "the account has as many directories in this region as it may have",
        "delete one that nobody uses (ds_microsoft_ad_info lists them), or ask Service Quotas for more",
    ),
    entry(
        r"not authorized to perform: ec2:|UnauthorizedOperation|ec2:\w+",
        "the service makes the directory's network interfaces and security group with the rights of who runs the task",
        "grant the EC2 actions that this module's notes list",
    ),
    entry(
        r"short ?name|netbios",
        "the NetBIOS name is not allowed, or is that of another domain the directory would meet",
        "give another short_name: at most 15 letters, digits and hyphens",
    ),
    entry(
        r"already (in use|exists)|duplicate",
        "the VPC has a directory or a domain of this name already",
        "give directory_id to manage that one, or choose another name",
    ),
    entry(
        r"availability zone|subnet",
        "the service can't use one of the subnets' availability zones",
        "give subnets in two other zones of the region",
    ),
    entry(
        r"password",
        "the password is not strong enough: 8 to 64 characters, of three kinds, and not the word admin",
        "give a password of lower and upper case letters, digits and other characters",
    ),
    entry(
        r"internal|unexpected",
        "the service itself had a fault",
        "delete the directory (state: absent) and make it again; when it stays, ask AWS Support",
    ),
)


def likely(messages: Iterable[str]) -> list[Explanation]:
    """Likely causes of what the service said."""
    return explain(messages, table=_KNOWN)


def trusts_told(trusts: Iterable[Mapping[str, Any]]) -> list[str]:
    """Trusts with other domains, for people."""
    return [f"trust {item.get('TrustId')} with {item.get('RemoteDomainName')}" for item in trusts]


def shares_told(shares: Iterable[Mapping[str, Any]]) -> list[str]:
    """Accounts that the directory is shared with, for people."""
    return [f"share with account {item.get('SharedAccountId')} ({item.get('ShareStatus')})" for item in shares]


def interfaces_told(interfaces: Iterable[Mapping[str, Any]], directory: str) -> list[str]:
    """Network interfaces of others in the directory's security group, which can't go before them, for people."""
    return [
        f"network interface {item['NetworkInterfaceId']} in the directory's security group"
        f" ({item.get('Description') or 'no description'})"
        for item in interfaces
        if directory not in str(item.get("Description"))
    ]


def used_text(found: list[str]) -> list[str]:
    """What still uses a directory, for the end of a message; nothing where nothing is known."""
    return [f"Still used by: {', '.join(found)}"] if found else []
