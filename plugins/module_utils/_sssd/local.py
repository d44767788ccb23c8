# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: what a node itself knows of the directory's users, by way of sssd."""

from __future__ import annotations

import re
import subprocess
import typing as t
from pathlib import Path

from .conf import without_secret

LOG = "/var/log/sssd/sssd_{domain}.log"
_TAIL = 3


def run(*command: str, seconds: float = 60.0) -> tuple[int, str]:
    """Exit status and output; 127 when the program is missing, 124 when it takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except FileNotFoundError:
        return 127, f"{command[0]} is missing"
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]} takes longer than {seconds:.0f} s"
    return done.returncode, (done.stdout or done.stderr).strip()


class Local:
    """sssd and the name service of this node."""

    def __init__(self, domain: str) -> None:
        self._domain = domain

    def user(self, login: str) -> dict[str, t.Any] | None:
        """The user as programs see it; None: they don't. An entry that sssd remembers is asked for anew."""
        run("sss_cache", "-u", login)
        code, out = run("getent", "-s", "sss", "passwd", login)
        if code != 0 or run("getent", "passwd", login)[0] != 0:
            return None
        name, _password, uid, gid, _gecos, home, shell = (out.split("\n")[0].split(":") + [""] * 7)[:7]
        return {"name": name, "uid": int(uid), "gid": int(gid), "home": home, "shell": shell}

    def wake(self) -> None:
        """Let an sssd that has found no server look for one now (sssd(8), SIGUSR2), and forget whom it did not find."""
        run("systemctl", "kill", "--kill-who=main", "--signal=SIGUSR2", "sssd.service")
        run("sss_cache", "-E")

    def excuse(self, login: str) -> str:
        """Why the node does not know a user that the directory knows."""
        state = run("systemctl", "is-active", "sssd.service")[1]
        if state != "active":
            return f"sssd is {state or 'not there'}, so nobody of the directory can log in. Fix: journalctl -u sssd"
        if run("getent", "-s", "sss", "passwd", login)[0] == 0:
            return f"sssd knows {login}, but nobody asks it. Fix: add sss to the line passwd in /etc/nsswitch.conf"
        lines = [line for line in self._log() if line]
        told = f" Its log says: {' | '.join(lines)}" if lines else ""
        return (
            f"The directory knows {login}, and sssd on the node does not. Fix: see that it is not among the users who "
            f"are left out, that its id is in the range of the id mapping, and {LOG.format(domain=self._domain)}.{told}"
        )

    def _log(self) -> list[str]:
        try:
            text = Path(LOG.format(domain=self._domain)).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        # 0x0010 to 0x0080: failures (sssd.conf(5), debug_level)
        bad = [line for line in text.split("\n")[-200:] if re.search(r"\(0x00[1-8]0\)", line)]
        return [without_secret(re.sub(r"^\s*\*?\s*\([^)]*\):\s*", "", line))[:300] for line in bad[-_TAIL:]]
