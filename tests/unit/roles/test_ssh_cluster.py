# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""users and ssh_cluster: what both tell sshd."""

from __future__ import annotations

from pathlib import Path

ROLES = Path(__file__).resolve().parents[3] / "roles"


def test_both_roles_tell_sshd_the_same() -> None:
    # sshd takes the first AuthorizedKeysFile that it finds, whichever role's that is
    lines = {
        (ROLES / role / "templates" / "sshd.conf.j2").read_text().splitlines()[1] for role in ("users", "ssh_cluster")
    }
    assert lines == {"AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/podforge-keys/%u .ssh/podforge_cluster.pub"}
