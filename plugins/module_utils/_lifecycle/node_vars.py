# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables for the nodes lie in S3 and on each node in the clear; secrets among them are refused.

Private to this collection.
"""

from __future__ import annotations

import re
import typing as t

from .common import LifecycleError

_SECRET_KEY = re.compile(r"(?i)(^|[_.-])(password|passwd|passphrase|secret|secret_?key|api_?key|token|private_?key)$")
_SECRET_VALUES = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
)
# references to secrets are what we want instead
_REFERENCE = re.compile(r"^(arn:|/|\{\{|(ssm|secretsmanager|file)://?)")


def refuse_secrets(value: t.Any, where: str = "node_vars") -> None:
    """Go through the variables.

    :raises LifecycleError: names the key of the first value that looks like a secret, never the value.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            refuse_secrets(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            refuse_secrets(item, f"{where}[{index}]")
    elif isinstance(value, str) and _looks_secret(where, value):
        raise LifecycleError(
            f"{where} looks like a secret, and node_vars are kept in S3 and on the nodes in the clear. Put it into "
            "Secrets Manager and give its ARN"
        )


def _looks_secret(where: str, value: str) -> bool:
    if any(pattern.search(value) for pattern in _SECRET_VALUES):
        return True
    key = re.sub(r"\[\d+\]$", "", where).rsplit(".", 1)[-1]
    return bool(value and _SECRET_KEY.search(key) and not _REFERENCE.match(value))
