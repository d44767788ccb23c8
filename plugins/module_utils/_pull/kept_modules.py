# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zips of modules that outlive a run. Private to this collection."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import time
import typing as t
from pathlib import Path

# what decides over the zip of a module, in a collection that is a working tree
_PARTS = ("plugins/modules", "plugins/module_utils", "meta/runtime.yml")
# other versions are used side by side, such as in tests; what nobody has used for that long goes
_KEEP_SECONDS = 7 * 86400.0
_NAME = re.compile("[0-9a-f]{32}")


def _below(path: Path) -> t.Iterator[Path]:
    if path.is_dir():
        for folder, folders, files in os.walk(path):
            folders[:] = [name for name in folders if name != "__pycache__"]
            yield from (Path(folder, name) for name in files)
    elif path.exists():
        yield path


def sources(collection_paths: t.Iterable[Path], module_paths: t.Iterable[Path]) -> list[Path]:
    """The files whose state decides over zips.

    Args:
        collection_paths: folders that have C(ansible_collections), or are it.
        module_paths: folders of modules and of what they import, outside of collections.

    Returns:
        list[Path]: of a collection that was installed its manifest, which is written anew by each installation.
    """
    found: list[Path] = []
    for path in collection_paths:
        root = path if path.name == "ansible_collections" else path / "ansible_collections"
        for collection in sorted(root.glob("*/*/")):
            manifest = collection / "MANIFEST.json"
            found += [manifest] if manifest.exists() else [x for part in _PARTS for x in _below(collection / part)]
    for path in module_paths:
        found += _below(path)
    return found


def name(version: str, paths: t.Iterable[Path]) -> str:
    """A name that changes when a version or the state of a file does."""
    lines = {version}
    for path in paths:
        try:
            state = path.stat()
        except OSError:
            continue
        lines.add(f"{path} {state.st_mtime_ns} {state.st_size}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:32]


def offer(kept: Path, zips: Path) -> None:
    """Begin a run with what is kept.

    Args:
        kept: folder of what runs with the same sources have kept; made if it isn't there.
        zips: where Ansible looks for the zips of a run.

    Raises:
        OSError: it can't be used: what others may have written there is nothing to run.
    """
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = kept.stat()
    if state.st_uid != os.geteuid() or stat.S_IMODE(state.st_mode) & 0o022:
        raise PermissionError(f"{kept} is another user's, or others can write to it")
    os.utime(kept)
    zips.mkdir(mode=0o700, exist_ok=True)
    for path in kept.iterdir():
        if not path.name.startswith("."):
            (zips / path.name).symlink_to(path)


def keep(zips: Path, kept: Path) -> None:
    """Keep what a run has made, each zip whole or not at all; forget what runs with other sources had kept long ago.

    Args:
        zips: the zips of the run.
        kept: the folder that was given to :func:`offer`.

    Raises:
        OSError: some could not be kept.
    """
    for path in zips.iterdir() if zips.is_dir() else ():
        # what is half written ends with -part (before ansible-core 2.19)
        if path.is_symlink() or path.name.endswith((".lock", "-part")):
            continue
        new = kept / f".{path.name}.{os.getpid()}"
        try:
            shutil.copyfile(path, new)
            new.replace(kept / path.name)
        finally:
            new.unlink(missing_ok=True)
    for other in kept.parent.iterdir():
        # the folder may be anything's
        if other != kept and _NAME.fullmatch(other.name) and time.time() - other.stat().st_mtime > _KEEP_SECONDS:
            shutil.rmtree(other, ignore_errors=True)
