# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the node image: a cached Debian root file system, and a thin layer with the files of this folder.

The base (mmdebstrap, about a minute) is made again when its packages change. The thin layer takes seconds, so a changed
agent costs no more than that.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from local_cloud.ami import recipe
from local_cloud.image_base import Base
from local_cloud.image_base import build_layer
from local_cloud.image_base import clear_leftovers
from local_cloud.image_base import ensure_base
from local_cloud.image_base import image_exists
from local_cloud.image_base import lock
from local_cloud.image_base import mirror
from local_cloud.image_base import need_root
from local_cloud.image_base import need_tools
from local_cloud.image_base import prune
from local_cloud.image_base import run
from local_cloud.image_layer import overlay_tar
from local_cloud.paths import cache_home

if TYPE_CHECKING:
    from pathlib import Path

    from local_cloud.image_base import Progress

WHAT = "Node image"


def ensure_image(progress: Progress) -> str:
    """Build what is missing and return the image's reference, ``localhost/podforge-hyperpod-node:<hash>``.

    Args:
        progress: told what is being done and about how long it takes.

    Raises:
        ImageError: a tool, right or the network is missing.
    """
    need_root(WHAT)
    need_tools(["podman"])
    base = Base(
        WHAT,
        "Debian with Slurm and MariaDB",
        recipe.BASE_REPOSITORY,
        recipe.base_key(mirror()),
        recipe.PACKAGES,
    )
    entries = recipe.overlay()
    key = recipe.node_key(base.key, entries)
    reference = f"{recipe.NODE_REPOSITORY}:{key}"
    if image_exists(reference):
        return reference
    folder = cache_home() / "ami"
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / "lock", WHAT, progress):
        if not image_exists(reference):
            clear_leftovers(folder)
            ensure_base(base, folder, progress, _bring_in)
            progress(f"{WHAT}: adding the agents (about 10 seconds)")
            containerfile = recipe.CONTAINERFILE.format(base=base.reference, key=key)
            build_layer(reference, containerfile, overlay_tar(entries))
            prune(folder, (recipe.NODE_REPOSITORY, recipe.BASE_REPOSITORY), keep={reference, base.reference})
            progress(f"{WHAT}: {reference} is ready")
    return reference


def _bring_in(work: Path) -> list[str]:
    """The wheels and the customize script; see ensure_base."""
    wheels = work / "wheels"
    _download_wheels(wheels, work)
    return [
        f"--customize-hook=copy-in {wheels} /var/tmp",
        f"--customize-hook=upload {recipe.CUSTOMIZE} /var/tmp/customize.sh",
        '--customize-hook=chroot "$1" sh /var/tmp/customize.sh',
        '--customize-hook=rm "$1"/var/tmp/customize.sh',
    ]


def _download_wheels(target: Path, work: Path) -> None:
    """The wheels of requirements.txt, checked against their hashes, for the node's Python (not for this one)."""
    machine = os.uname().machine
    platforms = [
        f"--platform={tag}_{machine}" for tag in ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "linux")
    ]
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", f"--python-version={recipe.PYTHON_VERSION}"]
    run(
        [
            *_pip(work),
            "download",
            "--quiet",
            *options,
            *platforms,
            "--dest",
            str(target),
            "-r",
            str(recipe.REQUIREMENTS),
        ],
        "Downloading awscli and boto3 (PyPI; check the network, HTTPS_PROXY or PIP_INDEX_URL)",
    )


def _pip(work: Path) -> list[str]:
    """A pip to download with: this Python's, the system's, or one in a fresh environment."""
    for python in (sys.executable, "python3"):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return [python, "-m", "pip"]
    run(["python3", "-m", "venv", str(work / "pip")], "Making an environment for pip (apt-get install python3-venv)")
    return [str(work / "pip/bin/python"), "-m", "pip"]
