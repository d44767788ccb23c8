# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers and secrets. One object makes them all, so that tests can make them predictable."""

from __future__ import annotations

import secrets
import string
import uuid

_LOWER = string.ascii_lowercase + string.digits


class Ids:
    """Random identifiers in the service's forms."""

    def cluster_id(self) -> str:
        """Last element of a cluster ARN: 12 of [a-z0-9]."""
        return "".join(secrets.choice(_LOWER) for _dummy in range(12))

    def instance_id(self) -> str:
        """``i-`` and 17 hexadecimal digits."""
        return f"i-{secrets.token_hex(9)[:17]}"

    def uuid(self) -> str:
        """NodeLogicalId, EventId, OperationId."""
        return str(uuid.uuid4())

    def token(self) -> str:
        """Secret by which an instance's agent is known."""
        return secrets.token_urlsafe(24)

    def munge_key(self) -> str:
        """A munge key of 128 printable bytes (munged wants 32 at least; munge(7))."""
        return secrets.token_hex(64)
