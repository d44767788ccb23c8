# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker_archive.py OUT.tar REFERENCE ROOT: a docker-archive of one layer, for ``ctr images import``."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from pathlib import Path

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same entry, whoever has made it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def main(out: str, reference: str, root: str) -> None:
    """Write the archive."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.add(root, arcname=".", filter=owned_by_root)
    data = layer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2025-01-01T00:00:00Z",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "config": {"Env": [PATH]},
    }
    text = json.dumps(config).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [reference], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(out, "w") as tar:
        files = {name: text, f"{digest}/layer.tar": data, "manifest.json": json.dumps(manifest).encode()}
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    sys.stdout.write(f"{reference} {Path(out).stat().st_size}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
