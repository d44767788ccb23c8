# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is there to what is wanted. Pure. Private."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from dataclasses import field

from .wanted import Group
from .wanted import User
from .wanted import Wanted

FAIL, REPORT, CORRECT, REMOVE = "fail", "report", "correct", "remove"
RUN, HOME, RELOCATE, LEAVE = "run", "home", "relocate", "leave"
_SHELL = "/bin/bash"
_SYSTEM = 1000


@dataclass(frozen=True)
class Account:
    """A line of /etc/passwd."""

    uid: int
    gid: int
    home: str
    shell: str = _SHELL
    comment: str = ""


@dataclass(frozen=True)
class Members:
    """A line of /etc/group."""

    gid: int
    members: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Place:
    """What is where a home belongs: kind is absent, directory, link or other."""

    kind: str
    uid: int = 0


ABSENT = Place("absent")


@dataclass(frozen=True)
class Current:
    """What is there. Foreign: names and ids that the node knows from a directory, and not from its files."""

    accounts: t.Mapping[str, Account] = field(default_factory=dict)
    groups: t.Mapping[str, Members] = field(default_factory=dict)
    places: t.Mapping[str, Place] = field(default_factory=dict)
    busy: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)
    foreign: t.Mapping[str, int] = field(default_factory=dict)
    managed_users: frozenset[str] = frozenset()
    managed_groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Step:
    """One change: a command, or what this module does itself. before and after are for people."""

    kind: str
    name: str
    before: str
    after: str
    argv: tuple[str, ...] = ()
    uid: int = 0
    gid: int = 0
    home: str = ""
    old_home: str = ""


@dataclass(frozen=True)
class Plan:
    """Steps in their order; what differs and stays; what forbids to begin."""

    steps: list[Step]
    drift: list[str]
    refusals: list[str]
    notes: list[str]


def plan(current: Current, desired: Wanted, drift: str = FAIL, unlisted: str = REPORT) -> Plan:
    """What is to be done.

    Args:
        current: what is there.
        desired: what is wanted.
        drift: what becomes of an id that differs.
        unlisted: what becomes of users and groups that were made here and are not named any more.
    """
    made = _Maker(current, desired, drift)
    gone_users = [user.name for user in desired.users.values() if not user.present]
    gone_groups = [group.name for group in desired.groups.values() if not group.present]
    strangers = sorted(name for name in current.managed_users if name not in desired.users and name in current.accounts)
    strange_groups = sorted(
        name for name in current.managed_groups if name not in desired.groups and name in current.groups
    )
    if unlisted == REMOVE:
        gone_users += strangers
        gone_groups += strange_groups
    else:
        made.notes += [
            f"{what} {name} was made by this role and is not named any more: name it with state: absent to remove it"
            for what, names in (("user", strangers), ("group", strange_groups))
            for name in names
            if what == "user" or name not in strangers
        ]
    # userdel takes a user's own group along
    gone_groups += [name for name in gone_users if made.is_own_group(name) and name not in gone_groups]
    for name in gone_users:
        made.remove_user(name)
    for name in gone_groups:
        made.remove_group(name, gone_users)
    for group in desired.groups.values():
        if group.present:
            made.group(group, gone_groups)
    for user in desired.users.values():
        if user.present:
            made.user(user, gone_users)
    made.memberships(set(gone_users))
    return Plan(made.steps, made.drift, made.refusals, made.notes)


class _Maker:
    """Collects the parts of a plan."""

    def __init__(self, current: Current, desired: Wanted, drift: str) -> None:
        self.current, self.desired, self.policy = current, desired, drift
        self.steps: list[Step] = []
        self.drift: list[str] = []
        self.refusals: list[str] = []
        self.notes: list[str] = []

    def is_own_group(self, name: str) -> bool:
        """Whether a user's group of the same name is nobody else's, and not wanted any more."""
        account, group = self.current.accounts.get(name), self.current.groups.get(name)
        if account is None or group is None or account.gid != group.gid or name in self.desired.groups:
            return False
        return not any(other.gid == group.gid for user, other in self.current.accounts.items() if user != name)

    def command(self, name: str, before: str, after: str, *argv: str) -> None:
        self.steps.append(Step(RUN, name, before, after, argv))

    def differs(self, text: str, fix: str, *argv: str, busy: t.Sequence[str] = ()) -> None:
        """An id that is not the wanted one: refused, told, or corrected when nobody uses it."""
        if self.policy == CORRECT and argv and not busy:
            self.command(argv[-1], text, f"{argv[-1]}: id {argv[2]}", *argv)
        elif self.policy == REPORT:
            self.drift.append(text)
        elif self.policy == CORRECT and busy:
            self.refusals.append(f"{text}; it can't change while {', '.join(busy)} runs: end that first")
        else:
            self.refusals.append(f"{text}; {fix}")

    def group(self, group: Group, gone: t.Sequence[str]) -> None:
        there = self.current.groups.get(group.name)
        holder = [name for name, other in self.current.groups.items() if other.gid == group.gid and name != group.name]
        if there and there.gid < _SYSTEM:
            self.refusals.append(
                f"group {group.name} is the system's, with gid {there.gid}: leave it out of groups, and name it in the "
                "users' groups"
            )
        elif there is None and group.name in self.current.foreign:
            self.refusals.append(f"group {group.name} is one of the directory's: choose another name, or leave it out")
        elif there and there.gid == group.gid:
            pass
        elif holder and not set(holder) <= set(gone):
            self.refusals.append(
                f"group {group.name} is to have gid {group.gid}, which is that of {holder[0]} on this node: choose "
                f"another gid for all nodes, or remove {holder[0]}"
            )
        elif there is None:
            after = f"group {group.name} gid={group.gid}"
            self.command(group.name, "", after, "groupadd", "--gid", str(group.gid), group.name)
        else:
            text = f"group {group.name} has gid {there.gid} on this node, {group.gid} is wanted"
            fix = "correct the gid that is wanted, or set drift to correct (files keep the old gid)"
            self.differs(text, fix, "groupmod", "--gid", str(group.gid), group.name)

    def user(self, user: User, gone: t.Sequence[str]) -> None:
        there = self.current.accounts.get(user.name)
        holder = [
            name
            for name, other in self.current.accounts.items()
            if other.uid == user.uid and name != user.name and name not in gone
        ]
        if there and there.uid < _SYSTEM:
            self.refusals.append(f"user {user.name} is the system's, with uid {there.uid}: leave it out")
        elif there is None and user.name in self.current.foreign:
            self.refusals.append(
                f"user {user.name} is one of the directory's, with uid {self.current.foreign[user.name]}: choose "
                "another name, or leave the user out"
            )
        elif holder and (there is None or there.uid != user.uid):
            self.refusals.append(
                f"user {user.name} is to have uid {user.uid}, which is that of {holder[0]} on this node: choose "
                f"another uid for all nodes, or remove {holder[0]}"
            )
        elif there is None:
            self.new_user(user)
        else:
            self.known_user(user, there)

    def new_user(self, user: User) -> None:
        home, shell = user.home or f"{self.desired.home_root}/{user.name}", user.shell or _SHELL
        argv = ["useradd", "--no-log-init", "--no-create-home", "--uid", str(user.uid), "--gid", user.group]
        argv += ["--home-dir", home, "--shell", shell, "--comment", user.comment or "", user.name]
        after = f"user {user.name} uid={user.uid} gid={user.gid} home={home} shell={shell}"
        self.command(user.name, "", after, *argv)
        self.home(user, home, "")

    def known_user(self, user: User, there: Account) -> None:
        name, busy = user.name, self.current.busy.get(user.name, ())
        fix = "correct what is wanted, or set drift to correct (files outside of the home keep the old owner)"
        if there.uid != user.uid:
            text = f"user {name} has uid {there.uid} on this node, {user.uid} is wanted"
            self.differs(text, fix, "usermod", "--uid", str(user.uid), name, busy=busy)
        if there.gid != user.gid:
            group = self.current.groups.get(user.group)
            follows = group is not None and group.gid == there.gid
            if not follows:
                text = f"user {name} has the primary gid {there.gid} on this node, {user.gid} is wanted"
                self.differs(text, fix, "usermod", "--gid", user.group, name)
        for option, now, new in (("--shell", there.shell, user.shell), ("--comment", there.comment, user.comment)):
            if new is not None and new != now:
                self.command(
                    name,
                    f"user {name} {option[2:]}={now}",
                    f"user {name} {option[2:]}={new}",
                    "usermod",
                    option,
                    new,
                    name,
                )
        moves = user.home is not None and user.home != there.home
        home = user.home if user.home is not None else there.home
        if self.policy == REPORT and there.uid != user.uid and self.current.places.get(home, ABSENT) == ABSENT:
            # on shared storage all nodes would have it, with an owner who is somebody else there
            self.drift.append(f"home {home} of {name} is not made on a node where the uid differs")
        elif moves:
            self.home(user, home, there.home, there.uid)
            step = Step(RELOCATE, name, f"user {name} home={there.home}", f"user {name} home={home}", home=home)
            self.steps.append(step)
            if busy:
                what = f"home of {name} is {home} from the next login on"
                self.notes.append(f"{what}; {', '.join(busy)} stays in {there.home}")
        else:
            self.home(user, home, "", there.uid)

    def home(self, user: User, home: str, old: str, uid_now: int | None = None) -> None:
        place = self.current.places.get(home, ABSENT)
        if place.kind == "absent":
            after = f"home {home} of {user.name}" + (f", from {old}" if old else "")
            self.steps.append(Step(HOME, user.name, "", after, uid=user.uid, gid=user.gid, home=home, old_home=old))
        elif place.kind == "link" and place.uid in (0, user.uid):
            pass
        elif place.kind != "directory":
            self.refusals.append(
                f"home {home} of {user.name} is a {place.kind} of uid {place.uid}: look whose it is, and move it away"
            )
        elif place.uid not in (user.uid, uid_now):
            text = f"home {home} of {user.name} belongs to uid {place.uid}, and {user.name} has {user.uid}"
            self.differs(
                text, f"look whose it is; to hand it over: chown -R --from={place.uid} {user.uid}:{user.gid} {home}"
            )

    def memberships(self, gone: t.Container[str]) -> None:
        """Exact in groups that are listed, only added to in others."""
        wanted = {(group, user.name) for user in self.desired.users.values() if user.present for group in user.groups}
        for group, name in sorted(wanted):
            there = self.current.groups.get(group)
            if there is None and group not in self.desired.groups:
                self.notes.append(
                    f"group {group} is not there, so that {name} is not in it: list it in groups, or run this again "
                    "when it is there"
                )
            elif there is None or name not in there.members:
                self.command(name, "", f"user {name} in group {group}", "gpasswd", "--add", name, group)
        for listed in self.desired.groups.values():
            there = self.current.groups.get(listed.name)
            for name in sorted(there.members if there and listed.present and listed.listed else ()):
                if (listed.name, name) not in wanted and name not in gone:
                    before = f"user {name} in group {listed.name}"
                    self.command(name, before, "", "gpasswd", "--delete", name, listed.name)

    def remove_user(self, name: str) -> None:
        there = self.current.accounts.get(name)
        if there is None:
            return
        if there.uid < _SYSTEM:
            self.refusals.append(f"user {name} is the system's, with uid {there.uid}, and is not removed: leave it out")
            return
        self.steps.append(Step(LEAVE, name, f"user {name} uid={there.uid} home={there.home}", "", uid=there.uid))

    def remove_group(self, name: str, gone_users: t.Container[str]) -> None:
        there = self.current.groups.get(name)
        if there is None:
            return
        users = [
            user
            for user, account in self.current.accounts.items()
            if account.gid == there.gid and user not in gone_users
        ]
        if there.gid < _SYSTEM:
            self.refusals.append(
                f"group {name} is the system's, with gid {there.gid}, and is not removed: leave it out"
            )
        elif users:
            self.refusals.append(
                f"group {name} is the primary group of {', '.join(users)}: remove them first, or keep it"
            )
        else:
            self.command(name, f"group {name} gid={there.gid}", "", "groupdel", name)
