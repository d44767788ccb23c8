# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""podman as a command: what all that start containers have in common."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING
from typing import Any

from local_cloud.errors import LocalCloudError

if TYPE_CHECKING:
    from local_cloud.providers.podman_runtime import Runtime

# On everything that is made: the name of the local cloud it belongs to.
LABEL = "podforge.local_cloud"
COMMAND_SECONDS = 180


class PodmanError(LocalCloudError):
    """podman said no, or nothing for too long."""


class Podman:
    """Runs podman with the arguments that this machine needs."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def call(
        self, *arguments: str, stdin: str | None = None, seconds: float = COMMAND_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end, whatever that is.

        Args:
            arguments: of podman. They can be seen by everybody on this machine: no secrets.
            stdin: what the command reads; the place for secrets.
            seconds: that it may take.

        Raises:
            PodmanError: it takes longer.
        """
        try:
            return subprocess.run(
                ["podman", *self.runtime.global_args, *arguments],
                input=stdin or "",
                capture_output=True,
                text=True,
                check=False,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise PodmanError(f"podman {arguments[0]} did not end within {seconds:g} seconds") from None

    def run(self, *arguments: str, stdin: str | None = None, seconds: float = COMMAND_SECONDS) -> str:
        """What it prints. Raises PodmanError with the end of its error output when it fails."""
        done = self.call(*arguments, stdin=stdin, seconds=seconds)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise PodmanError(f"podman {arguments[0]}: {' '.join(lines[-3:])}")
        return done.stdout

    def inspect(self, name: str) -> dict[str, Any] | None:
        """The container, None when there is none."""
        done = self.call("container", "inspect", name)
        if done.returncode and "no such container" in done.stderr.lower():
            return None
        if done.returncode:
            # to take a container for gone because podman is out of order would leave it behind
            raise PodmanError(f"podman container inspect {name}: {done.stderr.strip()}")
        found: dict[str, Any] = json.loads(done.stdout)[0]
        return found

    def containers(self, cloud: str) -> list[dict[str, Any]]:
        """All containers of a local cloud, as ``podman ps`` tells them."""
        output = self.run("ps", "--all", f"--filter=label={LABEL}={cloud}", "--format=json")
        found: list[dict[str, Any]] = json.loads(output or "[]")
        return found

    def remove(self, name: str) -> None:
        """End a container at once and remove it; none of that name is no error."""
        self.run("rm", "--force", "--ignore", "--time", "0", name)
