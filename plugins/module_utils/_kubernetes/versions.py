# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what follows from a version of Kubernetes. Tables of kubeadm's constants and of its configuration."""

from __future__ import annotations

import re
import typing as t

from . import KubernetesError

Version: t.TypeAlias = "tuple[int, int]"  # major, minor

# kubernetes.io/docs/reference/config-api: the newest version of its configuration that each kubeadm reads, and takes
# without a warning.
_API = (((1, 31), "v1beta4"), ((1, 22), "v1beta3"), ((1, 15), "v1beta2"))
# PauseVersion in cmd/kubeadm/app/constants/constants.go of each release.
_PAUSE = (
    *(((1, 34), "3.10.1"), ((1, 31), "3.10"), ((1, 26), "3.9"), ((1, 25), "3.8"), ((1, 24), "3.7"), ((1, 23), "3.6")),
    *(((1, 22), "3.5"), ((1, 21), "3.4.1"), ((1, 15), "3.2")),
)
_FORM = re.compile(r"v?(\d+)\.(\d+)(?:\.\d+)?")
OLDEST = (1, 20)


def parse(text: str) -> Version:
    """Major and minor of 1.32 or v1.32.4.

    :raises KubernetesError: it is no version, or one that is too old.
    """
    found = _FORM.fullmatch(str(text))
    if found is None:
        raise KubernetesError(f"{text!r} is no version of Kubernetes: write for example '1.32', with quotes, or 1.32.4")
    version = (int(found.group(1)), int(found.group(2)))
    if version < OLDEST:
        raise KubernetesError(f"Kubernetes {text} is older than {OLDEST[0]}.{OLDEST[1]}: take a newer one")
    return version


def api_version(version: Version) -> str:
    """Version of kubeadm's configuration."""
    return next(name for since, name in _API if version >= since)


def registry(version: Version) -> str:
    """Where kubeadm takes images from unless it is told (defaults of its types)."""
    return "registry.k8s.io" if version >= (1, 25) else "k8s.gcr.io"


def pause_image(version: Version, own_registry: str = "") -> str:
    """The image of a pod's first container, which kubelet's garbage collection and containerd must agree on."""
    tag = next(tag for since, tag in _PAUSE if version >= since)
    return f"{own_registry or registry(version)}/pause:{tag}"


def cri_socket(version: Version) -> str:
    """containerd's socket; with a scheme since 1.24, which refuses to guess it."""
    return ("unix://" if version >= (1, 24) else "") + "/run/containerd/containerd.sock"
