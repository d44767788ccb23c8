# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accelerators and container runtimes of the node, as they are there. Private to this collection."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

_NVIDIA_VENDOR = "0x10de"
# 3D controller and VGA controller, PCI Code and ID Assignment Specification, base class 03
_DISPLAY_CLASSES = ("0x0302", "0x0300")
_AMAZON_VENDOR = "0x1d0f"
# Inferentia 1, Trainium 1, Inferentia 2, Trainium 2 and 3: device table of the aws-neuronx-dkms driver (neuron_pci.h)
_NEURON_DEVICES = frozenset({"0x7064", "0x7065", "0x7066", "0x7067", "0x7164", "0x7264", "0x7364", "0x7564"})


def find_accelerator(dev: str, pci: str) -> dict[str, object]:
    """Vendor (C(nvidia), C(neuron) or C(none)) and number of devices.

    The drivers' device files count first; without drivers the PCI bus does.

    :param dev: the device folder, /dev.
    :param pci: the folder of PCI devices, /sys/bus/pci/devices.
    """
    for vendor, pattern in (("nvidia", r"nvidia\d+"), ("neuron", r"neuron\d+")):
        count = sum(1 for path in _entries(dev) if re.fullmatch(pattern, path.name))
        if count:
            return {"vendor": vendor, "count": count}
    nvidia = neuron = 0
    for path in _entries(pci):
        vendor_id, device_id, class_id = (_attribute(path / name) for name in ("vendor", "device", "class"))
        nvidia += vendor_id == _NVIDIA_VENDOR and class_id.startswith(_DISPLAY_CLASSES)
        neuron += vendor_id == _AMAZON_VENDOR and device_id in _NEURON_DEVICES
    if nvidia:
        return {"vendor": "nvidia", "count": nvidia}
    if neuron:
        return {"vendor": "neuron", "count": neuron}
    return {"vendor": "none", "count": 0}


def find_container_runtime(search_path: str) -> str | None:
    """What runs users' containers: C(enroot), C(docker), C(containerd) or None, the first that is installed."""
    for name, program in (("enroot", "enroot"), ("docker", "dockerd"), ("containerd", "containerd")):
        if shutil.which(program, path=search_path):
            return name
    return None


def _entries(folder: str) -> list[Path]:
    try:
        return list(Path(folder).iterdir())
    except OSError:
        return []


def _attribute(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
