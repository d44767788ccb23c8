# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image of domain controllers and balancers: Samba, HAProxy, dnsmasq, and programs of our own."""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from local_cloud.image_base import SUITE
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
from local_cloud.image_layer import digest
from local_cloud.image_layer import entries_below
from local_cloud.image_layer import overlay_tar
from local_cloud.paths import cache_home

if TYPE_CHECKING:
    from local_cloud.image_base import Progress

WHAT = "Directory image"
BASE_REPOSITORY = "localhost/podforge-hyperpod-directory-base"
REPOSITORY = "localhost/podforge-hyperpod-directory"
HERE = Path(__file__).resolve().parent
ROOTFS = HERE / "rootfs"
PROGRAMS = HERE / "programs"
RECIPE_VERSION = 1
PACKAGES = (
    *("samba", "samba-ad-provision", "samba-dsdb-modules", "samba-vfs-modules", "python3-samba"),
    *("ldap-utils", "haproxy", "dnsmasq-base", "nftables", "iproute2", "procps", "netbase"),
)
# The podman provider starts each container with a program of its own.
CONTAINERFILE = """\
FROM {base}
ADD overlay.tar /
ENV container=podman LANG=C.UTF-8
LABEL podforge.local_cloud.image={key}
STOPSIGNAL SIGTERM
CMD ["/opt/directory/controller"]
"""


def base_key(source: str) -> str:
    """Hash of all that decides the base root file system; ``source``: the mirror of its packages."""
    facts = {"v": RECIPE_VERSION, "suite": SUITE, "packages": PACKAGES, "mirror": source, "machine": platform.machine()}
    return digest(json.dumps(facts, sort_keys=True).encode())


def ensure_image(progress: Progress) -> str:
    """Build what is missing and return the image's reference, ``localhost/podforge-hyperpod-directory:<hash>``.

    Args:
        progress: told what is being done and about how long it takes.

    Raises:
        ImageError: a tool, right or the network is missing.
    """
    need_root(WHAT)
    need_tools(["podman"])
    base = Base(WHAT, "Debian with Samba and HAProxy", BASE_REPOSITORY, base_key(mirror()), PACKAGES)
    overlay = overlay_tar(entries_below(ROOTFS) + entries_below(PROGRAMS, "opt/directory"))
    key = digest(base.key.encode(), CONTAINERFILE.encode(), overlay)
    reference = f"{REPOSITORY}:{key}"
    if image_exists(reference):
        return reference
    folder = cache_home() / "directory"
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / "lock", WHAT, progress):
        if not image_exists(reference):
            clear_leftovers(folder)
            ensure_base(base, folder, progress)
            build_layer(reference, CONTAINERFILE.format(base=base.reference, key=key), overlay)
            prune(folder, (REPOSITORY, BASE_REPOSITORY), keep={reference, base.reference})
            progress(f"{WHAT}: {reference} is ready")
    return reference
