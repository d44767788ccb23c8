# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes 1.20.2 as packages and images: the last one that Debian has with all of its sources.

A folder with ``packages/`` (a flat apt repository) and ``images/*.tar[.xz]`` is taken from
``PODFORGE_KUBERNETES_PACKAGES``. Where that is not set, ``build.sh`` makes one in the cache from Debian's sources,
once: compiling takes a quarter of an hour on two cores. ``python -m tests.support.kubernetes.packages`` does it ahead.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import subprocess
import sys
from pathlib import Path

from local_cloud.paths import cache_home

HERE = Path(__file__).resolve().parent
VARIABLE = "PODFORGE_KUBERNETES_PACKAGES"


class NoPackagesError(RuntimeError):
    """Tests of Kubernetes can't run; the text says what to do."""


def built() -> Path:
    """Where the recipe's result is kept, whatever it is made from."""
    sources = sorted(path for path in [*HERE.glob("src/*"), HERE / "build.sh"] if path.is_file())
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    return cache_home() / f"kubernetes-{key}"


def given() -> Path | None:
    """The folder that is named, or was made before; None: it would have to be made."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else next((place for place in [built()] if place.exists()), None)


def find() -> Path:
    """The folder with packages and images; it is made when no other is named.

    Raises:
        NoPackagesError: the named folder is not one, or the recipe has failed.
    """
    folder = given() or build()
    if (folder / "packages" / "Packages").is_file() and list((folder / "images").glob("kube-apiserver.tar*")):
        return folder
    raise NoPackagesError(
        f"no Kubernetes to test with: {folder} has no packages/Packages and images/. Fix: set {VARIABLE} to a folder "
        "that has them, or leave it empty to have it made from Debian's sources (a quarter of an hour, once)"
    )


def images(folder: Path) -> Path:
    """Images as containerd reads them fastest, unpacked once for all tests of this machine."""
    archives = sorted((folder / "images").glob("*.tar*"))
    key = hashlib.sha256("".join(f"{path.name} {path.stat().st_size}\n" for path in archives).encode()).hexdigest()[:16]
    place = cache_home() / f"kubernetes-images-{key}"
    if place.is_dir():
        return place
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    temporary.mkdir(parents=True)
    for archive in archives:
        target = temporary / archive.name.removesuffix(".xz")
        if archive.suffix == ".xz":
            with lzma.open(archive) as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain)
        else:
            shutil.copyfile(archive, target)
    try:
        temporary.rename(place)
    except OSError:  # somebody else was quicker
        shutil.rmtree(temporary)
    return place


def build() -> Path:
    """Make the folder in the cache.

    Raises:
        NoPackagesError: the recipe has failed; what it said is on stderr.
    """
    place = built()
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    temporary.mkdir(parents=True)
    sys.stderr.write(f"Kubernetes is made from Debian's sources in {place}, which takes a quarter of an hour once\n")
    try:
        subprocess.run(
            [str(HERE / "build.sh"), str(temporary)],
            check=True,
            env={**os.environ, "PYTHON": sys.executable},
            stdout=sys.stderr,
        )
        temporary.rename(place)
    except subprocess.CalledProcessError as error:
        raise NoPackagesError(f"no Kubernetes to test with: {HERE / 'build.sh'} has failed ({error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return place


if __name__ == "__main__":
    sys.stdout.write(f"{find()}\n")
