# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m local_cloud.serve SETTINGS READY_FD``: the process that ``up`` starts in the background."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from typing import Any

from local_cloud import control
from local_cloud.errors import LocalCloudError
from local_cloud.paths import CloudPaths
from local_cloud.server import Server
from local_cloud.server import ServerSettings
from local_cloud.server import clean_environment


def run(settings: ServerSettings, ready_fd: int | None) -> int:
    """Serve until SIGTERM.

    Args:
        settings: what to serve with.
        ready_fd: file descriptor that takes one line of JSON, ``{"ok": true}`` or ``{"error": text}``, and is closed.

    Returns:
        exit status.

    Raises:
        LocalCloudError: it can't start, and there is no ``ready_fd`` to tell so.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    clean_environment()
    paths = CloudPaths.of(settings.name)

    def tell(message: dict[str, Any]) -> None:
        if ready_fd is not None:
            # Whoever started us may be gone; that is no reason to stop.
            with contextlib.suppress(BrokenPipeError), os.fdopen(ready_fd, "w") as stream:
                stream.write(json.dumps(message) + "\n")

    try:
        server = Server(settings, paths)
    except LocalCloudError as error:
        if ready_fd is None:
            raise
        logging.getLogger(__name__).error("%s", error)  # the text says it all
        tell({"error": str(error)})
        return 1
    control.remember(paths, settings)
    server.serve(lambda: tell({"ok": True}))
    return 0


if __name__ == "__main__":
    sys.exit(run(ServerSettings(**json.loads(sys.argv[1])), int(sys.argv[2])))
