# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Container images from Debian packages: a cached root file system, and thin layers on top of it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local_cloud.errors import LocalCloudError
from local_cloud.paths import cache_home

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from collections.abc import Sequence

    Progress = Callable[[str], None]

SUITE = "bookworm"
DEFAULT_MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Program -> Debian/Ubuntu package that has it.
TOOLS = {"podman": "podman", "mmdebstrap": "mmdebstrap", "zstd": "zstd"}
KEPT_BASES = 2
# An image this young may have been built by somebody who has not started a container from it yet.
PRUNE_AFTER_SECONDS = 3600
# Seconds before a base is tried again: mirrors have their moments.
PAUSES = (5.0, 30.0)
# What no second try mends.
LASTING = ("No space left on device", "NO_PUBKEY")


class ImageError(LocalCloudError):
    """An image can't be built; the text names the fix."""


@dataclass(frozen=True)
class Base:
    """A root file system of Debian packages.

    Attributes:
        what: the image as users know it, for messages (``Node image``).
        contents: what is installed, for messages (``Debian with Slurm and MariaDB``).
        repository: of the imported base, such as ``localhost/podforge-hyperpod-base``.
        key: hash of all that decides its bytes.
        packages: Debian packages, with what they depend on.
    """

    what: str
    contents: str
    repository: str
    key: str
    packages: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The image's name."""
        return f"{self.repository}:{self.key}"


def mirror() -> str:
    """The Debian mirror that packages come from (environment: PODFORGE_DEBIAN_MIRROR)."""
    return os.environ.get("PODFORGE_DEBIAN_MIRROR", DEFAULT_MIRROR)


def need_root(what: str) -> None:
    """Raise ImageError unless this is root, which mmdebstrap and podman need."""
    if os.geteuid() != 0:
        raise ImageError(f"{what}: building it needs root (mmdebstrap, podman): run it again with sudo -E.")


def need_tools(names: Sequence[str]) -> None:
    """Raise ImageError, naming the packages, unless these programs are there."""
    missing = [TOOLS[name] for name in names if shutil.which(name) is None]
    if missing:
        raise ImageError(f"Missing: {', '.join(missing)}. Install with: apt-get install {' '.join(missing)}")


@contextmanager
def lock(path: Path, what: str, progress: Progress) -> Iterator[None]:
    """Hold the lock file; the kernel lets go of it when the process ends, however it ends (flock(2))."""
    with path.open("w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"{what}: another process builds it, waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(command: Sequence[str], what: str, stdin: int | None = None) -> str:
    """Run to the end; ImageError with the last lines of what it said."""
    done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"{what} failed ({command[0]} ended with {done.returncode}):\n{tail(done.stderr)}")
    return done.stdout


def tail(text: str, lines: int = 12) -> str:
    """The last lines, without the blank ones."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def image_exists(reference: str) -> bool:
    """Whether podman has the image."""
    return subprocess.run(["podman", "image", "exists", reference], check=False).returncode == 0


def ensure_base(
    base: Base, folder: Path, progress: Progress, download: Callable[[Path], list[str]] | None = None
) -> None:
    """Have the base among podman's images: imported from its archive, which is made first where there is none.

    Args:
        base: what it is made of.
        folder: where archives are kept.
        progress: told what is done.
        download: puts files for the root file system into a folder that is gone afterwards, and returns the
            mmdebstrap options that bring them in.
    """
    if image_exists(base.reference):
        return
    archive = folder / f"base-{base.key}.tar.zst"
    need_tools(["zstd"])
    if not archive.exists():
        need_tools(["mmdebstrap"])
        if not KEYRING.exists():
            raise ImageError(f"{KEYRING} is missing. Install with: apt-get install debian-archive-keyring")
        progress(f"{base.what}: installing {base.contents} into a new root (1 to 3 minutes, once)")
        persist(lambda: _make_base(base, folder, archive, download), progress)
    archive.touch()  # the youngest ones are kept
    progress(f"{base.what}: importing the base (about 20 seconds)")
    with subprocess.Popen(["zstd", "-dc", archive], stdout=subprocess.PIPE) as unpack:
        pipe = unpack.stdout.fileno() if unpack.stdout else None
        run(["podman", "import", "-", base.reference], "Importing the base image", stdin=pipe)
    if unpack.returncode:
        archive.unlink()
        raise ImageError(f"{archive} was damaged and has been removed: run the same command again.")


def persist(make: Callable[[], None], progress: Progress, sleep: Callable[[float], None] = time.sleep) -> None:
    """Try again after a pause, up to ``len(PAUSES)`` times, unless the reason of the failure is one that stays."""
    for pause in PAUSES:
        try:
            return make()
        except ImageError as error:
            if any(sign in str(error) for sign in LASTING):
                raise
            progress(f"{error}\nTrying again in {pause:.0f} s")
        sleep(pause)
    return make()


def clear_leftovers(folder: Path) -> None:
    """Remove what a killed build left, unless something is still mounted in it."""
    mounted = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    for path in folder.glob("build-*"):
        if f" {path}/" not in mounted:
            shutil.rmtree(path, ignore_errors=True)


def _make_base(base: Base, folder: Path, archive: Path, download: Callable[[Path], list[str]] | None) -> None:
    """A root file system from Debian packages, as a compressed archive."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as name:
        work = Path(name)
        options = download(work) if download else []
        unfinished = work / "base.tar.zst"
        command = [
            "mmdebstrap",
            "--quiet",
            "--mode=root",
            "--format=tar",
            "--variant=minbase",
            f"--include={','.join(base.packages)}",
            "--dpkgopt=force-unsafe-io",
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            '--aptopt=Acquire::Languages "none"',
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Retries "3"',
            *options,
            SUITE,
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
    sources = [f"deb {here} {SUITE} main", f"deb {here} {SUITE}-updates main"]
    if here == DEFAULT_MIRROR:
        sources.append(f"deb http://deb.debian.org/debian-security {SUITE}-security main")
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


def build_layer(reference: str, containerfile: str, overlay: bytes) -> None:
    """Build an image from a Containerfile that adds ``overlay.tar``."""
    with tempfile.TemporaryDirectory(prefix="podforge-image-") as name:
        context = Path(name)
        (context / "overlay.tar").write_bytes(overlay)
        (context / "Containerfile").write_text(containerfile, encoding="utf-8")
        # Images in docker format may carry fields (health checks) that OCI ones don't; we need none of them.
        run(
            ["podman", "build", "--quiet", "--format=oci", "--layers=false", "-t", reference, name],
            "Building the image",
        )


def prune(folder: Path, repositories: Sequence[str], keep: set[str]) -> None:
    """Remove images of the repositories that are neither kept nor in use nor young, and all but the newest archives."""
    listed = json.loads(run(["podman", "images", "--format", "json"], "Listing images") or "[]")
    for image in listed:
        for reference in image.get("Names") or []:
            ours = reference.rpartition(":")[0] in repositories
            if ours and reference not in keep and time.time() - image["Created"] > PRUNE_AFTER_SECONDS:
                # Refused by podman while a container or another image needs it; then it goes another day.
                subprocess.run(["podman", "rmi", reference], capture_output=True, check=False)
    archives = sorted(folder.glob("base-*.tar.zst"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in archives[KEPT_BASES:]:
        path.unlink()
