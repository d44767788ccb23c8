# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key pair of each user for the nodes of the cluster, made once although all nodes begin together. Private.

All of it is done by the user's own process. Nobody holds a lock, which a node that dies would keep: link(2) puts a
whole private key in place, or does nothing where another node was faster, and the public key follows from the private
one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .hosts import put

KEY = "podforge_cluster"
_PATIENCE = 20


def has_pair(home: str) -> bool:
    """Whether both halves are there."""
    folder = Path(home, ".ssh")
    return (folder / KEY).is_file() and (folder / f"{KEY}.pub").is_file()


def make_pair(home: str, comment: str) -> None:
    """Make what is missing of the pair; the caller is the user."""
    folder = Path(home, ".ssh")
    folder.mkdir(mode=0o700, exist_ok=True)
    key = folder / KEY
    if not key.exists():
        temporary = tempfile.mkdtemp(dir=folder, prefix=f".{KEY}-")
        try:
            _keygen("-t", "ed25519", "-N", "", "-C", comment, "-f", f"{temporary}/key")
            with contextlib.suppress(FileExistsError):
                os.link(f"{temporary}/key", key)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    put(folder / f"{KEY}.pub", _keygen("-y", "-P", "", "-f", str(key)))


def _keygen(*arguments: str) -> str:
    """What ssh-keygen says."""
    command = ["ssh-keygen", "-q", *arguments]
    try:
        # what stands in the place of the key may be no file
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(errno.ETIMEDOUT, f"ssh-keygen does not end in {_PATIENCE} s") from error
    if done.returncode != 0:
        raise OSError(errno.EIO, f"ssh-keygen: {(done.stderr or done.stdout).strip()}")
    return done.stdout
