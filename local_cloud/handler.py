# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the server reads HTTP."""

from __future__ import annotations

import logging
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

log = logging.getLogger(__name__)


class QuietHandler(MotoRequestHandler):  # type: ignore[misc] # moto has no types
    """moto's handler keeps the spelling of S3 metadata; the application writes the access log itself."""

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Nothing."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 # werkzeug's name
        """Errors of the connection, to our own log."""
        log.log(logging.ERROR if type == "error" else logging.DEBUG, message, *args)
