# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the node image: a cached Debian root file system, and a thin layer with the files of this folder.

The base (mmdebstrap, about a minute) is made again when its packages change. The thin layer takes seconds, so a changed
agent costs no more than that.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from local_cloud.ami import recipe
from local_cloud.errors import LocalCloudError
from local_cloud.paths import cache_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from collections.abc import Sequence

    Progress = Callable[[str], None]

DEFAULT_MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Program -> Debian/Ubuntu package that has it.
TOOLS = {"podman": "podman", "mmdebstrap": "mmdebstrap", "zstd": "zstd"}
KEPT_BASES = 2
# An image this young may have been built by somebody who has not started a container from it yet.
PRUNE_AFTER_SECONDS = 3600


class ImageError(LocalCloudError):
    """The node image can't be built; the text names the fix."""


def mirror() -> str:
    """The Debian mirror that packages come from (environment: PODFORGE_DEBIAN_MIRROR)."""
    return os.environ.get("PODFORGE_DEBIAN_MIRROR", DEFAULT_MIRROR)


def ensure_image(progress: Progress) -> str:
    """Build what is missing and return the image's reference, ``localhost/podforge-hyperpod-node:<hash>``.

    Args:
        progress: told what is being done and about how long it takes.

    Raises:
        ImageError: a tool, right or the network is missing.
    """
    _need_root()
    _need_tools(["podman"])
    base = recipe.base_key(mirror())
    entries = recipe.overlay()
    key = recipe.node_key(base, entries)
    reference = f"{recipe.NODE_REPOSITORY}:{key}"
    if _image_exists(reference):
        return reference
    folder = cache_home() / "ami"
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder / "lock", progress):
        if not _image_exists(reference):
            _clear_leftovers(folder)
            _ensure_base(folder, base, progress)
            progress("Node image: adding the agents (about 10 seconds)")
            _build_layer(reference, base, key, entries)
            _prune(folder, keep={reference, f"{recipe.BASE_REPOSITORY}:{base}"})
            progress(f"Node image: {reference} is ready")
    return reference


def _need_root() -> None:
    if os.geteuid() != 0:
        raise ImageError("Building the node image needs root (mmdebstrap, podman): run it again with sudo -E.")


def _need_tools(names: Sequence[str]) -> None:
    missing = [TOOLS[name] for name in names if shutil.which(name) is None]
    if missing:
        raise ImageError(f"Missing: {', '.join(missing)}. Install with: apt-get install {' '.join(missing)}")


@contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock file; the kernel lets go of it when the process ends, however it ends (flock(2))."""
    with path.open("w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("Node image: another process builds it, waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(command: Sequence[str], what: str, stdin: int | None = None) -> str:
    """Run to the end; ImageError with the last lines of what it said."""
    done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"{what} failed ({command[0]} ended with {done.returncode}):\n{tail(done.stderr)}")
    return done.stdout


def tail(text: str, lines: int = 12) -> str:
    """The last lines, without the blank ones."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def _image_exists(reference: str) -> bool:
    return subprocess.run(["podman", "image", "exists", reference], check=False).returncode == 0


def _ensure_base(folder: Path, key: str, progress: Progress) -> None:
    reference = f"{recipe.BASE_REPOSITORY}:{key}"
    if _image_exists(reference):
        return
    archive = folder / f"base-{key}.tar.zst"
    _need_tools(["zstd"])
    if not archive.exists():
        _need_tools(["mmdebstrap"])
        if not KEYRING.exists():
            raise ImageError(f"{KEYRING} is missing. Install with: apt-get install debian-archive-keyring")
        progress("Node image: installing Debian with Slurm and MariaDB into a new root (1 to 3 minutes, once)")
        _make_base(folder, archive)
    archive.touch()  # the youngest ones are kept
    progress("Node image: importing the base (about 20 seconds)")
    with subprocess.Popen(["zstd", "-dc", archive], stdout=subprocess.PIPE) as unpack:
        pipe = unpack.stdout.fileno() if unpack.stdout else None
        _run(["podman", "import", "-", reference], "Importing the base image", stdin=pipe)
    if unpack.returncode:
        archive.unlink()
        raise ImageError(f"{archive} was damaged and has been removed: run the same command again.")


def _clear_leftovers(folder: Path) -> None:
    """Remove what a killed build left, unless something is still mounted in it."""
    mounted = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    for path in folder.glob("build-*"):
        if f" {path}/" not in mounted:
            shutil.rmtree(path, ignore_errors=True)


def _make_base(folder: Path, archive: Path) -> None:
    """A root file system from Debian packages and the customize script, as a compressed archive."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as name:
        work = Path(name)
        wheels = work / "wheels"
        _download_wheels(wheels, work)
        unfinished = work / "base.tar.zst"
        command = [
            "mmdebstrap",
            "--quiet",
            "--mode=root",
            "--format=tar",
            "--variant=minbase",
            f"--include={','.join(recipe.PACKAGES)}",
            "--dpkgopt=force-unsafe-io",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            '--aptopt=Acquire::Languages "none"',
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Retries "3"',
            f"--customize-hook=copy-in {wheels} /var/tmp",
            f"--customize-hook=upload {recipe.CUSTOMIZE} /var/tmp/customize.sh",
            '--customize-hook=chroot "$1" sh /var/tmp/customize.sh',
            '--customize-hook=rm "$1"/var/tmp/customize.sh',
            recipe.SUITE,
            "-",
            *_sources(),
        ]
        environment = {**os.environ, "TMPDIR": str(work), "LC_ALL": "C.UTF-8"}
        with (work / "log").open("w+", encoding="utf-8") as log, unfinished.open("wb") as target:
            make = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment
            )
            with make, subprocess.Popen(["zstd", "-q", "-3", "-T0"], stdin=make.stdout, stdout=target) as pack:
                pack.wait()
            if make.returncode or pack.returncode:
                log.seek(0)
                raise ImageError(_explain(log.read()))
        unfinished.rename(archive)


def _sources() -> list[str]:
    """Sources of the image: the release, its updates and its security updates."""
    here = mirror()
    sources = [f"deb {here} {recipe.SUITE} main", f"deb {here} {recipe.SUITE}-updates main"]
    if here == DEFAULT_MIRROR:
        sources.append(f"deb http://deb.debian.org/debian-security {recipe.SUITE}-security main")
    return sources


def _explain(log: str) -> str:
    """The reason in mmdebstrap's log, with the fix where one is known."""
    known = {
        "Temporary failure resolving": f"no name service: {mirror()} can't be resolved. Check the network or proxy.",
        "Could not connect": f"{mirror()} can't be reached. Check the network, http_proxy or PODFORGE_DEBIAN_MIRROR.",
        "Unable to connect": f"{mirror()} can't be reached. Check the network, http_proxy or PODFORGE_DEBIAN_MIRROR.",
        "No space left on device": f"the disk of {cache_home()} or /var/lib/containers is full: 4 GB are needed.",
        "NO_PUBKEY": "the archive's key is unknown. Install a newer debian-archive-keyring.",
    }
    for sign, fix in known.items():
        if sign in log:
            return f"Installing Debian failed: {fix}\n{tail(log)}"
    return f"Installing Debian failed:\n{tail(log)}"


def _download_wheels(target: Path, work: Path) -> None:
    """The wheels of requirements.txt, checked against their hashes, for the node's Python (not for this one)."""
    machine = os.uname().machine
    platforms = [
        f"--platform={tag}_{machine}" for tag in ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "linux")
    ]
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", f"--python-version={recipe.PYTHON_VERSION}"]
    _run(
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
    _run(["python3", "-m", "venv", str(work / "pip")], "Making an environment for pip (apt-get install python3-venv)")
    return [str(work / "pip/bin/python"), "-m", "pip"]


def _build_layer(reference: str, base: str, key: str, entries: list[recipe.Entry]) -> None:
    with tempfile.TemporaryDirectory(prefix="podforge-image-") as name:
        context = Path(name)
        (context / "overlay.tar").write_bytes(recipe.overlay_tar(entries))
        containerfile = recipe.CONTAINERFILE.format(base=f"{recipe.BASE_REPOSITORY}:{base}", key=key)
        (context / "Containerfile").write_text(containerfile, encoding="utf-8")
        # Images in docker format may carry fields (health checks) that OCI ones don't; we need none of them.
        _run(
            ["podman", "build", "--quiet", "--format=oci", "--layers=false", "-t", reference, name],
            "Building the image",
        )


def _prune(folder: Path, keep: set[str]) -> None:
    """Remove images of ours that are neither kept nor in use nor young, and all but the newest archives."""
    listed = json.loads(_run(["podman", "images", "--format", "json"], "Listing images") or "[]")
    for image in listed:
        for reference in image.get("Names") or []:
            ours = reference.startswith((f"{recipe.NODE_REPOSITORY}:", f"{recipe.BASE_REPOSITORY}:"))
            if ours and reference not in keep and time.time() - image["Created"] > PRUNE_AFTER_SECONDS:
                # Refused by podman while a container or another image needs it; then it goes another day.
                subprocess.run(["podman", "rmi", reference], capture_output=True, check=False)
    archives = sorted(folder.glob("base-*.tar.zst"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in archives[KEPT_BASES:]:
        path.unlink()
