# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the name of an instance type."""

from __future__ import annotations

import re

# Families with GPUs or Neuron devices (Amazon EC2 instance types: accelerated computing).
_ACCELERATED = re.compile(r"^ml\.(p\d|g\d|gr\d|trn\d|inf\d)")
# Families with a network topology (EC2 instance topology, as used by Slurm topology automation).
_TOPOLOGY = re.compile(r"^ml\.(p4d|p4de|p5|p5e|p5en|p6|p6e|trn1|trn1n|trn2|trn2u)[.-]")
# Families with an instance store (EC2 user guide, "SSD instance store volumes available to EC2 instances"): a d after
# the generation says so, storage optimized and most accelerated families have one anyway.
_INSTANCE_STORE = re.compile(r"^ml\.([a-z]+\d+[a-z]*d[a-z]*|i\d\w*|g[56]e?|gr6|p[56]\w*|trn\w+)[.-]")


def accelerated(instance_type: str) -> bool:
    """It has GPUs or Neuron devices: deep health checks apply."""
    return bool(_ACCELERATED.match(instance_type))


def has_topology(instance_type: str) -> bool:
    """resource_config.json tells its network layers."""
    return bool(_TOPOLOGY.match(instance_type))


def has_instance_store(instance_type: str) -> bool:
    """Its NVMe disks are mounted at /opt/dlami/nvme."""
    return bool(_INSTANCE_STORE.match(instance_type))
