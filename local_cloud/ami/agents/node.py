# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are on a node, and who this node is."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NODE_DIR = Path("/opt/local_cloud/node")
API_SOCKET = Path("/opt/local_cloud/socket/api.sock")
STATE_DIR = Path("/var/lib/local_cloud")
RUN_DIR = Path("/run/local_cloud")
DOCUMENT_FILE = RUN_DIR / "document.json"
RESOURCE_CONFIG = Path("/opt/ml/config/resource_config.json")
PROVISIONING_PARAMETERS = Path("/opt/ml/config/provisioning_parameters.json")
PROVISIONING_LOG = Path("/var/log/provision/provisioning.log")
AGENT_LOG_DIR = Path("/var/log/aws/clusters")
PATH = "/opt/slurm/bin:/opt/slurm/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Identity:
    """What the provider wrote for this node (``node.json``)."""

    instance_id: str
    token: str
    hostname: str
    region: str
    port: int
    spec: dict[str, Any]

    @classmethod
    def read(cls, path: Path = NODE_DIR / "node.json") -> Identity:
        """Read it; OSError or KeyError when this is no node of a local cloud."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            instance_id=data["instance_id"],
            token=data["token"],
            hostname=data["hostname"],
            region=data["region"],
            port=int(data["port"]),
            spec=data["spec"],
        )

    @property
    def endpoint_url(self) -> str:
        """The AWS API, as seen from the node."""
        return f"http://127.0.0.1:{self.port}"


def write_atomically(path: Path, text: str, mode: int = 0o644, owner: tuple[int, int] | None = None) -> None:
    """Replace a file so that readers see the old or the new text, never a part (rename(2))."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(mode)
        if owner is not None:
            os.chown(name, *owner)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when the file is absent or half written."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
