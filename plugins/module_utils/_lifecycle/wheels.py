# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that nodes need, by Python version and machine: downloaded once, checked by the lock's hashes.

Private to this collection.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

from .common import LifecycleError

ARCHITECTURES = ("x86_64", "aarch64")
# newest C libraries last refused: Amazon Linux 2023 has glibc 2.34, Ubuntu 20.04 has 2.31; PEP 600 names
_PLATFORMS = ("manylinux_2_28_{0}", "manylinux_2_17_{0}", "manylinux2014_{0}")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_COMPLETE = ".complete"
_USERINFO = re.compile(r"(://)[^\s/@]+@")


@dataclass(frozen=True)
class WheelSet:
    """Wheels for one Python version on one machine, by file name, with their SHA-256."""

    python: str
    machine: str
    wheels: dict[str, str]
    folder: Path


def cache_folder(given: str | None) -> Path:
    """The folder for downloads."""
    chosen = given or os.environ.get("PODFORGE_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "podforge-hyperpod"


def lock_for(requirements: Path, python: str) -> Path:
    """The lock file of a Python version.

    :raises LifecycleError: there is none, that is, the bundle is not made for this version.
    """
    path = requirements / f"node-py{python}.txt"
    if not path.is_file():
        has = sorted(lock.stem[len("node-py") :] for lock in requirements.glob("node-py3.*.txt"))
        raise LifecycleError(
            f"node_pythons: no wheels are locked for Python {python} ({path} is missing); known are "
            f"{', '.join(has) or 'none'}"
        )
    return path


def collect_wheels(lock: Path, python: str, machine: str, cache: Path, wheels_dir: Path | None) -> WheelSet:
    """The wheels of the lock: from the cache, else by pip from the index (or from O(wheels_dir) alone).

    :raises LifecycleError: pip is missing or failed, or a file's hash is not the lock's.
    """
    text = lock.read_text(encoding="utf-8")
    allowed = set(_HASH.findall(text))
    key = hashlib.sha256("\n".join([text, python, machine, *_PLATFORMS]).encode()).hexdigest()[:16]
    folder = cache / "wheels" / f"{python}-{machine}-{key}"
    try:
        if not _is_complete(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
            try:
                _download(lock, python, machine, temporary, wheels_dir)
                names = _hashed(temporary, allowed)
                (temporary / _COMPLETE).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
                _put_in_place(temporary, folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        return WheelSet(python, machine, _hashed(folder, allowed), folder)
    except OSError as error:
        raise LifecycleError(
            f"cache_dir: {error.filename or cache}: {error.strerror}; give a folder that this user can write, with "
            "100 MB free"
        ) from error


def pip_command(lock: Path, python: str, machine: str, target: Path, wheels_dir: Path | None) -> list[str]:
    """The call of pip: for another Python than the running one, so binary wheels only, and hashes of all."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp"]
    command += [f"--python-version={python}"]
    command += [f"--platform={platform.format(machine)}" for platform in _PLATFORMS]
    command += [f"--dest={target}", f"--requirement={lock}"]
    if wheels_dir is not None:
        command += ["--no-index", f"--find-links={wheels_dir}"]
    return command


def _download(lock: Path, python: str, machine: str, target: Path, wheels_dir: Path | None) -> None:
    if wheels_dir is not None and not wheels_dir.is_dir():
        raise LifecycleError(f"wheels_dir: {wheels_dir} is no folder")
    done = subprocess.run(
        pip_command(lock, python, machine, target, wheels_dir),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    if "No module named pip" in done.stdout:
        raise LifecycleError(f"{sys.executable} has no pip, which downloads the wheels for the nodes; install it")
    errors = [line for line in done.stdout.splitlines() if line.startswith("ERROR")] or done.stdout.splitlines()[-5:]
    source = f"in {wheels_dir}" if wheels_dir else "from the package index"
    raise LifecycleError(
        f"the wheels for Python {python} on {machine} cannot be had {source}: "
        + _USERINFO.sub(r"\1", " ".join(errors))
        + ("" if wheels_dir else ". Without a network, give a folder that holds them as wheels_dir")
    )


def _hashed(folder: Path, allowed: t.Collection[str]) -> dict[str, str]:
    found = {}
    for path in sorted(folder.glob("*.whl")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest not in allowed:
            raise LifecycleError(f"{path}: SHA-256 {digest} is not in the lock; remove {folder}")
        found[path.name] = digest
    return found


def _is_complete(folder: Path) -> bool:
    """Whether a download ended here, and nobody has taken a wheel away since (of old ones the names aren't noted)."""
    try:
        names = (folder / _COMPLETE).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return False
    return all((folder / name).is_file() for name in names)


def _put_in_place(source: Path, target: Path) -> None:
    """Rename, unless another run was quicker: what is complete may be read just now, and stays."""
    try:
        source.rename(target)
    except OSError:
        if not _is_complete(target):
            shutil.rmtree(target)
            source.rename(target)
