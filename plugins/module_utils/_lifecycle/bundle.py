# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle: one tar with all that a node needs, a manifest, and the entry script. Same inputs, same bytes.

The tar is not compressed: nearly all of it is wheels, which are (33.5 MB plain, 32.4 MB with gzip -1 as with -9), and
the bytes that a compressor makes depend on its version. Private to this collection.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

from .common import BUNDLE
from .common import ENTRY_SCRIPT
from .common import MANIFEST
from .common import OWN_COLLECTION
from .common import PROVISIONING_PARAMETERS
from .common import JsonDict
from .common import LifecycleError
from .contents import collection_files
from .contents import collection_version
from .wheels import WheelSet

ENTRY_SOURCE = "playbooks/files/lifecycle/on_create.sh"
# the first moment that a zip (a wheel) can express; any fixed time would do
_MTIME = 315532800


@dataclass(frozen=True)
class Bundle:
    """All objects by name, in the order in which they are staged: the entry script last."""

    content_id: str
    objects: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all objects."""
        return sum(len(content) for content in self.objects.values())


def build_bundle(
    collections: t.Mapping[str, Path],
    wheel_sets: t.Sequence[WheelSet],
    node_vars: JsonDict,
    provisioning_parameters: JsonDict | None,
) -> Bundle:
    """Build it.

    :param collections: folders of collections by name, our own among them.
    :raises LifecycleError: a file is missing or cannot be read.
    """
    entry = _read(collections[OWN_COLLECTION] / ENTRY_SOURCE)
    files: dict[str, bytes] = {ENTRY_SCRIPT: entry, "vars.json": to_json(node_vars)}
    for name, root in collections.items():
        prefix = "collections/ansible_collections/" + name.replace(".", "/")
        for relative, path in collection_files(name, root).items():
            files[f"{prefix}/{relative}"] = _read(path)
    for wheel_set in wheel_sets:
        for name in wheel_set.wheels:
            files.setdefault(f"wheels/{name}", _read(wheel_set.folder / name))
    tar = make_tar(files)
    objects = {BUNDLE: tar}
    if provisioning_parameters is not None:
        # beside the entry script, where the service looks for it
        objects[PROVISIONING_PARAMETERS] = to_json(provisioning_parameters)
    manifest = to_json(
        {
            "collections": {name: collection_version(root) for name, root in collections.items()},
            "files": {name: _entry(content) for name, content in files.items()},
            "objects": {name: _entry(content) for name, content in [*objects.items(), (ENTRY_SCRIPT, entry)]},
            "wheel_sets": [
                {"python": item.python, "machine": item.machine, "wheels": sorted(item.wheels)} for item in wheel_sets
            ],
        }
    )
    objects[MANIFEST] = manifest
    objects[ENTRY_SCRIPT] = entry
    return Bundle(hashlib.sha256(manifest).hexdigest()[:16], objects)


def make_tar(files: t.Mapping[str, bytes]) -> bytes:
    """A tar of the files with their folders: sorted, owned by root, one fixed time, 0755 for folders and scripts."""
    stream = io.BytesIO()
    folders = {parent.as_posix() for name in files for parent in Path(name).parents if parent.as_posix() != "."}
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted([*folders, *files]):
            info = tarfile.TarInfo(name)
            info.mtime = _MTIME
            info.uname = info.gname = "root"
            if name in folders:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            else:
                info.mode = 0o755 if name.endswith(".sh") else 0o644
                info.size = len(files[name])
                archive.addfile(info, io.BytesIO(files[name]))
    return stream.getvalue()


def to_json(document: JsonDict) -> bytes:
    """JSON with sorted keys."""
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _entry(content: bytes) -> JsonDict:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LifecycleError(f"{path}: cannot be read: {error.strerror}") from error
