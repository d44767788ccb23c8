# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets must not reach the log; what is none must stay readable."""

from __future__ import annotations

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.masking import MASK
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.masking import Masker
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull.masking import mask

S = "hunter2-Very/Secret+42"


@pytest.mark.parametrize(
    "line",
    [
        f"password={S}",
        f"ldap_bind_password: {S}",
        f'"password": "{S}"',
        f"{{'SecretString': '{S}'}}",
        f'{{\\"password\\": \\"{S}\\"}}',
        f"  SecretAccessKey = {S}",
        f"aws_secret_access_key={S} region=x",
        f"mysql --password {S} -u root",
        f"tool --auth-token={S}",
        f"SessionToken: {S}",
        f"api_key={S}&x=1",
        f"curl -H 'Authorization: Bearer {S}'",
        f"Authorization: Basic {S}",
        f"postgres://admin:{S}@db.example.com/x",
        f"https://b.s3.amazonaws.com/k?X-Amz-Signature={S}&X-Amz-Security-Token={S}",
        f"ldap_default_authtok = {S}",
        f'msg: "passphrase: {S}"',
        f"password: 'two words {S}'",
        f"StoragePass={S}",
        f"-AccountingStoragePass={S}",
        f"ansible_become_pass: {S}",
        f"MYSQL_PWD={S} mysqldump",
        f"mysql --user-pass={S}",
    ],
)
def test_known_forms(line: str) -> None:
    masked = Masker().line(line)
    assert S not in masked
    assert MASK in masked


def test_ids_and_tokens_by_their_look() -> None:
    assert Masker().line("key AKIAIOSFODNN7EXAMPLE used") == f"key AKIA{MASK} used"
    assert "dBjftJeZ4CVP" not in Masker().line("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP")


@pytest.mark.parametrize(
    "line",
    [
        "TASK [munge : Give the node its secret] ****",
        "secret_arn: arn:aws:secretsmanager:us-west-2:123456789012:secret:x",
        "secret: arn:aws:secretsmanager:us-west-2:123456789012:secret:x",
        "password: null",
        "PWD=/root OLDPWD=/tmp",
        "bypass=no compass: north",
        "PasswordAuthentication no",
        "the munge-secret of this cluster",
        "token: VALUE_SPECIFIED_IN_NO_LOG_PARAMETER",
        "https://example.com:8443/path?x=1",
        "ok: [localhost] => (item=/etc/chrony/chrony.conf)",
        "s3://bucket/prefix/4f1c2b7a90d3e865",
        "started at 2026-11-22T19:45:18Z by user@host",
    ],
)
def test_other_lines_stay(line: str) -> None:
    assert Masker().line(line) == line


def test_private_keys_over_several_lines() -> None:
    text = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAbC=\n-----END RSA PRIVATE KEY-----\nb"
    assert mask(text) == f"a\n{MASK}\n{MASK}\n{MASK}\n{MASK}\nb"
    assert mask("x -----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY----- y") == f"x {MASK} y"


def test_a_key_without_end_does_not_swallow_the_log() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nMIIEow\nok: [localhost]\nMIIEow"
    assert mask(text).split("\n") == [MASK, MASK, "ok: [localhost]", "MIIEow"]
