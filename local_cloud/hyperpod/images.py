# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of the nodes: release versions and AMI ids.

The service's own list of releases is not published as an API; these stand for it: one line per orchestrator, oldest
first, the last one is what new instances get.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping

RELEASES = {"Slurm": ("1.0.0", "1.1.0", "1.2.0"), "Eks": ("1.0.0", "1.1.0", "1.2.0")}


def orchestrator_of(settings: Mapping[str, Any]) -> str:
    """Eks or Slurm, by the cluster-level settings."""
    return "Eks" if "Eks" in settings.get("Orchestrator", {}) else "Slurm"


def latest(orchestrator: str) -> str:
    """Release that is used when none is asked for."""
    return RELEASES[orchestrator][-1]


def public_image(region: str, orchestrator: str, release: str) -> str:
    """AMI id of a public HyperPod image: the same for the same region, orchestrator and release."""
    digest = hashlib.sha256(f"{region}/{orchestrator}/{release}".encode()).hexdigest()
    return f"ami-{digest[:17]}"


def resolve(region: str, orchestrator: str, image_id: str | None, release: str | None) -> tuple[str, str]:
    """(AMI id, release) of an instance group that asks for ``image_id`` (an AMI, ``default`` or None) and release."""
    wanted = release or latest(orchestrator)
    if image_id and image_id != "default":
        public = {public_image(region, orchestrator, one): one for one in RELEASES[orchestrator]}
        return image_id, public.get(image_id, wanted)
    return public_image(region, orchestrator, wanted), wanted


def is_custom(region: str, orchestrator: str, image_id: str) -> bool:
    """It is none of the public HyperPod images."""
    return image_id not in {public_image(region, orchestrator, release) for release in RELEASES[orchestrator]}


def release_findings(orchestrator: str, spec: Mapping[str, Any]) -> Iterator[str]:
    """ImageReleaseVersion has to be a release that there is."""
    release = spec.get("ImageReleaseVersion")
    if release is not None and release not in RELEASES[orchestrator]:
        available = ", ".join(RELEASES[orchestrator])
        yield f"ImageReleaseVersion {release} is not available. Available versions: {available}."


def version_status(orchestrator: str, release: str) -> str:
    """ImageVersionStatus."""
    return "UpToDate" if _key(release) >= _key(latest(orchestrator)) else "UpdateAvailable"


def _key(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))
