# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes for all tests of logins, in the directory of this layer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
import sssd_world
from sssd_world import World
from sssd_world import amazon
from sssd_world import neighbor

from tests.support.directory import DirectoryLab

# Looks for the secret in command lines and environments for as long as the file is there; finds itself never.
WATCH = r"""
touch /run/watching
setsid python3 - >/run/watched 2>&1 </dev/null <<'END' &
import os, pathlib, time
secret = pathlib.Path("/root/secret").read_bytes().strip()
while os.path.exists("/run/watching"):
    time.sleep(0.02)
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                if secret in (process / name).read_bytes():
                    print(name, (process / "comm").read_text().strip(), flush=True)
            except OSError:
                pass
END
"""


@pytest.fixture(scope="session")
def world(lab: DirectoryLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The role has run once on both nodes, which end with the directory."""
    folder = tmp_path_factory.mktemp("sssd")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    with amazon(neighbor(lab, 1), lab.ca_file) as aws:
        made = World(folder, lab, aws)
        made.populate()
        made.start()
        made.login.run(f"umask 077; echo '{sssd_world.SECRET}' >/root/secret\n{WATCH}")
        made.configure()
        made.login.run("rm /run/watching /root/secret")
        yield made
