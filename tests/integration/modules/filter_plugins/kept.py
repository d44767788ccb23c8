# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes text to a file from a template: a task of ansible.builtin.copy would start Python twice for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def kept_in(text: str, path: str) -> str:
    """Write ``text`` to a new file that only its owner reads; returns the path."""
    file = Path(path)
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(text)
    return path


class FilterModule:
    """Filters of the tests' own plays."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """By name."""
        return {"kept_in": kept_in}
