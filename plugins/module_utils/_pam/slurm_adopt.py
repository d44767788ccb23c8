# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pam_slurm_adopt needs in the PAM files of sshd. Pure. Private.

Sources: slurm.schedmd.com/pam_slurm_adopt.html (last of the account stack; pam_systemd would take the session out of
the job's cgroup again), pam.conf(5), pam_access(8), access.conf(5).

pam_systemd stands in a file that all services include. sshd gets a copy of that file in which pam_permit is in the
place of pam_systemd, so that jumps (C(success=1)) keep their targets, and other services keep theirs.
"""

from __future__ import annotations

import re
import typing as t

BEGIN = "# BEGIN podforge.hyperpod.pam_slurm_adopt"
END = "# END podforge.hyperpod.pam_slurm_adopt"
WRITTEN = "# Written by the module podforge.hyperpod.pam_slurm_adopt: changes made here are lost."
# the file that sshd includes instead
SESSION = "podforge-ssh-session"
ACCESS_FILE = "/etc/security/podforge-slurm-admins.conf"
_MODULE = "pam_slurm_adopt.so"
# what other files sessions come from: Debian's form is for all kinds of a file, the other names the kind
_INCLUDED = re.compile(r"^(?P<head>@include[ \t]+|-?session[ \t]+(?:include|substack)[ \t]+)(?P<file>\S+)(?P<tail>.*)$")
_SYSTEMD = re.compile(r"^(?P<dash>-?)session[ \t]+(?:\[[^\]]*\]|\S+)[ \t]+(?:\S*/)?pam_systemd\.so\b.*$")
_ACCOUNT = re.compile(r"^(?:-?account[ \t]|@include[ \t]+common-account\b)")


class PamError(Exception):
    """Something the operator must mend; the text names the file and the fix."""


def session_files(text: str) -> list[str]:
    """Names of the files that the service takes sessions from."""
    found = (_INCLUDED.match(line) for line in text.splitlines())
    return [match["file"] for match in found if match and match["file"] not in ("common-auth", "common-account")]


def without_systemd(text: str) -> str | None:
    """The file with pam_systemd's place kept and pam_systemd gone; None when it has none."""
    lines = [_SYSTEMD.sub("session optional pam_permit.so", line) for line in text.splitlines()]
    if lines == text.splitlines():
        return None
    return "\n".join([WRITTEN, *lines]) + "\n"


def removed(text: str, original: str) -> str:
    """The service's file as it was before this module."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if line == BEGIN:
            inside = True
        elif line == END:
            inside = False
        elif not inside:
            kept.append(re.sub(rf"(\s){SESSION}(?=\s|$)", rf"\g<1>{original}", line))
    if inside:
        raise PamError(f"the file has {BEGIN!r} and no {END!r}: take the lines below the first out")
    return "\n".join(kept) + "\n"


def adopted(text: str, module: str, replaced: str) -> str:
    """The service's file with pam_slurm_adopt at the end of the account stack.

    :param text: the file without what this module has written.
    :param module: pam_slurm_adopt.so, by its name or path.
    :param replaced: the included file that has pam_systemd; empty when none has.
    :raises PamError: somebody else has put pam_slurm_adopt there, or there is no account stack.
    """
    lines = text.splitlines()
    if any(_MODULE in line and not line.lstrip().startswith("#") for line in lines):
        raise PamError(f"it has {_MODULE} already, from somebody else: take those lines out")
    places = [number for number, line in enumerate(lines) if _ACCOUNT.match(line)]
    if not places:
        raise PamError("it has no account stack: is it the file of sshd?")
    block = [
        BEGIN,
        f"account sufficient pam_access.so accessfile={ACCESS_FILE} listsep=,",
        f"-account required {module}",
        END,
    ]
    for number, line in enumerate(lines):
        match = _INCLUDED.match(line)
        if replaced and match and match["file"] == replaced:
            lines[number] = f"{match['head']}{SESSION}{match['tail']}"
        elif _SYSTEMD.match(line):
            raise PamError("it has pam_systemd itself, which would take sessions out of their job: take that line out")
    return "\n".join([*lines[: places[-1] + 1], *block, *lines[places[-1] + 1 :]]) + "\n"


def access_file(users: t.Sequence[str], groups: t.Sequence[str]) -> str:
    """Who may log in without a job (access.conf(5), names separated by commas).

    :raises PamError: a name can't stand there.
    """
    wrong = [name for name in (*users, *groups) if not re.fullmatch(r"[^\s:,()#+-][^:,()#\n\t]*", name)]
    if wrong:
        raise PamError(f"{', '.join(map(repr, wrong))}: a user or group has no colon, comma, bracket or # in its name")
    names = ",".join(["root", *users, *(f"({group})" for group in groups)])
    return f"{WRITTEN}\n+:{names}:ALL\n-:ALL:ALL\n"
