# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a collection go into the bundle: the same from a checkout and from an installed artifact.

Private to this collection.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import typing as t
from pathlib import Path

from .common import OWN_COLLECTION
from .common import LifecycleError

# what a node needs of any collection; the rest (tests, docs, tools, caches) is nobody's business there
_TOP = ("meta", "playbooks", "plugins", "roles", "LICENSES")
_TOP_FILES = ("COPYING*", "LICENSE*")
_NEVER = ("__pycache__", ".*", "*.py[co]", "*~", "*.orig", "*.rej", "*.egg-info")
# of roles
_ROLE_EXTRAS = ("molecule", "tests", "README.md")
# of our own collection: only what nodes run, so that a change of the operator's side is no change of the bundle
_OWN_PLAYBOOKS = ("playbooks/node.yml", "playbooks/files/lifecycle/", "playbooks/files/slurm-jobs/")
_OWN_NOT = (
    "playbooks/",
    "plugins/action/ds_",
    "plugins/action/hyperpod_",
    "plugins/action/ldaps_endpoint",
    "plugins/doc_fragments/",
    "plugins/inventory/",
    "plugins/modules/ad_",
    "plugins/modules/directory_secret.py",
    "plugins/modules/ds_",
    "plugins/modules/hyperpod_cluster",
    "plugins/modules/hyperpod_description.py",
    "plugins/modules/hyperpod_events_info.py",
    "plugins/modules/hyperpod_health_check.py",
    "plugins/modules/hyperpod_lifecycle.py",
    "plugins/modules/hyperpod_logs_info.py",
    "plugins/modules/hyperpod_node.py",
    "plugins/modules/hyperpod_preflight.py",
    "plugins/modules/hyperpod_software.py",
    "plugins/modules/ldaps_endpoint",
    "plugins/module_utils/_active_directory/",
    "plugins/module_utils/_description/",
    "plugins/module_utils/_directory/",
    "plugins/module_utils/_findings.py",
    "plugins/module_utils/_hyperpod/",
    "plugins/module_utils/_ldaps_endpoint/",
    "plugins/module_utils/_lifecycle/",
    "plugins/module_utils/_preflight/",
    "plugins/module_utils/_waiting/",
    "plugins/plugin_utils/",
)


def collection_files(name: str, root: Path) -> dict[str, Path]:
    """The files by their path in the collection, sorted.

    :raises LifecycleError: there is no collection at that place.
    """
    if not (root / "plugins").is_dir() and not (root / "roles").is_dir():
        raise LifecycleError(f"collection {name}: {root} holds neither plugins nor roles")
    found = {}
    for path in _walk(root):
        relative = path.relative_to(root).as_posix()
        if _wanted(relative, name == OWN_COLLECTION):
            found[relative] = path
    return dict(sorted(found.items()))


def collection_version(root: Path) -> str:
    """The version, from the artifact's MANIFEST.json or the checkout's galaxy.yml; C(0.0.0) when neither tells."""
    manifest = root / "MANIFEST.json"
    if manifest.is_file():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    galaxy = root / "galaxy.yml"
    match = re.search(r"(?m)^version:\s*[\"']?([^\s\"']+)", galaxy.read_text("utf-8")) if galaxy.is_file() else None
    return match.group(1) if match else "0.0.0"


def _walk(root: Path) -> t.Iterator[Path]:
    for folder, folders, files in os.walk(root):
        top = Path(folder) == root
        folders[:] = sorted(name for name in folders if not _never(name) and (not top or name in _TOP))
        for name in sorted(files):
            if not _never(name) and (not top or any(fnmatch.fnmatch(name, form) for form in _TOP_FILES)):
                yield Path(folder) / name


def _never(name: str) -> bool:
    return any(fnmatch.fnmatch(name, form) for form in _NEVER)


def _wanted(relative: str, own: bool) -> bool:
    parts = relative.split("/")
    if parts[0] == "roles" and len(parts) > 2 and parts[2] in _ROLE_EXTRAS:
        return False
    if not own:
        return True
    return relative.startswith(_OWN_PLAYBOOKS) or not relative.startswith(_OWN_NOT)
