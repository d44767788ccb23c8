# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the directory: paged searches and single changes over one connection, renewed when it breaks."""

from __future__ import annotations

import contextlib
import functools
import re
from collections import Counter
from typing import TYPE_CHECKING
from typing import Any

try:
    import ldap3
    import ldap3.core.exceptions
except ImportError:
    pass  # connection says so

from .attributes import password_value
from .connection import connect
from .errors import ConnectionLost
from .errors import DirectoryError
from .errors import Refused
from .explain import NO_SUCH_OBJECT
from .explain import explain
from .explain import quoted
from .names import parent_of
from .names import within
from .states import Add
from .states import Delete
from .states import Entry
from .states import Modify
from .states import Move

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Sequence

    from .connection import Host
    from .connection import Reach

# MaxPageSize of a domain controller, learn.microsoft.com "View and set LDAP policy"
_PAGE = 1000
# Controls, MS-ADTS 3.1.1.3.4.1: the first with the part of the security descriptor that is meant (4: its access list)
_SD_FLAGS = ("1.2.840.113556.1.4.801", True, b"\x30\x03\x02\x01\x04")
_TREE_DELETE = ("1.2.840.113556.1.4.805", True, None)
DESCRIPTOR = "nTSecurityDescriptor"
_RANGE = re.compile(r"(?P<name>[^;]+);range=\d+-(?P<last>\d+|\*)\Z", re.IGNORECASE)
_SUCCESS = 0
_TREE_SECONDS = 1800
_EVERYTHING = "(objectClass=*)"


class Directory:
    """A bound connection, and where the domain's objects are.

    ``base`` is the distinguished name of the domain, ``root`` the entry that describes the server, ``asked`` how often
    what was asked.
    """

    def __init__(self, reach: Reach, base_dn: str | None) -> None:
        """Connect.

        Raises:
            DirectoryError: no server can be used, or it is none of the domain.
        """
        self._reach = reach
        self.asked: Counter[str] = Counter()
        self._connection: Any = None
        self.host: Host = reach.hosts[0]
        self._connect()
        found = self._search("", _EVERYTHING, ["*", "+"], ldap3.BASE, [])
        self.root = found[0] if found else Entry("", {})
        domain = self.root.text("defaultNamingContext")
        if not domain:
            raise DirectoryError(
                f"{self.host} is no Active Directory domain controller: it does not tell its defaultNamingContext",
                "check hosts",
            )
        self.domain = domain
        self.base = within(base_dn, domain) if base_dn else domain

    def _connect(self) -> None:
        self.close()
        self._connection, self.host = connect(self._reach)
        self.asked["connections"] += 1

    def _bound(self) -> Any:
        if self._connection is None:
            raise DirectoryError(
                f"Not done: the connection to {self.host} broke and could not be made again", "run this again"
            )
        return self._connection

    @functools.cached_property
    def own_sids(self) -> frozenset[bytes]:
        """Security identifiers of who we are bound as, groups included (MS-ADTS 3.1.1.3.2, rootDSE tokenGroups)."""
        found = self._patiently("", _EVERYTHING, ["tokenGroups"], ldap3.BASE)
        return frozenset(found[0].values("tokenGroups")) if found else frozenset()

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            with contextlib.suppress(ldap3.core.exceptions.LDAPException, OSError):
                self._connection.unbind()
            self._connection = None

    def reconnect(self) -> None:
        """Connect anew, to whichever server can be reached.

        Raises:
            DirectoryError: none can.
        """
        self._connect()

    def search(
        self, filter_text: str, attributes: Sequence[str], *, base: str | None = None, one_level: bool = False
    ) -> list[Entry]:
        """All objects that a filter fits, from below the base; none if the base isn't there.

        Raises:
            DirectoryError: the server refused, the filter is none, or the connection broke twice.
        """
        scope = ldap3.LEVEL if one_level else ldap3.SUBTREE
        return self._patiently(base or self.base, filter_text, attributes, scope)

    def read(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """One object, None if it isn't there.

        Raises:
            DirectoryError: the server refused, or the connection broke twice.
        """
        return next(iter(self._patiently(dn, _EVERYTHING, attributes, ldap3.BASE)), None)

    def _patiently(self, base: str, filter_text: str, attributes: Sequence[str], scope: str) -> list[Entry]:
        """A search is repeated when the connection breaks: load balancers end those that were idle."""
        controls = [_SD_FLAGS] if DESCRIPTOR in attributes else []
        try:
            found = self._search(base, filter_text, attributes, scope, controls)
        except ConnectionLost:
            self._connect()
            found = self._search(base, filter_text, attributes, scope, controls)
        return [self._completed(entry) for entry in found]

    def _search(
        self, base: str, filter_text: str, attributes: Sequence[str], scope: str, controls: Sequence[Any]
    ) -> list[Entry]:
        """The pages of one search."""
        cookie, found = None, []
        paged = {} if scope == ldap3.BASE else {"paged_size": _PAGE}
        while True:
            more = {**paged, **({"paged_cookie": cookie} if cookie else {})}
            asked = {"attributes": list(attributes), "controls": list(controls) or None, **more}
            self._send("searches", functools.partial(self._bound().search, base, filter_text, scope, **asked))
            result = self._connection.result
            if result["result"] == NO_SUCH_OBJECT:
                return []
            self._judge(f"search {base or 'the server'} for {filter_text}")
            found += [_entry(answer) for answer in self._connection.response if answer["type"] == "searchResEntry"]
            control = (result.get("controls") or {}).get("1.2.840.113556.1.4.319", {})
            cookie = control.get("value", {}).get("cookie")
            if not cookie:
                return found

    def _completed(self, entry: Entry) -> Entry:
        """An object with all values: those of long attributes come in ranges (MS-ADTS 3.1.1.3.1.3.3)."""
        found = dict(entry.attributes)
        for key in [key for key in found if ";range=" in key]:
            match = _RANGE.match(key)
            values = list(found.pop(key))
            name, last = (match["name"], match["last"]) if match else (key, "*")
            while last != "*":
                wanted = f"{name};range={int(last) + 1}-*"
                (more,) = self._search(entry.dn, _EVERYTHING, [wanted], ldap3.BASE, []) or [Entry(entry.dn, {})]
                following = next(((k, v) for k, v in more.attributes.items() if _RANGE.match(k)), None)
                if following is None:
                    break
                values += following[1]
                last = str(_RANGE.match(following[0])["last"])  # type: ignore[index]  # it matched above
            found[name] = values
        return Entry(entry.dn, found)

    def apply(self, step: Add | Modify | Move | Delete, password: str | None = None) -> None:
        """Make one change.

        Args:
            step: the change.
            password: of the account, for steps that set it.

        Raises:
            Refused: the server refused; says why and what to do.
            ConnectionLost: whether it was done is not known.
        """
        connection = self._bound()
        secret = {"unicodePwd": [password_value(password or "")]} if getattr(step, "password", False) else {}
        with_password = bool(secret)
        if isinstance(step, Add):
            attributes = {name: list(values) for name, values in step.attributes.items()}
            self._send("changes", lambda: connection.add(step.dn, attributes={**attributes, **secret}))
            # what it is to be in is what does not exist
            self._judge(f"create it in {parent_of(step.dn)}", password=with_password)
        elif isinstance(step, Modify):
            changes = {name: [(_OPERATIONS[kind], list(values))] for name, (kind, values) in step.changes.items()}
            for name, values in secret.items():
                changes[name] = [(_OPERATIONS["replace"], values)]
            controls = [_SD_FLAGS] if DESCRIPTOR in changes else None
            self._send("changes", lambda: connection.modify(step.dn, changes, controls=controls))
            self._judge(f"set {_shown(changes, step.dn)}", password=with_password)
        elif isinstance(step, Move):
            self._send("changes", lambda: connection.modify_dn(step.dn, step.rdn, new_superior=step.parent))
            self._judge(f"make it {step.rdn}" + (f" in {step.parent}" if step.parent else ""))
        else:
            tree = [_TREE_DELETE] if step.tree else None
            # as long as it takes to remove thousands of objects; all else is answered soon
            connection.socket.settimeout(max(self._reach.timeout, _TREE_SECONDS) if step.tree else self._reach.timeout)
            self._send("changes", lambda: connection.delete(step.dn, controls=tree))
            connection.socket.settimeout(self._reach.timeout)
            self._judge("remove it")

    def _send(self, kind: str, request: Callable[[], Any]) -> None:
        """Ask, and count it."""
        self.asked[kind] += 1
        exceptions = ldap3.core.exceptions
        try:
            request()
        except exceptions.LDAPInvalidFilterError as error:
            raise DirectoryError(f"The filter is none: {error}", "write it as in (department=research)") from error
        except (exceptions.LDAPCommunicationError, exceptions.LDAPResponseTimeoutError, OSError) as error:
            # A timeout leaves a connection on which the late answer may still come.
            raise ConnectionLost(
                f"The connection to {self.host} broke: {error}",
                "run again: what was done is seen then; raise timeout where the domain controller is slow",
            ) from error
        except exceptions.LDAPException as error:
            raise DirectoryError(f"ldap3 can't ask {self.host}: {type(error).__name__} {error}") from error

    def _judge(self, tried: str, *, password: bool = False) -> None:
        result = self._connection.result
        code, said = result["result"], result.get("message") or ""
        if code == _SUCCESS:
            return
        why, fix = explain(code, said, password=password)
        own = quoted(code, result.get("description", ""), said)
        raise Refused(f"Failed to {tried}: {why} ({own})", fix, code, said)


_OPERATIONS = {"add": "MODIFY_ADD", "delete": "MODIFY_DELETE", "replace": "MODIFY_REPLACE"}


def _shown(changes: Iterable[str], dn: str) -> str:
    """What was to be changed. Access lists may be those of the parent."""
    named = {"unicodePwd": "the password", "pwdLastSet": "the password", DESCRIPTOR: f"the access list of {dn}"}
    return ", ".join(sorted({named.get(name, name) for name in changes}))


def _entry(answer: dict[str, Any]) -> Entry:
    attributes = {name.lower(): list(values) for name, values in answer["raw_attributes"].items()}
    return Entry(answer["dn"], attributes)
