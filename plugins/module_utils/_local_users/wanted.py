# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's options as a state. Pure. Private."""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
import typing as t
from dataclasses import dataclass

# What useradd, sudoers, ssh, Slurm and a file's name all take for a name, and no option of a command begins with.
_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_RESERVED = {"root", "nobody", "nogroup", "slurm", "munge", "sshd"}
_KEY = re.compile(
    r"(?:(?P<options>[^\s#].*?)\s+)?(?P<type>(?:sk-)?(?:ssh|ecdsa)-[a-z0-9-]+(?:@openssh\.com)?)"
    r"\s+(?P<blob>[A-Za-z0-9+/]{16,}={0,2})(?:\s.*)?"
)
# Homes in there would be found by daemons, not by their user.
_NO_HOMES = (
    "/etc",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/boot",
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/root",
)
_LOWEST, _HIGHEST, _NOBODY = 1000, 2147483647, (65534, 65535)
_NONE = -1  # of who is to be absent

Options: t.TypeAlias = "t.Mapping[str, t.Any]"


class UsersError(Exception):
    """Something the operator must mend; the text names the place and the fix."""


@dataclass(frozen=True)
class Group:
    """A group that is to be there, or not; listed, or only somebody's primary one."""

    name: str
    gid: int
    present: bool = True
    listed: bool = True


@dataclass(frozen=True)
class User:
    """A user who is to be there, or not. None: as it is, or as usual for a new one."""

    name: str
    uid: int
    gid: int
    group: str
    groups: frozenset[str] = frozenset()
    home: str | None = None
    shell: str | None = None
    comment: str | None = None
    keys: tuple[str, ...] = ()
    present: bool = True


@dataclass(frozen=True)
class Wanted:
    """All that is wanted. Membership in one of the groups that are listed is exact."""

    users: dict[str, User]
    groups: dict[str, Group]
    sudo: tuple[str, ...] = ()
    home_root: str = "/home"


def shared_users(text: str) -> list[dict[str, t.Any]]:
    """The users of a file with ``name,uid,home`` in each line, as AWS's lifecycle scripts read it.

    Raises:
        UsersError: a line has another form; all of them at once.
    """
    found, problems = [], []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        fields = [field.strip() for field in line.partition("#")[0].split(",")]
        if fields == [""]:
            continue
        if len(fields) not in (2, 3) or not re.fullmatch("[0-9]{1,10}", fields[1]):
            problems.append(f"shared_users, line {number}: {line.strip()!r}: write name,uid,home")
            continue
        found.append({"name": fields[0], "uid": int(fields[1]), "home": "".join(fields[2:]) or None})
    if problems:
        raise UsersError("; ".join(problems))
    return found


def wanted(options: Options, shared: str = "") -> Wanted:
    """The state that the options describe.

    Raises:
        UsersError: names each element that is wrong, and the fix; all of them at once.
    """
    problems: list[str] = []
    groups: dict[str, Group] = {}
    users: dict[str, User] = {}
    sudo: list[str] = []

    def each(elements: t.Iterable[tuple[str, Options]], one: t.Callable[[Options, str], None]) -> None:
        for place, option in elements:
            where = f"{place} ({option['name']})" if _NAME.fullmatch(str(option["name"])) else place
            try:
                check_name(option["name"], where)
                one(option, where)
            except UsersError as error:
                problems.append(str(error))

    def group(option: Options, where: str) -> None:
        name = option["name"]
        if name in groups:
            raise UsersError(f"{where} is there twice; write it once")
        if option.get("state") == "absent":
            groups[name] = Group(name, _NONE, present=False)
            return
        gid = check_id(option.get("gid"), f"{where}: gid")
        _unique(gid, {other.gid: other.name for other in groups.values()}, f"{where}: gid")
        groups[name] = Group(name, gid)
        sudo.extend(_sudo(f"%{name}", option, where))

    def user(option: Options, where: str) -> None:
        name = option["name"]
        if name in users:
            raise UsersError(f"{where} is there twice; write it once")
        if option.get("state") == "absent":
            users[name] = User(name, _NONE, _NONE, name, present=False)
            return
        one = _user(option, groups, where)
        _unique(one.uid, {other.uid: other.name for other in users.values()}, f"{where}: uid")
        _unique(one.home, {other.home: other.name for other in users.values() if other.home}, f"{where}: home")
        users[name] = one
        sudo.extend(_sudo(name, option, where))

    each(((f"groups[{index}]", option) for index, option in enumerate(options["groups"] or [])), group)
    try:
        each(_merged(options["users"] or [], shared_users(shared)), user)
    except UsersError as error:
        problems.append(str(error))
    for one in users.values():
        if one.present:
            problems += _primary_group(one, groups)
    if problems:
        raise UsersError("; ".join(problems))
    return Wanted(users, groups, tuple(sudo), options["home_root"])


def check_name(name: t.Any, where: str) -> str:
    """The name itself.

    Raises:
        UsersError: some program would make something else of it, or it is one of the system's.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsersError(
            f"{where}: {name!r} is no name for a user or group; use a to z, digits, and _ . - (not first), at most 32"
        )
    if name in _RESERVED:
        raise UsersError(f"{where}: {name} is the system's own; leave it out")
    return name


def check_id(number: t.Any, where: str) -> int:
    """The id itself.

    Raises:
        UsersError: it is not given, or is one of the system's.
    """
    if number is None:
        raise UsersError(f"{where} is not given; it must be the same on all nodes, so write it")
    if not _LOWEST <= int(number) <= _HIGHEST or int(number) in _NOBODY:
        raise UsersError(
            f"{where} is {number}; use {_LOWEST} to {_HIGHEST}, and not {_NOBODY[0]}: the rest is the system's"
        )
    return int(number)


def check_path(path: t.Any, where: str) -> str:
    """The path itself, as a field of /etc/passwd.

    Raises:
        UsersError: it can't be one.
    """
    if (
        not isinstance(path, str)
        or not re.fullmatch(r"(/[A-Za-z0-9@_+.-]+)+", path)
        or posixpath.normpath(path) != path
    ):
        raise UsersError(
            f"{where} is {path!r}; write an absolute path of letters, digits and @ _ + . - without .. and without / at "
            "the end"
        )
    return path


def check_key(key: t.Any, where: str) -> str:
    """A line of authorized_keys; what is wrong with it is told without it, as it may be a private key.

    Raises:
        UsersError: it is no public key.
    """
    text = str(key).strip()
    match = _KEY.fullmatch(text) if text.isprintable() else None
    if "PRIVATE KEY" in text:
        raise UsersError(
            f"{where} is a private key; give the line of the .pub file, and make a new pair: this one is known"
        )
    try:
        blob = base64.b64decode(match.group("blob"), validate=True) if match else b""
    except binascii.Error:
        blob = b""
    kind = match.group("type").encode() if match else b""
    if not kind or blob[:4] != len(kind).to_bytes(4, "big") or not blob[4:].startswith(kind):
        raise UsersError(
            f"{where} is no public key; give the one line of a .pub file, such as 'ssh-ed25519 AAAA... ana'"
        )
    return text


def _merged(given: t.Sequence[Options], shared: t.Sequence[Options]) -> t.Iterator[tuple[str, Options]]:
    """Users of the file with what is said of them beside it, then the others."""
    names = {option["name"]: index for index, option in reversed(list(enumerate(given)))}
    for line in shared:
        index = names.get(line["name"])
        if index is None:
            yield "shared_users", line
            continue
        own = {key: value for key, value in given[index].items() if value is not None}
        for key in ("uid", "home"):
            if line[key] is not None and own.get(key, line[key]) != line[key]:
                raise UsersError(
                    f"users[{index}] ({line['name']}): {key} is {own[key]}, and {line[key]} in shared_users; write it "
                    "once"
                )
        yield f"users[{index}]", {**line, **own}
    taken = {line["name"] for line in shared}
    yield from ((f"users[{index}]", option) for index, option in enumerate(given) if option["name"] not in taken)
    for index, option in enumerate(given):
        if option["name"] in taken and index != names[option["name"]]:
            yield f"users[{index}]", option


def _user(option: Options, groups: t.Mapping[str, Group], where: str) -> User:
    name, uid = option["name"], check_id(option.get("uid"), f"{where}: uid")
    group = check_name(option.get("group") or name, f"{where}: group")
    known = groups.get(group)
    if option.get("gid") is None and known is None and group != name:
        raise UsersError(f"{where}: group {group} has no gid; list it in groups, or give the user's gid")
    gid = check_id(option["gid"] if option.get("gid") is not None else known.gid if known else uid, f"{where}: gid")
    if known and known.gid != gid:
        raise UsersError(f"{where}: gid is {gid}, and {known.gid} is that of group {group}; write it once")
    more = option.get("groups") or []
    for item in more:
        if not isinstance(item, str) or not _NAME.fullmatch(item):
            raise UsersError(f"{where}: groups has {item!r}, which is no name of a group")
        if item in groups and not groups[item].present:
            raise UsersError(f"{where}: groups has {item}, which is to be absent")
    home, shell, comment = (option.get(key) for key in ("home", "shell", "comment"))
    if home is not None and f"{check_path(home, f'{where}: home')}/".startswith(tuple(f"{top}/" for top in _NO_HOMES)):
        raise UsersError(f"{where}: home is {home}, which is the system's; choose another")
    if shell is not None:
        check_path(shell, f"{where}: shell")
    if comment is not None and not re.fullmatch(r"[^:,=\x00-\x1f\x7f]*", comment):
        raise UsersError(f"{where}: comment is {comment!r}; leave out colons, commas, = and line breaks")
    keys = tuple(check_key(key, f"{where}: keys[{index}]") for index, key in enumerate(option.get("keys") or []))
    return User(name, uid, gid, group, frozenset(more), home, shell, comment, keys)


def _primary_group(user: User, groups: dict[str, Group]) -> t.Iterator[str]:
    """Add it to the groups, where it is not; or what forbids that."""
    same = [other.name for other in groups.values() if other.gid == user.gid and other.name != user.group]
    if user.group not in groups and same:
        yield f"users: {user.name}: gid {user.gid} is that of group {same[0]}; write group: {same[0]}"
    elif not groups.setdefault(user.group, Group(user.group, user.gid, listed=False)).present:
        yield f"users: {user.name}: the primary group {user.group} is to be absent; choose another"


def _sudo(who: str, option: Options, where: str) -> list[str]:
    rule = option.get("sudo")
    if not rule:
        return []
    if not re.fullmatch(r"[^\x00-\x1f\x7f\\]+", rule) or "=" not in rule:
        raise UsersError(f"{where}: sudo is {rule!r}; write one rule in one line, such as ALL=(ALL:ALL) NOPASSWD:ALL")
    return [f"{who} {rule.strip()}"]


def _unique(value: t.Any, others: t.Mapping[t.Any, str], where: str) -> None:
    if value in others:
        raise UsersError(f"{where} {value} is that of {others[value]} too; give each its own")
