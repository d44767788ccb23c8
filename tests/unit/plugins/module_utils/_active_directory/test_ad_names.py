# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and filters: hostile ones come through as they are, and wrong ones are told."""

from __future__ import annotations

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.errors import DirectoryError
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import account_problem
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import any_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import child
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import dn_key
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import domain_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import escape_filter
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import filter_problem
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import is_below
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import join_dn
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import name_problem
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import parent_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import rdn_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import same_dn
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import split_dn
from ansible_collections.podforge.hyperpod.plugins.module_utils._active_directory.names import within
from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.search import parse_filter
from ldap3.protocol.convert import prepare_filter_for_sending

BASE = "DC=corp,DC=example"
HOSTILE = [
    "a,b",
    'a+b"c\\d<e>f;g=h',
    "#number",
    " before",
    "after ",
    "  ",
    "\\",
    "trailing\\",
    "nul\0inside",
    "line\nbreak",
    "*()\\",
    "Ünïcödé 漢字 🚀",
    "x" * 64,
    "a,CN=Administrator,CN=Users",
    "*)(objectClass=*",
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_name_is_one_name(name: str) -> None:
    dn = child("CN", name, BASE)
    assert split_dn(dn)[0] == (("CN", name),)
    assert same_dn(parent_of(dn), BASE)
    assert rdn_of(dn) == dn[: -len(BASE) - 1]


@given(TEXT, TEXT)
def test_any_name_is_one_name(own: str, above: str) -> None:
    dn = child("CN", own, child("OU", above, BASE))
    assert split_dn(dn)[:2] == ((("CN", own),), (("OU", above),))
    assert join_dn(split_dn(dn)) == dn
    assert is_below(dn, BASE)


def filter_value(text: str) -> bytes:
    """What ldap3 sends for the value of a filter with one term."""
    parsed = parse_filter(text, None, False, False, None, False).elements[0]
    assert not parsed.elements
    return bytes(prepare_filter_for_sending(parsed.assertion["value"]))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_value_is_one_value(name: str) -> None:
    assert filter_value(f"(cn={escape_filter(name)})") == name.encode()


@given(TEXT)
def test_any_value_is_one_value(name: str) -> None:
    assert filter_value(f"(cn={escape_filter(name)})") == name.encode()


@given(st.binary(min_size=1, max_size=28))
def test_any_bytes_are_one_value(value: bytes) -> None:
    assert filter_value(f"(objectSid={escape_filter(value)})") == value


@pytest.mark.parametrize("text", ["(cn=a)", "(&(cn=a)(!(cn=b)))", "(cn=\\28a\\29)"])
def test_one_filter(text: str) -> None:
    assert filter_problem(text) == ""


@pytest.mark.parametrize("text", ["", "cn=a", "(cn=a", "(cn=a))", ")(|(cn=*)", "(cn=a)(cn=b)", "x(cn=a)", "(cn=a) "])
def test_no_filter(text: str) -> None:
    assert "is not one filter" in filter_problem(text)


def test_filter_of_several() -> None:
    assert any_of("cn", ["a", "b)"]) == "(|(cn=a)(cn=b\\29))"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("CN=a\\2cb,DC=x", "a,b"),
        ("CN=\\C3\\A9,DC=x", "é"),
        ("CN= blanks around ,DC=x", "blanks around"),
        ("CN=kept\\ ,DC=x", "kept "),
        ("CN=#04024869,DC=x", "Hi"),
        ("2.5.4.3=oid,DC=x", "oid"),
    ],
)
def test_other_ways_to_write(text: str, value: str) -> None:
    assert split_dn(text)[0][0][1] == value


def test_several_pairs_in_one_relative_name() -> None:
    assert dn_key("CN=a+OU=b,DC=x") == dn_key("ou=B + cn=A , dc=X")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("Users", "'Users' is not of the form TYPE=value"),
        ("OU=Users,,DC=x", "'an empty part' is not"),
        ("OU=,DC=x", "a part has no value"),
        ("OU=a;b,DC=x", "has an escape that is none, or one is missing"),
        ("OU=a\\", "has an escape that is none, or one is missing"),
        ("OU=\\FF,DC=x", "has an escape that is none, or one is missing"),
        ("OU=#0,DC=x", "has an escape that is none, or one is missing"),
        ("1OU=a,DC=x", "'1OU=a' is not of the form"),
    ],
)
def test_no_distinguished_name(text: str, said: str) -> None:
    with pytest.raises(DirectoryError, match=said):
        split_dn(text)


def test_paths_are_within_the_domain() -> None:
    assert within("OU=Users,OU=CORP", BASE) == f"OU=Users,OU=CORP,{BASE}"
    assert within("ou=users,dc=CORP,dc=example", BASE) == "ou=users,dc=CORP,dc=example"
    assert within(BASE, BASE) == BASE
    with pytest.raises(DirectoryError, match="is not in the directory, whose base is DC=corp,DC=example"):
        within("OU=Users,DC=other,DC=example", BASE)
    assert domain_of(BASE) == "corp.example"
    assert not is_below("DC=example", BASE)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("alice", "user", ""),
        ("alice.ito-2", "user", ""),
        ("jörg", "user", ""),
        ("a" * 20, "user", ""),
        ("a" * 21, "user", "it has 21 characters, the directory takes 20"),
        ("g" * 256, "group", ""),
        ("g" * 257, "group", "257 characters"),
        ("Cluster Admins", "group", ""),
        ("a@b", "group", ""),
        ("a@b", "user", "'@'"),
        ("a*b", "user", "'*'"),
        ("a/b", "group", "'/'"),
        ("a\nb", "user", "'\\n'"),
        ("", "user", "it is empty"),
        (". .", "user", "it is empty, or has nothing but"),
        (" a", "user", "begins or ends with a blank"),
        ("a.", "user", "ends with a full stop"),
    ],
)
def test_account_names(name: str, kind: str, said: str) -> None:
    problem = account_problem(name, kind)
    assert said in problem
    assert bool(said) == bool(problem)


@pytest.mark.parametrize(
    ("name", "said"),
    [("Ito, Alice", ""), ("x" * 64, ""), ("x" * 65, "65 characters"), (" ", "is empty"), ("a\0b", "NUL")],
)
def test_names_of_objects(name: str, said: str) -> None:
    problem = name_problem(name)
    assert said in problem
    assert bool(said) == bool(problem)
