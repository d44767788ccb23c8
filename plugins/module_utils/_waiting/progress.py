# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that tells how far something is. Pure."""

from __future__ import annotations

# Seconds after which a line is shown although nothing has changed.
HEARTBEAT = 60.0


def elapsed(seconds: float) -> str:
    """``00:02:10``."""
    whole = max(0, int(seconds))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def line(name: str, seconds: float, text: str) -> str:
    """``demo 00:02:10 Creating | controller-machine 1/1 running | worker-group-1 0/2 running, 2 pending``."""
    return f"{name} {elapsed(seconds)} {text}"
