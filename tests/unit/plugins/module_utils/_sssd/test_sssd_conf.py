# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sssd.conf: what it holds, what is refused, and whether its secret is the one at hand."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._replace_file import replace_file
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd import conf
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.common import SssdError

SECTIONS: dict[str, dict[str, Any]] = {
    "sssd": {"services": ["nss", "pam"], "domains": ["corp"], "full_name_format": None},
    "domain/corp": {"id_provider": "ldap", "enumerate": False, "offline_timeout": 15},
}
SALT = b"0123456789abcdef"


def test_the_file() -> None:
    text = conf.render(SECTIONS, "corp", "AAAQ", "salt:mac")
    assert text.splitlines() == [
        "# Written by the role podforge.hyperpod.sssd_ldaps: changes made here are lost.",
        "# bind secret: salt:mac",
        "",
        "[sssd]",
        "services = nss, pam",
        "domains = corp",
        "",
        "[domain/corp]",
        "id_provider = ldap",
        "enumerate = False",
        "offline_timeout = 15",
        "ldap_default_authtok = AAAQ",
    ]
    assert "authtok" not in conf.render(SECTIONS, None, None, None)


def test_a_token_is_kept_for_its_own_secret_only() -> None:
    proof = conf.prove("secret", "AAAQ", SALT)
    text = conf.render(SECTIONS, "corp", "AAAQ", proof)
    assert conf.token_of(text, "secret") == ("AAAQ", proof)
    assert conf.token_of(text, "other") is None
    assert conf.token_of(text.replace("AAAQ", "BBBQ"), "secret") is None, "somebody has changed the token"
    assert conf.token_of(text.replace("# bind secret", "# "), "secret") is None
    assert conf.token_of("", "secret") is None


def test_what_is_shown_has_no_secret() -> None:
    text = conf.render(SECTIONS, "corp", "AAAQ", conf.prove("secret", "AAAQ", SALT)) + "krb5_password = x\n"
    shown = conf.without_secret(text)
    assert "AAAQ" not in shown
    assert SALT.hex() not in shown
    assert "ldap_default_authtok = ********" in shown
    assert "krb5_password = ********" in shown
    assert "id_provider = ldap" in shown


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"domain/a b": {}}, "is not the name of a section"),
        ({"sssd": ["x"]}, "no dictionary of options"),
        ({"sssd": {"a b": 1}}, "not the name of an option"),
        ({"sssd": {"a\n[x]": 1}}, "not the name of an option"),
        ({"sssd": {"a": "x\ny = z"}}, "on one line"),
        ({"sssd": {"a": ["x\ry"]}}, "on one line"),
        ({"sssd": {"a": {"b": 1}}}, "on one line"),
        ({"domain/corp": {"ldap_default_authtok": "x"}}, "Secrets don't belong here"),
        ({"sssd": {}}, "There is no section domain/corp"),
    ],
)
def test_refused(sections: Any, reason: str) -> None:
    with pytest.raises(SssdError, match=reason):
        conf.check(sections, "corp")


def test_a_file_is_replaced_whole_and_never_readable_before(tmp_path: Path) -> None:
    target, mark = tmp_path / "sssd.conf", tmp_path / "mark"
    target.write_text("old")
    seen: list[tuple[int, str, str, bool]] = []

    def check(candidate: str) -> None:
        mode = stat.S_IMODE(Path(candidate).stat().st_mode)
        seen.append((mode, Path(candidate).read_text(), target.read_text(), mark.exists()))

    owner = (os.geteuid(), os.getegid())
    replace_file(str(target), "new", mode=0o600, owner=owner, mark=str(mark), check=check)
    assert seen == [(0o600, "new", "old", False)]
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert mark.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mark", "sssd.conf"]


def test_a_file_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    target, mark = tmp_path / "sssd.conf", tmp_path / "mark"
    target.write_text("old")
    # what a run has left that was killed
    (tmp_path / ".sssd.conf.podforge").write_text("half")

    def refuse(_candidate: str) -> None:
        raise SssdError("no")

    with pytest.raises(SssdError):
        replace_file(str(target), "new", mode=0o600, owner=(os.geteuid(), os.getegid()), mark=str(mark), check=refuse)
    assert [path.name for path in tmp_path.iterdir()] == ["sssd.conf"]
    assert target.read_text() == "old"


def test_a_blank_text_is_no_value() -> None:
    """As null comes from the templates of ansible-core 2.17."""
    text = conf.render(
        {"domain/corp": {"debug_level": "", "ldap_access_filter": None, "enumerate": False}}, None, None, None
    )
    assert "debug_level" not in text
    assert "ldap_access_filter" not in text
    assert "enumerate = False" in text


@pytest.mark.parametrize("line", ["ldap_default_authtok = {}", "# ldap_default_authtok = {}", "; old_PASSWORD={}"])
def test_no_diff_shows_what_stood_there_before(line: str) -> None:
    shown = conf.without_secret(f"[domain/x]\n{line.format('Old-Secret-1')}\nldap_default_authtok_type = password")
    assert "Old-Secret-1" not in shown
    assert shown.endswith("ldap_default_authtok_type = password")
