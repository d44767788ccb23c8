# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets Manager, asked by the node with its own role. Private to this collection.

boto3 is in the environment of the lifecycle bundle and seldom in the system's Python, in which modules run: a module
that needs it starts itself again in a Python that has it.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.respawn import has_respawned
from ansible.module_utils.common.respawn import probe_interpreters_for_module
from ansible.module_utils.common.respawn import respawn_module

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    HAS_BOTO3 = False
else:
    HAS_BOTO3 = True

PYTHONS = ("/opt/podforge/current/venv/bin/python", "/usr/bin/python3", "/usr/local/bin/python3")
# A thousand nodes may ask at once. Adaptive mode slows down by itself; twelve attempts are about five minutes.
ATTEMPTS = 12
ACTION = "secretsmanager:GetSecretValue"
# AWS Secrets Manager, API reference, GetSecretValue and "Common Errors"
_CAUSES = {
    "ResourceNotFoundException": "it does not exist. Correct the name and the region",
    "AccessDeniedException": f"the node's role may not read it. Allow its role {ACTION}, and kms:Decrypt of its key",
    "ThrottlingException": f"{ATTEMPTS} requests were throttled. Run this again later",
}


class SecretError(Exception):
    """The secret can't be read; the text names it, the reason and the fix, never its value."""


def need_boto3(what: str) -> None:
    """Go on in a Python that has boto3; does not return when that is another one.

    Raises:
        SecretError: there is none.
    """
    if HAS_BOTO3:
        return
    python = None if has_respawned() else probe_interpreters_for_module(list(PYTHONS), "boto3")
    if python is None:
        raise SecretError(
            f"{what}: boto3 is in no Python of this node (looked at {', '.join(PYTHONS)}). Run the lifecycle script "
            "once, which brings it, or install python3-boto3"
        )
    respawn_module(python)


def read_secret(identifier: str, region: str | None = None) -> str:
    """The text of a secret.

    Args:
        identifier: name or ARN.
        region: of a secret that is given by its name.

    Raises:
        SecretError: it can't be read.
    """
    parts = identifier.split(":")
    place = parts[3] if identifier.startswith("arn:") and len(parts) > 5 else region
    config = botocore.config.Config(
        retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS}, connect_timeout=10, read_timeout=30
    )
    try:
        make: t.Any = boto3.client
        answer = make("secretsmanager", region_name=place, config=config).get_secret_value(SecretId=identifier)
    except botocore.exceptions.ClientError as error:
        told = error.response.get("Error", {})
        cause = _CAUSES.get(str(told.get("Code")), f"see that {ACTION} works for the node's role")
        raise SecretError(f"secret {identifier}: {told.get('Message') or told.get('Code')}: {cause}") from error
    except (botocore.exceptions.BotoCoreError, ValueError) as error:
        raise SecretError(
            f"secret {identifier}: {error}. The node needs a region, its role's credentials (metadata service), and a "
            "way to Secrets Manager: a NAT gateway or a VPC endpoint"
        ) from error
    text: str | None = answer.get("SecretString")
    if text is None:
        raise SecretError(f"secret {identifier} is binary. Store it as text (SecretString)")
    return text
