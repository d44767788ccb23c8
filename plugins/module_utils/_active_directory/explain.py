# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means when a domain controller refuses, and what to do. Pure.

A refusal has LDAP's result code (RFC 4511, appendix A) and a text, which begins with the code of a Windows error in
hexadecimal (MS-ERREF 2.2), as in "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0", or, of a
bind, has it as "data 52e". Samba begins its texts likewise.
"""

from __future__ import annotations

import re
from typing import NamedTuple

INVALID_CREDENTIALS = 49
NO_SUCH_OBJECT = 32
ALREADY_EXISTS = 68
REFERRAL = 10
SIZE_LIMIT = 4
INSUFFICIENT_RIGHTS = 50


class Explanation(NamedTuple):
    """Why, and what to do."""

    why: str
    fix: str


_BIND_DATA = re.compile(r"\bdata ([0-9a-f]+)\b", re.IGNORECASE)
_WINDOWS = re.compile(r"\A([0-9A-Fa-f]{8}):")

# By the code in the text of a refused bind.
_BINDS = {
    0x525: Explanation("there is no such user", "check bind_user: user@domain, DOMAIN\\user or a distinguished name"),
    0x52E: Explanation(
        "the password is wrong, or there is no such user",
        "check bind_user (user@domain, DOMAIN\\user or a distinguished name) and bind_password; each wrong try counts"
        " towards the account's lockout",
    ),
    0x530: Explanation("the account may not log on at this hour", "change its logon hours, or try later"),
    0x531: Explanation("the account may not log on from here", "change its list of workstations"),
    0x532: Explanation("the account's password has expired", "set a new one, or password_never_expires by ad_user"),
    0x533: Explanation("the account is disabled", "enable it: ad_user with enabled: true"),
    0x701: Explanation("the account has expired", "set account_expires of the account by ad_user"),
    0x773: Explanation(
        "the account must change its password before it can log on",
        "change the password, or set it anew with must_change_password: false",
    ),
    0x775: Explanation(
        "the account is locked out: too many wrong passwords",
        "wait until the lockout ends, or unlock it; then mend the password wherever it is kept, or it is locked again",
    ),
}

_POLICY = Explanation(
    "the password does not satisfy the domain's policy (length, complexity, history) or has the user's name in it, or"
    " an account that has no password was to be enabled",
    "give another password; ad_info shows the policy (domain.password_policy)",
)
_PLAIN_CHANNEL = Explanation(
    "the domain controller did not set the password: it takes passwords on encrypted connections only, and a load"
    " balancer that ends TLS in front of it connects to it in plain",
    "set directory_id, so that AWS Directory Service sets the password, or connect to a domain controller's own LDAPS",
)
_NOT_PERMITTED = Explanation(
    "the bind user may not do this there",
    "use an account with rights on that organizational unit; in AWS Managed Microsoft AD these are Admin, and only"
    " below the OU named after the NetBIOS name of the domain (path)",
)
_EXISTS = Explanation(
    "an object of this name is there already, of another kind or with another account name",
    "choose another name (or cn), or remove what is there; ad_info finds it",
)
_NOT_EMPTY = Explanation("it is not empty", "remove what is in it first, or set recursive: true")
_MISSING = Explanation(
    "it, or what it is to be in, does not exist", "check the path; ad_ou makes organizational units, topmost first"
)

_UPN_TAKEN = Explanation("another user has this user principal name", "give another upn")

# By the code of the Windows error at the beginning of the text, MS-ERREF 2.2.
_WINDOWS_ERRORS = {
    0x5: _NOT_PERMITTED,
    0x1F: _PLAIN_CHANNEL,
    0x52D: _POLICY,
    0x524: _EXISTS,
    0x525: Explanation("there is no such account", "check the name; ad_info finds accounts"),
    0x560: Explanation("it is a member already", "run again: what changed meanwhile is seen then"),
    0x561: Explanation("it is not a member", "run again: what changed meanwhile is seen then"),
    0x2015: _NOT_EMPTY,
    0x2030: _MISSING,
    0x2071: _EXISTS,
    0x2098: _NOT_PERMITTED,
    0x20B1: Explanation("what it is to be in is of a kind that can't hold it", "check the path: it must be an OU"),
    0x2141: Explanation(
        "a global group can have only users and global groups of its own domain as members",
        "make this group domain_local or universal, or the member global",
    ),
    0x2142: Explanation(
        "a universal group can have no domain-local group as member", "change the scope of one of the two groups"
    ),
    0x2145: Explanation(
        "the group is a member of a group that can't have one of the new scope", "take it out there, or keep the scope"
    ),
    0x214B: Explanation("a group that users have as primary group can't be changed so", "change their primary group"),
    0x21C6: Explanation("another account has this service principal name", "give each name to one account only"),
    0x21C7: Explanation("another account has this service principal name", "give each name to one account only"),
    0x21C8: _UPN_TAKEN,
}

# By LDAP's result code, where the text told nothing.
_RESULTS = {
    1: Explanation("the domain controller had a fault", "try again; its own log knows more"),
    3: Explanation("the domain controller's time limit was exceeded", "ask for less: search_base, names, filter"),
    SIZE_LIMIT: Explanation(
        "there are more results than the domain controller gives at once", "ask for less: search_base, names, filter"
    ),
    8: Explanation(
        "the domain controller wants a stronger way to authenticate", "connect by LDAPS, or set start_tls: true"
    ),
    REFERRAL: Explanation(
        "this part of the directory is in another domain or on another domain controller",
        "connect to a domain controller of that domain, or check base_dn and path",
    ),
    11: Explanation("a limit of the domain controller was exceeded", "run again for the rest, or ask for less at once"),
    12: Explanation(
        "the server does not know a control that is needed", "is this an Active Directory domain controller?"
    ),
    13: Explanation("the server wants an encrypted connection", "connect by LDAPS, or set start_tls: true"),
    16: Explanation("the object has no such attribute or value", "run again: what changed meanwhile is seen then"),
    17: Explanation("the directory's schema has no such attribute", "is the schema extended as this needs it?"),
    19: Explanation("a value is too long, of the wrong form, or against a rule", "check the values of this object"),
    20: Explanation("the value is there already", "run again: what changed meanwhile is seen then"),
    21: Explanation("a value is not of the attribute's form", "check the values of this object"),
    NO_SUCH_OBJECT: _MISSING,
    34: Explanation("the distinguished name is of the wrong form", "check path and cn"),
    INVALID_CREDENTIALS: Explanation(
        "user and password were not accepted",
        "check bind_user (user@domain, DOMAIN\\user or a distinguished name) and bind_password",
    ),
    INSUFFICIENT_RIGHTS: _NOT_PERMITTED,
    51: Explanation("the domain controller is busy", "try again later, or name another in hosts"),
    52: Explanation("the domain controller is not available", "try again later, or name another in hosts"),
    53: Explanation(
        "the domain controller is not willing to: a rule of the directory forbids it",
        "its own words, in parentheses, say which",
    ),
    64: Explanation("the name does not fit the kind of object", "check path and cn"),
    65: Explanation(
        "the object would lack an attribute that it must have, or have one that it can't", "check its values"
    ),
    66: _NOT_EMPTY,
    67: Explanation("the name can't be changed so", "check cn"),
    ALREADY_EXISTS: _EXISTS,
    71: Explanation("the object is in another domain", "connect to a domain controller of that domain"),
}
_UNKNOWN = Explanation("the domain controller refused", "its own words, in parentheses, say why")


def explain(code: int, said: str, *, password: bool = False) -> Explanation:
    """Why a domain controller refused, and the fix.

    Args:
        code: LDAP's result code.
        said: the text that came with it.
        password: a password was to be set by the request.
    """
    if code == INVALID_CREDENTIALS:
        data = _BIND_DATA.search(said)
        return _BINDS.get(int(data[1], 16), _RESULTS[code]) if data else _RESULTS[code]
    found = _WINDOWS.match(said)
    windows = int(found[1], 16) if found else 0
    if windows == 0x1F and not password:
        windows = 0
    if windows in _WINDOWS_ERRORS:
        return _WINDOWS_ERRORS[windows]
    if "userPrincipalName" in said and "already in use" in said:
        return _UPN_TAKEN
    if password and code == 53 and "encrypted connection" in said:
        return _PLAIN_CHANNEL
    if password and code == 19 and "password" in said.lower():
        return _POLICY
    return _RESULTS.get(code, _UNKNOWN)


def quoted(code: int, name: str, said: str) -> str:
    """The domain controller's own words on one line, for people who search for them."""
    words = " ".join(said.replace("\0", " ").split())
    return f"LDAP {code} {name}: {words}" if words else f"LDAP {code} {name}"
