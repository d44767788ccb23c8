# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: containerd's configuration, of its versions 2 (containerd 1.x) and 3 (2.x), as TOML.

github.com/containerd/containerd: docs/cri/config.md, docs/PLUGINS.md.
"""

from __future__ import annotations

import json
import re
import typing as t

from . import KubernetesError

Table: t.TypeAlias = "dict[str, t.Any]"

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_CRI = "io.containerd.grpc.v1.cri"
_RUNTIME, _IMAGES = "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"


def defaults(version: int, options: t.Mapping[str, t.Any]) -> Table:
    """What the role wants.

    C(options): root, sandbox_image, cgroup_driver, nvidia (bool), in_container (bool), max_downloads, certs_dir.
    """
    if version not in (2, 3):
        raise KubernetesError(f"containerd's configuration has no version {version} here: 2 or 3")
    systemd = options["cgroup_driver"] == "systemd"
    runtimes: Table = {"runc": {"runtime_type": "io.containerd.runc.v2", "options": {"SystemdCgroup": systemd}}}
    if options["nvidia"]:
        program = {"BinaryName": "/usr/bin/nvidia-container-runtime", "SystemdCgroup": systemd}
        runtimes["nvidia"] = {"runtime_type": "io.containerd.runc.v2", "options": program}
    containerd = {"default_runtime_name": "nvidia" if options["nvidia"] else "runc", "runtimes": runtimes}
    cni = {"conf_dir": "/etc/cni/net.d"}
    # runc may not lower a score in a container that itself has a higher one
    limits = {"restrict_oom_score_adj": True} if options["in_container"] else {}
    if version == 2:
        plugins: Table = {
            _CRI: {
                "sandbox_image": options["sandbox_image"],
                "max_concurrent_downloads": options["max_downloads"],
                "registry": {"config_path": options["certs_dir"]},
                "containerd": {"snapshotter": "overlayfs", **containerd},
                "cni": {"bin_dir": "/opt/cni/bin", **cni},
                **limits,
            }
        }
    else:
        plugins = {
            _RUNTIME: {"containerd": containerd, "cni": {"bin_dirs": ["/opt/cni/bin"], **cni}, **limits},
            _IMAGES: {
                "snapshotter": "overlayfs",
                "max_concurrent_downloads": options["max_downloads"],
                "pinned_images": {"sandbox": options["sandbox_image"]},
                "registry": {"config_path": options["certs_dir"]},
            },
        }
    return {"version": version, "root": options["root"], "state": "/run/containerd", "plugins": plugins}


def merged(base: t.Mapping[str, t.Any], over: t.Mapping[str, t.Any]) -> Table:
    """Tables merged into each other; null leaves a key out."""
    found = dict(base)
    for key, value in over.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict) and isinstance(found.get(key), dict):
            found[key] = merged(found[key], value)
        else:
            found[key] = value
    return found


def toml(table: t.Mapping[str, t.Any], path: tuple[str, ...] = ()) -> str:
    """TOML of nested tables: values first, then each table below its full name."""
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"{_key(key)} = {_value(value, (*path, key))}" for key, value in values.items()]
    head = [f"[{'.'.join(_key(part) for part in path)}]"] if path and (lines or not table) else []
    own = "\n".join([*head, *lines]) + "\n" if head or lines else ""
    below = [toml(value, (*path, key)) for key, value in table.items() if isinstance(value, dict)]
    return "\n".join(part for part in (own, *below) if part)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)


def _value(value: t.Any, path: tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
        return "[" + ", ".join(_value(item, path) for item in value) + "]"
    raise KubernetesError(f"{'.'.join(path)}: {value!r} can't be written to containerd's configuration")
