# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible reaches nodes that are containers of podman: one C(podman exec) for a module."""

from __future__ import annotations

DOCUMENTATION = r"""
name: podman
short_description: Run modules in containers of podman, each by one command
version_added: 0.1.0
author: podforge contributors (@podforge)
description:
  - Does what P(containers.podman.podman#connection) does, with pipelining, which that one leaves out. A module is sent
    through the standard input of one C(podman exec), instead of being copied, run and removed by five of them, of
    which each takes a tenth of a second and more.
  - Nodes of local_cloud are reached by it.
options:
  remote_addr:
    description: Name or id of the container.
    default: inventory_hostname
    vars:
      - name: ansible_host
      - name: inventory_hostname
      - name: ansible_podman_host
  remote_user:
    description: Name or uid of the user who runs commands in the container; left out, the container's.
    ini:
      - section: defaults
        key: remote_user
    env:
      - name: ANSIBLE_REMOTE_USER
    vars:
      - name: ansible_user
  podman_extra_args:
    description: Arguments of podman that come before its command.
    default: ''
    ini:
      - section: defaults
        key: podman_extra_args
    env:
      - name: ANSIBLE_PODMAN_EXTRA_ARGS
    vars:
      - name: ansible_podman_extra_args
  podman_executable:
    description: The program podman.
    default: podman
    env:
      - name: ANSIBLE_PODMAN_EXECUTABLE
    vars:
      - name: ansible_podman_executable
"""

import shlex
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.connection import ConnectionBase
from ansible_collections.containers.podman.plugins.connection.podman import Connection as Podman


class Connection(Podman):  # type: ignore[misc]
    """Containers of podman, by pipelining."""

    transport = "podforge.hyperpod.podman"
    has_pipelining = True
    # whatever the configuration says: nothing speaks against it in a container
    always_pipeline_modules = True

    def _connect(self) -> None:
        """Nothing is kept open."""
        self._connected = True

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = False) -> tuple[int, bytes, bytes]:
        """Run a command in the container.

        Args:
            cmd: a shell command.
            in_data: what it reads from its standard input; None: nothing.
            sudoable: not used, as with P(containers.podman.podman#connection).

        Returns:
            tuple[int, bytes, bytes]: exit status, standard output and standard error.
        """
        ConnectionBase.exec_command(self, cmd, in_data=in_data, sudoable=sudoable)
        return self._run(shlex.split(cmd), in_data)

    def put_file(self, in_path: str, out_path: str) -> None:
        """Copy a file into the container.

        Raises:
            AnsibleError: it can't be written there.
        """
        ConnectionBase.put_file(self, in_path, out_path)
        # not by way of the container's root file system, as seen from outside: C(/tmp) may be another one
        status, output, errors = self._run(
            ["/bin/sh", "-c", 'cat > "$0"', out_path], Path(to_text(in_path)).read_bytes()
        )
        if status != 0:
            raise AnsibleError(f"{in_path} can't be copied to {out_path}: {to_text(errors or output).strip()}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Copy a file out of the container.

        Raises:
            AnsibleError: it can't be read there.
        """
        ConnectionBase.fetch_file(self, in_path, out_path)
        status, output, errors = self._run(["/bin/cat", in_path])
        if status != 0:
            raise AnsibleError(f"{in_path} can't be copied to {out_path}: {to_text(errors).strip()}")
        Path(to_text(out_path)).write_bytes(output)

    def _run(self, words: list[str], in_data: bytes | None = None) -> tuple[int, bytes, bytes]:
        command = ["exec"]
        if in_data is not None:
            command.append("--interactive")
        if self.user:
            command += ["--user", self.user]
        status, output, errors = self._podman(command, words, in_data)
        return status, output, errors
