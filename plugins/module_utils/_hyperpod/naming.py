# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the API in the form of Ansible's options and results, and numbers in sentences."""

from __future__ import annotations

import re

# Units and names that are one word, whatever their capitals say.
_WORDS = (("GiB", "Gib"), ("FSx", "Fsx"))


def snake(name: str) -> str:
    """``InstanceGroupName`` -> ``instance_group_name``, ``SizeInGiB`` -> ``size_in_gib``."""
    for odd, even in _WORDS:
        name = name.replace(odd, even)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 node``, ``2 nodes``; ``plural`` where an s won't do."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
