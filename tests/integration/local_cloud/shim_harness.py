# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""podman, and what tests call podman (tests/support/bin/podman), side by side."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SHIM = Path(__file__).resolve().parents[2] / "support/bin/podman"
# podman's own of each call, and what a shell has of the one that called it
OF_ONE_CALL = ("container_uuid=", "OLDPWD=")


def answers(container: str, other: str, words: list[str], folder: Path) -> list[tuple[int, list[str]]]:
    """Status and output of podman's exec, of the shim's first one, and of its second, which has a note.

    Args:
        container: in which it runs.
        other: whose id the first note has, under the container's name: as a machine that went down leaves it.
        words: options of exec, each without a value or before one, and the command.
        folder: for notes.
    """
    real = os.environ.get("PODFORGE_PODMAN", "podman")
    options = words[: -3 if "sh" in words else -2]
    command = ["exec", *options, container, *words[len(options) :]]
    inspect = [real, "container", "inspect", "--format", "{{.Id}}", other]
    stale = subprocess.run(inspect, check=True, capture_output=True, text=True).stdout.strip()
    (folder / "containers").mkdir()
    (folder / "containers" / container).write_text(f"{stale} 1\n", encoding="utf-8")
    environment = {**os.environ, "PODFORGE_PODMAN": real, "PODFORGE_STATE": str(folder)}
    results = []
    for program in (real, str(SHIM), str(SHIM)):
        done = subprocess.run(
            [program, *command], check=False, input="in\n", capture_output=True, text=True, env=environment
        )
        lines = [line for line in done.stdout.splitlines() if not line.startswith(OF_ONE_CALL)]
        results.append((done.returncode, lines))
    return results
