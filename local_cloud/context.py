# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls, and where: what a request says about itself apart from its parameters."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RequestContext:
    """Identity and place of one request.

    Attributes:
        account_id: 12 digits, derived from the access key.
        region: from the credential scope of the signature, e.g. ``us-west-2``.
        partition: ``aws``, ``aws-cn``, ``aws-us-gov``, ...
        request_id: the UUID answered in ``x-amzn-RequestId``.
        access_key_id: the key the request was signed with.
        principal_arn: ARN of the calling user or assumed role, as GetCallerIdentity tells it.
    """

    account_id: str
    region: str
    partition: str
    request_id: str
    access_key_id: str
    principal_arn: str
