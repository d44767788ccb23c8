# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What domain controllers say, in plain words. The texts are as Windows Server and Samba send them."""

from __future__ import annotations

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.explain import explain
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.explain import quoted

BIND = "80090308: LdapErr: DSID-0C09042F, comment: AcceptSecurityContext error, data {}, v4563"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("525", "there is no such user"),
        ("52e", "the password is wrong"),
        ("530", "at this hour"),
        ("531", "from here"),
        ("532", "password has expired"),
        ("533", "is disabled"),
        ("701", "the account has expired"),
        ("773", "must change its password"),
        ("775", "locked out"),
        ("57", "user and password were not accepted"),
    ],
)
def test_refused_binds(data: str, said: str) -> None:
    assert said in explain(49, BIND.format(data)).why


def test_a_bind_without_data() -> None:
    assert explain(49, "Simple Bind Failed: NT_STATUS_LOGON_FAILURE").why == "user and password were not accepted"


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (19, "0000052D: Constraint violation - check_password_restrictions: the password is too short.", "policy"),
        (53, "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0", "policy"),
        (53, "0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0", "encrypted connections only"),
        (50, "00000005: SecErr: DSID-031521E1, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0", "may not do this"),
        (50, "00002098: Object CN=u1 has no write property access", "may not do this"),
        (50, "dsdb_access: Access check failed on CN=Users", "may not do this"),
        (68, "00002071: UpdErr: DSID-03050330, problem 6005 (ENTRY_EXISTS), data 0", "there already"),
        (68, "Entry CN=u1,CN=Users,DC=corp already exists", "there already"),
        (19, "0000202F: samldb: userPrincipalName 'a@corp' is already in use", "user principal name"),
        (19, "000021C8: AtrErr: DSID-03200EAB, #1", "user principal name"),
        (32, "00002030: objectclass: Cannot delete CN=nobody, entry does not exist!", "does not exist"),
        (32, "0000208D: NameErr: DSID-03100245, problem 2001 (NO_OBJECT), data 0, best match of:", "does not exist"),
        (66, "00002015: UpdErr: DSID-03100A2A, problem 6003 (CANT_ON_NON_LEAF), data 0", "not empty"),
        (10, "0000202B: RefErr: DSID-03100835, data 0, 1 access points", "in another domain"),
        (4, "", "more results"),
        (8, "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity", "stronger"),
        (53, "00002035: objectclass: Cannot delete CN=Users, it isn't permitted!", "forbids it"),
        (80, "", "refused"),
        (51, "", "busy"),
    ],
)
def test_refused_requests(code: int, text: str, said: str) -> None:
    found = explain(code, text, password="0000001F" in text)
    assert said in found.why
    assert found.fix


def test_a_general_failure_is_about_passwords_only_when_one_is_set() -> None:
    assert "encrypted" not in explain(53, "0000001F: SvcErr: problem 5003 (WILL_NOT_PERFORM)").why
    assert "policy" in explain(19, "check_password_restrictions: the password is too short", password=True).why


def test_own_words_are_one_line() -> None:
    assert quoted(53, "unwillingToPerform", "a\n b\0") == "LDAP 53 unwillingToPerform: a b"
    assert quoted(4, "sizeLimitExceeded", "") == "LDAP 4 sizeLimitExceeded"
