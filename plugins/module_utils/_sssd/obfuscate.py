# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: sssd's own obfuscation, by its Python binding, which only the system's Python can load.

It keeps a secret from eyes, not from root: whoever reads the file can take it back (sss_obfuscate(8)).
"""

from __future__ import annotations

import subprocess
import sys

from .common import SssdError

PYTHONS = ("/usr/bin/python3", "/usr/libexec/platform-python")
_SCRIPT = """\
import sys
import pysss
maker = pysss.password()
sys.stdout.write(maker.encrypt(sys.stdin.buffer.read().decode(), maker.AES_256))
"""
_SECONDS = 30


def obfuscate(secret: str, pythons: tuple[str, ...] = (*PYTHONS, sys.executable)) -> str:
    """The secret as C(ldap_default_authtok) of the type C(obfuscated_password); it goes through a pipe.

    Raises:
        SssdError: no Python has the binding.
    """
    complaint = ""
    for python in pythons:
        try:
            done = subprocess.run(
                [python, "-I", "-c", _SCRIPT], input=secret.encode(), capture_output=True, check=False, timeout=_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            complaint = complaint or type(error).__name__
            continue
        token = done.stdout.decode("ascii", "replace").strip()
        if done.returncode == 0 and token:
            return token
        # the last line of a traceback of a script that never names the secret
        complaint = (done.stderr.decode("utf-8", "replace").strip().split("\n") or [""])[-1]
    raise SssdError(f"sssd's Python binding (pysss) can't be used: {complaint}. Fix: install python3-sss")
