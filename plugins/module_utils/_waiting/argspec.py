# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules that wait with progress."""

from __future__ import annotations

from typing import Any


def waiting_spec(timeout: int) -> dict[str, Any]:
    """Their argument specification; ``timeout``: default of ``wait_timeout`` in seconds."""
    return {
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "int", "default": timeout},
        "wait_delay": {"type": "int", "default": 30},
        "progress": {"type": "bool", "default": True},
        # Set by the action plugin only: what an earlier slice of the same wait has seen (see loop.py).
        "_resume": {"type": "dict"},
    }
