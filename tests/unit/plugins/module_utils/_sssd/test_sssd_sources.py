# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and certificates: what is taken out of what is stored, and why there is nothing."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._node import aws
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import SourceError
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd import certificates
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.common import SssdError
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.secrets import pick
from ansible_collections.podforge.hyperpod.plugins.modules.sssd_ca_certificate import judge_end
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ARN = "arn:aws:secretsmanager:us-west-2:111122223333:secret:hyperpod/ReadOnly-AbCdEf"
NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.timezone.utc)


def authority(days: int = 100) -> tuple[str, str]:
    """Certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - datetime.timedelta(days=500))
    builder = builder.not_valid_after(NOW + datetime.timedelta(days=days))
    made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    return pem, secret


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("plain secret\n", None, "plain secret"),
        (" with blanks ", None, " with blanks "),
        ('"quoted"', None, '"quoted"'),
        ("[1]", None, "[1]"),
        ('{"password": "p", "user": "u"}', None, "p"),
        ('{"token": "t"}', None, "t"),
        ('{"password": "p", "token": "t"}', "token", "t"),
    ],
)
def test_secrets(text: str, key: str | None, value: str) -> None:
    assert pick(text, key, "x", "password") == value


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("", None, "no text in the secret"),
        ("\n", None, "no text in the secret"),
        ('{"a": "hidden", "b": "hidden"}', None, "JSON object with 2 keys, none of them is 'password'"),
        ('{"password": 7}', None, "no text in key 'password'"),
        ('{"password": "hidden"}', "other", "no text in key 'other'"),
        ("hidden", "password", "is no JSON object"),
    ],
)
def test_secrets_that_are_none(text: str, key: str | None, reason: str) -> None:
    with pytest.raises(SssdError, match=reason) as caught:
        pick(text, key, "x", "password")
    assert "hidden" not in str(caught.value)


def test_regions() -> None:
    assert aws.region_of(ARN, "eu-west-1") == "us-west-2"
    assert aws.region_of("hyperpod/ReadOnly", "eu-west-1") == "eu-west-1"
    assert aws.region_of("arn:aws:s3:::bucket/key", "eu-west-1") == "eu-west-1"


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("ResourceNotFoundException", "can't find it", "does not exist"),
        ("AccessDeniedException", "not authorized", "allow the execution role secretsmanager:GetSecretValue"),
        ("AccessDeniedException", "Access to KMS is not allowed", "and to kms:Decrypt of its key"),
        ("ThrottlingException", "Rate exceeded", "requests were throttled"),
        ("InvalidRequestException", "it was marked for deletion", "restore-secret"),
        ("InternalServiceError", "oops.", "InternalServiceError: oops. Fix: see that"),
    ],
)
def test_refusals(code: str, message: str, reason: str) -> None:
    text = aws.explain({"Code": code, "Message": message}, ARN, "secretsmanager:GetSecretValue")
    assert text.startswith(f"{ARN}: ")
    assert reason in text


def test_only_certificates_are_kept() -> None:
    pem, key = authority()
    assert certificates.only_certificates(f"my authority\n{key}{pem}", "x") == pem
    assert certificates.only_certificates(pem.replace("\n", "\r\n"), "x") == pem
    assert certificates.only_certificates(json.dumps(pem)[1:-1], "x") == pem, "with \\n for line ends"
    assert certificates.only_certificates(pem + pem, "x") == pem + pem


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "There is no certificate in it"),
        pytest.param(authority()[1], "There is no certificate in it", id="a key alone"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "The certificate is damaged"),
    ],
)
def test_no_certificates(text: str, reason: str) -> None:
    with pytest.raises(SssdError, match=reason):
        certificates.only_certificates(text, "x")


def test_files_of_the_node(tmp_path: Path) -> None:
    place = tmp_path / "ca.pem"
    with pytest.raises(SssdError, match="No such file"):
        certificates.read(str(place), None, None)
    place.write_text("text")
    assert certificates.read(str(place), None, None) == "text"
    for source in ("ca.pem", "", "https://x/ca.pem", "arn:aws:iam::1:server-certificate/x"):
        with pytest.raises(SssdError, match="no certificate and no place of one"):
            certificates.read(source, None, None)
    with pytest.raises(SourceError, match="names no object"):
        certificates.read("s3://bucket", None, None)


def test_the_end_of_an_authority() -> None:
    assert judge_end(certificates.ends(authority(100)[0]), NOW, "x") == ("2027-03-08T00:00:00Z", None)
    end, soon = judge_end(certificates.ends(authority(10)[0]), NOW, "x")
    assert end == "2026-12-08T00:00:00Z"
    assert soon is not None
    assert "ends in 10 days" in soon
    with pytest.raises(SssdError, match="has ended on 2026-11-27"):
        judge_end(certificates.ends(authority(-1)[0]), NOW, "x")
    assert judge_end(None, NOW, "x") == (None, None)
