# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls of sacctmgr that make one state of another. Pure. Private.

Order: the cluster, QOS, accounts from the root downwards, users; then what changes; then what goes, users first, then
accounts from below, then QOS, since sacctmgr refuses what others still stand on.
"""

from __future__ import annotations

import typing as t
from itertools import groupby

from .state import Account
from .state import Association
from .state import Settings
from .state import State
from .state import User
from .values import ASSOCIATION
from .values import QOS
from .values import AccountsError
from .values import Setting
from .values import plain
from .values import written
from .wanted import ROOT

Call = list[str]
# Names in one call; a command line has room for many more.
_TOGETHER = 200
_EVERYBODYS_QOS = "normal"
KINDS = ("users", "accounts", "qos")


def plan(current: State, desired: State, purge: t.Collection[str] = ()) -> list[Call]:
    """Arguments of sacctmgr, one list per call, in order.

    What ``desired`` does not say stays as it is. ``purge`` names kinds (:data:`KINDS`) of which what is not in
    ``desired`` goes from this cluster; the account and user root and the QOS normal never do.

    Raises:
        AccountsError: an account, a parent or a QOS is named that would not be there.
    """
    _refuse_unknown(current, desired, purge)
    calls: list[Call] = []
    if not current.known:
        calls.append(["add", "cluster", f"name={desired.cluster}"])
    calls += _qos(current, desired)
    calls += _accounts(current, desired)
    calls += _users(current, desired, purge)
    calls += _gone(current, desired, purge)
    return calls


def after(current: State, desired: State, purge: t.Collection[str] = ()) -> State:
    """The state once the plan has been carried out."""
    associations = dict(current.associations)
    accounts, users = dict(current.accounts), dict(current.users)
    qos: dict[str, Settings] = dict(current.qos)
    for name, account in desired.accounts.items():
        old = accounts.get(name, Account())
        accounts[name] = Account(
            _either(account.description, old.description), _either(account.organization, old.organization)
        )
    for key, one in desired.associations.items():
        parent = ROOT if not one.user and one.account != ROOT else None
        there = associations.get(key, Association(one.account, one.user, parent, _unset(ASSOCIATION)))
        merged = {**there.settings, **one.settings}
        associations[key] = Association(one.account, one.user, one.parent or there.parent, merged)
    leaving = _leaving_users(current, desired, purge)
    for key in [*leaving, *_leaving_accounts(current, desired, purge)]:
        associations.pop(key, None)
    for name in dict.fromkeys([*desired.users, *(user for _account, user in leaving)]):
        user, level = desired.users.get(name, User()), users.get(name, User(admin_level="none")).admin_level
        default = user.default_account or _default(current, desired, name)
        if default is not None and (default, name) not in associations:
            # the default account goes: the first of those that stay
            default = next((account for account, member in associations if member == name), default)
        users[name] = User(default, user.admin_level or level)
    for name, changes in desired.qos.items():
        qos[name] = {**qos.get(name, _unset(QOS)), **changes}
    for name in _leaving_qos(current, desired, purge):
        qos.pop(name, None)
    return State(desired.cluster, True, accounts, users, associations, qos)


def describe(state: State) -> dict[str, t.Any]:
    """The state for results and diffs: this cluster's accounts and users, and all QOS; what is not set is left out."""
    members = sorted(user for _account, user in state.associations if user)
    names = sorted(account for account, user in state.associations if not user)
    return {
        "cluster": state.cluster if state.known else None,
        "accounts": {name: _shown_account(state, name) for name in names},
        "users": {name: _shown_user(state, name) for name in dict.fromkeys(members)},
        "qos": {name: _set(settings) for name, settings in sorted(state.qos.items())},
    }


def _shown_account(state: State, name: str) -> dict[str, t.Any]:
    there, text = state.associations[name, ""], state.accounts.get(name, Account())
    return {
        **({"parent": there.parent} if there.parent else {}),
        **{key: value for key, value in vars(text).items() if value},
        **_set(there.settings),
    }


def _shown_user(state: State, name: str) -> dict[str, t.Any]:
    mine = sorted((account, one) for (account, user), one in state.associations.items() if user == name)
    accounts = {account: _set(one.settings) for account, one in mine}
    return {**vars(state.users.get(name, User())), "accounts": accounts}


def _set(settings: Settings) -> dict[str, t.Any]:
    return {key: plain(value) for key, value in sorted(settings.items()) if value is not None}


def _qos(current: State, desired: State) -> t.Iterator[Call]:
    # all names first: one QOS may preempt another that stands below it
    new = [name for name in desired.qos if name not in current.qos]
    if new:
        yield ["add", "qos", f"name={','.join(new)}"]
    for name, settings in desired.qos.items():
        changes = _changes(current.qos.get(name, _unset(QOS)), settings, QOS)
        if changes:
            yield ["modify", "qos", "where", f"name={name}", "set", *changes]


def _accounts(current: State, desired: State) -> t.Iterator[Call]:
    where = f"cluster={desired.cluster}"
    for name in _from_the_root(desired):
        text, one = desired.accounts[name], desired.associations[name, ""]
        there = current.associations.get((name, ""))
        if there is None and name != ROOT:
            words = [f"{key}={value}" for key, value in vars(text).items() if value is not None]
            settings = _changes(_unset(ASSOCIATION), one.settings, ASSOCIATION)
            yield ["add", "account", f"name={name}", where, f"parent={one.parent or ROOT}", *words, *settings]
            continue
        old = current.accounts.get(name, Account())
        words = [f"{key}={value}" for key, value in vars(text).items() if value is not None and value != vars(old)[key]]
        changes = _changes(there.settings if there else _unset(ASSOCIATION), one.settings, ASSOCIATION)
        if one.parent and there and one.parent != there.parent:
            changes.insert(0, f"parent={one.parent}")
        if words or changes:
            yield ["modify", "account", "where", f"name={name}", where, "set", *words, *changes]


def _users(current: State, desired: State, purge: t.Collection[str]) -> t.Iterator[Call]:
    where = f"cluster={desired.cluster}"
    missing = [one for key, one in desired.associations.items() if one.user and key not in current.associations]
    # users who get the same in the same account need one call
    keyed = sorted(
        ((one.account, _changes(_unset(ASSOCIATION), one.settings, ASSOCIATION), one.user) for one in missing),
        # the first account of a new user becomes the default: the one that is to be it goes first
        key=lambda item: (not _is_default(desired, item[2], item[0]), item[0], item[1], item[2]),
    )
    for (_later, account, settings), group in groupby(
        keyed, key=lambda item: (not _is_default(desired, item[2], item[0]), item[0], item[1])
    ):
        for some in _chunks([user for _account, _settings, user in group]):
            yield ["add", "user", f"name={some}", where, f"account={account}", *settings]
    for key, one in desired.associations.items():
        there = current.associations.get(key)
        changes = _changes(there.settings, one.settings, ASSOCIATION) if there and one.user else []
        if changes:
            yield ["modify", "user", "where", f"name={one.user}", where, f"account={one.account}", "set", *changes]
    final = after(current, desired, purge)
    for name, user in desired.users.items():
        default, level = (
            final.users[name].default_account,
            current.users.get(name, User(admin_level="none")).admin_level,
        )
        if default and default != _default(current, desired, name):
            yield ["modify", "user", "where", f"name={name}", where, "set", f"DefaultAccount={default}"]
        if user.admin_level and user.admin_level != level:
            yield ["modify", "user", "where", f"name={name}", "set", f"AdminLevel={user.admin_level}"]
    # others, whose default account goes and who stay in another one
    for name in sorted({member for _account, member in _leaving_users(current, desired, purge)} - set(desired.users)):
        default = final.users[name].default_account
        if default and default != current.users[name].default_account:
            yield ["modify", "user", "where", f"name={name}", where, "set", f"DefaultAccount={default}"]


def _gone(current: State, desired: State, purge: t.Collection[str]) -> t.Iterator[Call]:
    where = f"cluster={desired.cluster}"
    defaults = {name: user.default_account for name, user in after(current, desired, purge).users.items()}
    leaving = sorted(
        (defaults.get(user) == account, account, user) for account, user in _leaving_users(current, desired, purge)
    )
    # sacctmgr removes a default account only as the last one that a user has in the cluster
    for (_last, account), members in groupby(leaving, key=lambda item: item[:2]):
        for some in _chunks([user for _is_last, _account, user in members]):
            yield ["delete", "user", "where", f"name={some}", where, f"account={account}"]
    for name, _user in _leaving_accounts(current, desired, purge):
        yield ["delete", "account", "where", f"name={name}", where]
    for name in _leaving_qos(current, desired, purge):
        yield ["delete", "qos", "where", f"name={name}"]


def _chunks(names: t.Sequence[str]) -> t.Iterator[str]:
    for start in range(0, len(names), _TOGETHER):
        yield ",".join(names[start : start + _TOGETHER])


def _leaving_users(current: State, desired: State, purge: t.Collection[str]) -> list[tuple[str, str]]:
    """Associations of users that go: all that are not desired, or those of accounts that go."""
    accounts = {name for name, _user in _leaving_accounts(current, desired, purge)}
    return [
        (account, user)
        for account, user in current.associations
        if user not in ("", ROOT)
        and (account, user) not in desired.associations
        and ("users" in purge or account in accounts)
    ]


def _leaving_accounts(current: State, desired: State, purge: t.Collection[str]) -> list[tuple[str, str]]:
    """Accounts that go, the lowest ones first."""
    if "accounts" not in purge:
        return []
    names = [
        account
        for account, user in current.associations
        if not user and account != ROOT and account not in desired.accounts
    ]
    return [(name, "") for name in sorted(names, key=lambda name: (-_depth(current, name), name))]


def _leaving_qos(current: State, desired: State, purge: t.Collection[str]) -> list[str]:
    if "qos" not in purge:
        return []
    return sorted(name for name in current.qos if name != _EVERYBODYS_QOS and name not in desired.qos)


def _refuse_unknown(current: State, desired: State, purge: t.Collection[str]) -> None:
    final = after(current, desired, purge)
    accounts = {account for account, user in final.associations if not user} | {ROOT}
    problems = [
        f"account {one.account} of user {one.user} does not exist and is not in accounts"
        for one in desired.associations.values()
        if one.account not in accounts
    ]
    problems += [
        f"parent {one.parent} of account {one.account} would not be there; list it in accounts, or give another parent"
        for one in final.associations.values()
        if one.parent and one.parent not in accounts
    ]
    named = [
        (f"account {one.account}{' of user ' if one.user else ''}{one.user}", one.settings)
        for one in desired.associations.values()
    ]
    named += [(f"QOS {name}", settings) for name, settings in desired.qos.items()]
    for what, settings in named:
        for key in ("QOS", "DefaultQOS", "Preempt"):
            value = settings.get(key)
            names = value if isinstance(value, frozenset) else {value} if isinstance(value, str) else set()
            problems += [
                f"{key} {name} of {what} does not exist and is not in qos" for name in sorted(names - set(final.qos))
            ]
    if problems:
        raise AccountsError("; ".join(dict.fromkeys(problems)))


def _from_the_root(desired: State) -> list[str]:
    return sorted(desired.accounts, key=lambda name: (_depth(desired, name), list(desired.accounts).index(name)))


def _depth(state: State, name: str) -> int:
    """How far below root; parents that are nowhere count as root."""
    depth, one, seen = 0, state.associations.get((name, "")), {name}
    while one is not None and one.parent and one.parent not in seen:
        depth += 1
        seen.add(one.parent)
        one = state.associations.get((one.parent, ""))
    return depth


def _changes(before: Settings, wanted: Settings, settings: t.Sequence[Setting]) -> list[str]:
    """``Name=value`` for each setting that differs, in the order of the settings."""
    return [
        written(setting, before.get(setting.name), wanted[setting.name])
        for setting in settings
        if setting.name in wanted and wanted[setting.name] != before.get(setting.name)
    ]


def _unset(settings: t.Sequence[Setting]) -> Settings:
    return {setting.name: setting.unset for setting in settings}


def _is_default(desired: State, user: str, account: str) -> bool:
    return _first_account(desired, user) == account


def _default(current: State, desired: State, user: str) -> str | None:
    """The default account before the plan sets it: what it is, or what slurmdbd makes it for a new member."""
    if any(member == user for _account, member in current.associations):
        return current.users.get(user, User()).default_account
    return _first_account(desired, user)


def _first_account(desired: State, user: str) -> str | None:
    """The account that a new user has by default: the one that is said, or the first of the list."""
    said = desired.users.get(user, User()).default_account
    return said or next((account for account, member in desired.associations if member == user), None)


def _either(one: str | None, other: str | None) -> str | None:
    return other if one is None else one
