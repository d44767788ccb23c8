# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's options as a state. Pure. Private."""

from __future__ import annotations

import re
import typing as t

from .state import Account
from .state import Association
from .state import Settings
from .state import State
from .state import User
from .values import ASSOCIATION
from .values import QOS
from .values import AccountsError
from .values import Setting
from .values import given
from .values import setting_of

# slurmdbd keeps names in lower case; commas, brackets, quotes and blanks mean something to sacctmgr, | to its output.
_NAME = re.compile(r"^[a-z0-9_][a-z0-9_.@-]*$")
_TEXT = re.compile(r"^[^|\"'\x00-\x1f\x7f]*$")
ROOT = "root"

Options = t.Mapping[str, t.Any]


def wanted(options: Options) -> State:
    """The state that the options describe.

    Raises:
        AccountsError: names the element, what is wrong with it and the fix; all of them at once.
    """
    problems: list[str] = []

    def read(what: str, one: t.Callable[[Options, str], None]) -> None:
        for index, option in enumerate(options[what] or []):
            name = option.get("name")
            where = f"{what}[{index}]" + (f" ({name})" if name else "")
            try:
                one({**option, "name": check_name(name, where)}, where)
            except AccountsError as error:
                problems.append(str(error))

    accounts: dict[str, Account] = {}
    users: dict[str, User] = {}
    associations: dict[tuple[str, str], Association] = {}
    qos: dict[str, Settings] = {}

    def account(option: Options, where: str) -> None:
        name = option["name"]
        if name in accounts:
            raise AccountsError(f"{where}: the account is there twice")
        texts = {key: _text(option[key], f"{where}: {key}") for key in ("description", "organization")}
        settings = settings_of(option["settings"], ASSOCIATION, where)
        parent = check_name(option["parent"], f"{where}: parent") if option["parent"] else None
        if name == ROOT and parent:
            raise AccountsError(f"{where}: root is above all accounts and has no parent; leave parent out")
        accounts[name] = Account(**texts)
        associations[name, ""] = Association(name, "", parent, settings)

    def user(option: Options, where: str) -> None:
        name, names = option["name"], [check_name(item, f"{where}: accounts") for item in option["accounts"] or []]
        settings = settings_of(option["settings"], ASSOCIATION, where)
        if settings and not names:
            raise AccountsError(f"{where}: settings are those of the user in accounts; name the accounts")
        default = (
            check_name(option["default_account"], f"{where}: default_account") if option["default_account"] else None
        )
        for item in names:
            if (item, name) in associations:
                raise AccountsError(f"{where}: the user is in account {item} twice")
            associations[item, name] = Association(item, name, None, settings)
        one, before = User(default, option["admin_level"]), users.get(name, User())
        users[name] = User(
            _agree(before.default_account, one.default_account, f"{where}: default_account"),
            _agree(before.admin_level, one.admin_level, f"{where}: admin_level"),
        )

    def quality(option: Options, where: str) -> None:
        if option["name"] in qos:
            raise AccountsError(f"{where}: the QOS is there twice")
        qos[option["name"]] = settings_of(option["settings"], QOS, where)

    cluster = check_name(options["cluster"], "cluster")
    read("qos", quality)
    read("accounts", account)
    read("users", user)
    problems += [*_circles(associations), *_strangers(users, associations)]
    if problems:
        raise AccountsError("; ".join(problems))
    return State(cluster, True, accounts, users, associations, qos)


def check_name(name: t.Any, where: str) -> str:
    """The name itself.

    Raises:
        AccountsError: slurmdbd or sacctmgr would make something else of it.
    """
    text = str(name)
    if _NAME.match(text):
        return text
    if _NAME.match(text.lower()):
        raise AccountsError(
            f"{where}: {text!r} has capitals, and Slurm keeps names in lower case; write {text.lower()}"
        )
    raise AccountsError(
        f"{where}: {text!r} is no name that Slurm's accounting can keep; use a to z, digits, and _ . @ - (not first)"
    )


def settings_of(options: Options | None, settings: t.Sequence[Setting], where: str) -> Settings:
    """The settings by the names that sacctmgr(1) has for them."""
    found: dict[str, t.Any] = {}
    for key, value in (options or {}).items():
        setting = setting_of(str(key), settings, where)
        if setting.name in found:
            raise AccountsError(f"{where}: {setting.name} is there twice, under different names")
        found[setting.name] = given(value, setting, where)
    return found


def _text(text: str | None, where: str) -> str | None:
    """As slurmdbd keeps it: in lower case."""
    if text is not None and not _TEXT.match(text):
        raise AccountsError(f"{where} is {text!r}; leave out quotes, | and line breaks, which sacctmgr can't keep")
    return None if text is None else text.lower()


def _agree(one: str | None, other: str | None, where: str) -> str | None:
    if one is not None and other is not None and one != other:
        raise AccountsError(f"{where} is {other}, and {one} in an element before; write it once")
    return other if one is None else one


def _circles(associations: t.Mapping[tuple[str, str], Association]) -> list[str]:
    parents = {name: found.parent for (name, user), found in associations.items() if not user}
    for name, above in parents.items():
        seen, parent = {name}, above
        while parent is not None:
            if parent in seen:
                return [f"accounts: {name} is below itself; correct a parent"]
            seen.add(parent)
            parent = parents.get(parent)
    return []


def _strangers(users: t.Mapping[str, User], associations: t.Mapping[tuple[str, str], Association]) -> t.Iterator[str]:
    for name, user in users.items():
        mine = [account for account, member in associations if member == name]
        if user.default_account and mine and user.default_account not in mine:
            yield f"users: {name}: default_account {user.default_account} is none of the accounts {', '.join(mine)}"
