# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do with a user. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from . import security
from . import ssh_keys
from .attributes import DISABLED
from .attributes import NEVER
from .attributes import NEVER_EXPIRES
from .attributes import NO_PASSWORD_REQUIRED
from .attributes import NORMAL_ACCOUNT
from .attributes import file_time
from .errors import DirectoryError
from .names import child
from .names import domain_of
from .names import escape_value
from .names import parent_of
from .names import same_dn
from .names import split_dn
from .states import REPLACE
from .states import Add
from .states import Delete
from .states import Modify
from .states import Move
from .states import Plan
from .states import ServicePassword
from .users import NUMBERS
from .users import TEXTS

if TYPE_CHECKING:
    from .states import Entry
    from .states import Step
    from .users import User

KEYS = "altSecurityIdentities"
ATTRIBUTES = (
    "objectClass",
    "sAMAccountName",
    "cn",
    "userAccountControl",
    "accountExpires",
    "pwdLastSet",
    "objectSid",
    KEYS,
    *(attribute for attribute, _longest in TEXTS.values()),
    *NUMBERS.values(),
)
_SET = "set, not shown"
# An account that was made without the password that it is to get: so it is told from one that somebody disabled.
_UNFINISHED = DISABLED | NO_PASSWORD_REQUIRED


def locks_out(current: Entry | None, wanted: User) -> bool:
    """Whether an account that can be used now could not be any more."""
    if current is None or (current.number("userAccountControl") or 0) & DISABLED:
        return False
    return not wanted.present or wanted.enabled is False


def plan_user(
    current: Entry | None,
    wanted: User,
    *,
    container: str,
    base: str,
    by_service: bool = False,
    own: frozenset[bytes] = frozenset(),
) -> Plan:
    """What to do with a user.

    Args:
        current: the account of this name, if there is one.
        wanted: what it is to be.
        container: where new users go whose path isn't given.
        base: distinguished name of the domain.
        by_service: passwords are set by AWS Directory Service.
        own: security identifiers of who the task runs as.

    Raises:
        DirectoryError: it can't be done; says why.
    """
    if current is not None and "user" not in current.texts("objectClass"):
        raise DirectoryError(f"the account of this name is no user: {current.dn}", "choose another name")
    if current is not None and "computer" in current.texts("objectClass"):
        raise DirectoryError(f"the account of this name is a computer: {current.dn}", "choose another name")
    if current is not None and locks_out(current, wanted) and current.first("objectSid") in own:
        raise DirectoryError("this task runs as this very account", "do that with another bind_user")
    if not wanted.present:
        return _removal(current)
    if current is None:
        return _creation(wanted, container, base, by_service)
    return _change(current, wanted, by_service)


def _removal(current: Entry | None) -> Plan:
    if current is None:
        return Plan("absent", "")
    return Plan("removed", current.dn, (Delete(current.dn),), {"dn": current.dn}, {})


def _creation(wanted: User, container: str, base: str, by_service: bool) -> Plan:
    if wanted.enabled is not False and not wanted.has_password:
        raise DirectoryError(
            "there is no such user yet, and new users that are enabled need a password",
            "set password or generate_password (without password_secret nobody knows it: for those who log in by key),"
            " or enabled: false",
        )
    dn = child("CN", wanted.cn or wanted.name, wanted.path or container)
    texts = {"upn": f"{wanted.name}@{domain_of(base)}", **wanted.texts}
    control = NORMAL_ACCOUNT | (NEVER_EXPIRES if wanted.password_never_expires else 0)
    final = control | (DISABLED if wanted.enabled is False else 0)
    service = by_service and wanted.has_password
    attributes: dict[str, list[bytes]] = {
        "objectClass": [b"top", b"person", b"organizationalPerson", b"user"],
        "sAMAccountName": [wanted.name.encode()],
        "userAccountControl": [b"%d" % (control | _UNFINISHED if service else final)],
    }
    attributes.update({TEXTS[option][0]: [text.encode()] for option, text in texts.items() if text})
    attributes.update({NUMBERS[option]: [b"%d" % number] for option, number in wanted.numbers.items()})
    if wanted.keys:
        attributes[KEYS] = [key.text.encode() for key in wanted.keys]
    if wanted.account_expires is not None:
        attributes["accountExpires"] = [b"%d" % wanted.account_expires]
    must_change = {"pwdLastSet": [b"0"]} if wanted.must_change_password and wanted.has_password else {}
    steps: list[Step] = []
    if service:
        changes = {name: (REPLACE, values) for name, values in must_change.items()}
        changes["userAccountControl"] = (REPLACE, [b"%d" % final])
        steps = [Add(dn, attributes), ServicePassword(wanted.name), Modify(dn, changes)]
    else:
        steps = [Add(dn, {**attributes, **must_change}, password=wanted.has_password)]
    return Plan(
        "created", dn, tuple(steps), {}, {"dn": dn, **_described(wanted, texts)}, again=wanted.read_only is not None
    )


def _described(wanted: User, texts: dict[str, str]) -> dict[str, Any]:
    """A new user for people."""
    told: dict[str, Any] = {**{option: text for option, text in texts.items() if text}, **wanted.numbers}
    told["enabled"] = wanted.enabled is not False
    if wanted.keys:
        told["ssh_keys"] = sorted(key.text for key in wanted.keys)
    if wanted.account_expires is not None:
        told["account_expires"] = file_time(wanted.account_expires)
    told.update({option: True for option in ("password_never_expires", "read_only") if getattr(wanted, option)})
    if wanted.has_password:
        told["password"] = _SET
        told.update({"must_change_password": True} if wanted.must_change_password else {})
    return told


class _Changes:
    """Differences, gathered: what to send, and what to tell."""

    def __init__(self) -> None:
        self.send: dict[str, tuple[str, list[bytes]]] = {}
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}

    def note(self, option: str, attribute: str, values: list[bytes], before: Any, after: Any) -> None:
        """Note a difference, if there is one."""
        if before != after:
            self.send[attribute] = (REPLACE, values)
            self.tell(option, before, after)

    def tell(self, option: str, before: Any, after: Any) -> None:
        """Note what people are told."""
        self.before[option], self.after[option] = before, after


def _change(current: Entry, wanted: User, by_service: bool) -> Plan:
    changes = _Changes()
    steps: list[Step] = []
    move, dn = moved(current.dn, wanted.cn, wanted.path)
    if move is not None:
        steps.append(move)
        changes.tell("dn", current.dn, dn)
    for option, text in wanted.texts.items():
        attribute = TEXTS[option][0]
        changes.note(option, attribute, [text.encode()] if text else [], current.text(attribute), text)
    for option, number in wanted.numbers.items():
        changes.note(option, NUMBERS[option], [b"%d" % number], current.number(NUMBERS[option]), number)
    _note_account(current, wanted, changes)
    if wanted.keys is not None:
        before = current.texts(KEYS)
        after = ssh_keys.merged(before, list(wanted.keys), purge=wanted.purge_keys)
        changes.note("ssh_keys", KEYS, [value.encode() for value in after], sorted(before), sorted(after))
    _note_read_only(current, wanted, changes)
    password = wanted.has_password and (wanted.always or _is_unfinished(current))
    if password:
        changes.tell("password", "", _SET)
        if wanted.must_change_password:
            changes.send["pwdLastSet"] = (REPLACE, [b"0"])
            changes.tell("must_change_password", "", True)
    if password and by_service:
        # the service enables the account, so that what it is to be is set after it
        control = _control(current, wanted)
        changes.send["userAccountControl"] = (REPLACE, [b"%d" % control])
        steps.append(ServicePassword(wanted.name))
    if changes.send or password:
        steps.append(Modify(dn, changes.send, password=password and not by_service))
    return Plan("changed" if steps else "unchanged", dn, tuple(steps), changes.before, changes.after)


def moved(current: str, name: str | None, path: str | None, kind: str = "CN") -> tuple[Move | None, str]:
    """How an object gets its name and place, if it has to, and its distinguished name then."""
    ((_kind, own),), parent = split_dn(current)[0], parent_of(current)
    rename = name is not None and name != own
    elsewhere = path is not None and not same_dn(path, parent)
    if not rename and not elsewhere:
        return None, current
    rdn = f"{kind}={escape_value(name if name is not None else own)}"
    target = path if elsewhere and path is not None else parent
    return Move(current, rdn, target if elsewhere else None), f"{rdn},{target}"


def _is_unfinished(current: Entry) -> bool:
    """Whether the account was made and never got its password: a run was interrupted."""
    control = current.number("userAccountControl") or 0
    return control & _UNFINISHED == _UNFINISHED and not current.number("pwdLastSet")


def _control(current: Entry, wanted: User) -> int:
    """userAccountControl as it is to be; all other bits stay."""
    value = current.number("userAccountControl") or NORMAL_ACCOUNT
    if wanted.has_password and _is_unfinished(current):
        value &= ~_UNFINISHED
    for wish, bit in ((wanted.password_never_expires, NEVER_EXPIRES), (_not(wanted.enabled), DISABLED)):
        if wish is not None:
            value = value | bit if wish else value & ~bit
    return value


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _note_account(current: Entry, wanted: User, changes: _Changes) -> None:
    before, after = current.number("userAccountControl") or 0, _control(current, wanted)
    if before != after:
        changes.send["userAccountControl"] = (REPLACE, [b"%d" % after])
        for option, bit, turned in (
            ("enabled", DISABLED, True),
            ("password_never_expires", NEVER_EXPIRES, False),
        ):
            if (before ^ after) & bit:
                changes.tell(option, bool(before & bit) is not turned, bool(after & bit) is not turned)
    if wanted.account_expires is not None:
        is_now = current.number("accountExpires") or NEVER
        told = file_time(is_now), file_time(wanted.account_expires)
        changes.note("account_expires", "accountExpires", [b"%d" % wanted.account_expires], *told)


def _note_read_only(current: Entry, wanted: User, changes: _Changes) -> None:
    if wanted.read_only is None:
        return
    descriptor = current.first("nTSecurityDescriptor")
    if not descriptor:
        raise DirectoryError(
            "its access list can't be read, so that read_only can't be looked at",
            "use an account that may read and write the permissions of this user",
        )
    is_now = security.has(descriptor, security.READ_ONLY)
    if is_now != wanted.read_only:
        given = {"add": security.READ_ONLY} if wanted.read_only else {"remove": security.READ_ONLY}
        changes.send["nTSecurityDescriptor"] = (REPLACE, [security.with_entries(descriptor, **given)])
        changes.tell("read_only", is_now, wanted.read_only)
