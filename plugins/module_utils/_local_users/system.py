# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there of users, groups and homes. Private."""

from __future__ import annotations

import grp
import json
import os
import pwd
import stat
from pathlib import Path

from .plan import ABSENT
from .plan import Account
from .plan import Current
from .plan import Members
from .plan import Place
from .wanted import Wanted

_PROCESSES_SHOWN = 5


def accounts_in(text: str) -> dict[str, Account]:
    """The users of an /etc/passwd; the first line of a name counts."""
    found: dict[str, Account] = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdigit() and fields[3].isdigit():
            found.setdefault(fields[0], Account(int(fields[2]), int(fields[3]), fields[5], fields[6], fields[4]))
    return found


def groups_in(text: str) -> dict[str, Members]:
    """The groups of an /etc/group."""
    found: dict[str, Members] = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) == 4 and fields[2].isdigit():
            found.setdefault(fields[0], Members(int(fields[2]), frozenset(filter(None, fields[3].split(",")))))
    return found


def with_home(text: str, name: str, home: str) -> str:
    """An /etc/passwd with another home for a user."""
    lines = text.splitlines(keepends=True)
    for index, line in enumerate(lines):
        fields = line.split(":")
        if fields[0] == name and len(fields) == 7:
            lines[index] = ":".join([*fields[:5], home, fields[6]])
            break
    return "".join(lines)


def place(path: str) -> Place:
    """What is there; a link is not followed."""
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    kinds = ((stat.S_ISDIR, "directory"), (stat.S_ISLNK, "link"))
    kind = next((kind for test, kind in kinds if test(info.st_mode)), "file")
    return Place(kind, info.st_uid)


def processes(proc: str = "/proc") -> dict[int, list[str]]:
    """The first processes of each user, as a person would look for them."""
    found: dict[int, list[str]] = {}
    for entry in os.scandir(proc):
        if not entry.name.isdigit():
            continue
        try:
            uid = entry.stat().st_uid
            mine = found.setdefault(uid, [])
            if len(mine) < _PROCESSES_SHOWN:
                mine.append(f"{Path(entry.path, 'comm').read_text(encoding='utf-8').strip()}[{entry.name}]")
        except OSError:
            continue
    return found


def read_record(path: str) -> tuple[frozenset[str], frozenset[str]]:
    """Users and groups that this module has made; a record that is damaged is none."""
    try:
        noted = json.loads(Path(path).read_text(encoding="utf-8"))
        return frozenset(noted["users"]), frozenset(noted["groups"])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset(), frozenset()


def read_accounts() -> dict[str, Account]:
    """The users of this node's own files."""
    return accounts_in(Path("/etc/passwd").read_text(encoding="utf-8", errors="surrogateescape"))


def homes_of(desired: Wanted) -> set[str]:
    """The homes of all who are to be there."""
    accounts = read_accounts()
    homes = set()
    for user in desired.users.values():
        if user.present:
            there = accounts.get(user.name)
            homes.add(user.home or (there.home if there else f"{desired.home_root}/{user.name}"))
    return homes


def look(desired: Wanted, record: str) -> Current:
    """All that the plan asks for."""
    accounts = read_accounts()
    groups = groups_in(Path("/etc/group").read_text(encoding="utf-8", errors="surrogateescape"))
    running = processes()
    managed_users, managed_groups = read_record(record)
    foreign: dict[str, int] = {}
    for user in desired.users.values():
        if user.present and user.name not in accounts and (uid := _uid(user.name)) is not None:
            foreign[user.name] = uid
    for group in desired.groups.values():
        if group.present and group.name not in groups and (gid := _gid(group.name)) is not None:
            foreign[group.name] = gid
    return Current(
        accounts,
        groups,
        {home: place(home) for home in homes_of(desired)},
        {name: running[account.uid] for name, account in accounts.items() if account.uid in running},
        foreign,
        managed_users,
        managed_groups,
    )


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _gid(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None
