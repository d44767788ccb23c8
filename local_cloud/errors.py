# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that cross the boundaries between the parts of local_cloud."""

from __future__ import annotations


class ServiceError(Exception):
    """An error that an AWS client gets to see.

    Args:
        code: the error code as the service model or its common errors name it, e.g. ``ResourceNotFound``.
        message: what the service says.
        status: HTTP status; the JSON services answer 400 for all that the client did wrong.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class LocalCloudError(Exception):
    """Something wrong on this machine. The text is one sentence for the user, and names the fix."""
