# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory's playbooks where there are no machines: what is made, gone on with, refused, and removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from operator_harness import Operator

from local_cloud.directory.certificates import CertificateAuthority

DOMAIN = "corp.example.com"
NETWORK = {"vpc_cidr": "10.233.0.0/16", "availability_zones": ["us-west-2a"]}
MADE: dict[str, Any] = {
    "hyperpod_network": NETWORK,
    "hyperpod_directory": {"domain": DOMAIN, "availability_zones": ["us-west-2a", "us-west-2b"]},
    # there is no LDAP without machines
    "hyperpod_directory_objects": False,
    "hyperpod_secret_recovery_days": 0,
}


def there(operator: Operator) -> dict[str, list[str]]:
    """Names of what belongs to directories."""
    client = operator.client
    return {
        "directories": [d["Name"] for d in client("ds").describe_directories()["DirectoryDescriptions"]],
        "endpoints": [b["LoadBalancerName"] for b in client("elbv2").describe_load_balancers()["LoadBalancers"]],
        "certificates": [c["DomainName"] for c in client("acm").list_certificates()["CertificateSummaryList"]],
        "zones": [z["Name"] for z in client("route53").list_hosted_zones()["HostedZones"]],
        "secrets": sorted(s["Name"] for s in client("secretsmanager").list_secrets()["SecretList"]),
    }


def said(run: Any, *words: str) -> None:
    """A play that failed with these words."""
    assert run.status != 0, run.output
    text = " ".join(run.output.split())
    for word in words:
        assert word in text, (word, run.output)


def test_a_description_without_a_directory(operator: Operator) -> None:
    """Nothing to make, and nothing to rotate."""
    said(operator.play("directory", {"hyperpod_directory": {"mode": "absent"}}), "has no directory. Fix: add directory")


def test_check_mode_says_what_would_be_made(operator: Operator) -> None:
    """Nothing is made."""
    run = operator.play("directory", MADE, "--check")
    assert run.status == 0, run.output
    assert f"Would be made: the directory {DOMAIN}" in " ".join(run.output.split())
    assert not any(there(operator).values())


def test_made_killed_and_gone_on_with(operator: Operator) -> None:
    """Each part once, whatever happened before."""
    # somebody has this secret already
    given = operator.client("secretsmanager").create_secret(
        Name="demo/directory/admin", SecretString=json.dumps({"username": "Admin", "password": "Clouds-over-7-Hills"})
    )["ARN"]
    killed = operator.play_and_kill("directory", MADE, at="TASK [LDAPS endpoint]")
    run = operator.play("directory", MADE)
    assert run.status == 0, run.output
    cluster = "demo"
    assert there(operator) == {
        "directories": [DOMAIN],
        "endpoints": [f"ldaps-{cluster}"],
        "certificates": [f"ldaps.{DOMAIN}"],
        "zones": [f"ldaps.{DOMAIN}."],
        "secrets": [f"{cluster}/directory/{name}" for name in ("admin", "bind", "ca")],
    }
    secrets = operator.client("secretsmanager")
    values = [
        json.loads(secrets.get_secret_value(SecretId=name)["SecretString"]) for name in there(operator)["secrets"]
    ]
    kept = [value[key] for value in values for key in ("password", "private_key") if key in value]
    assert len(kept) == 3
    for secret in kept:
        lines = secret.splitlines()
        # one line of a key: in outputs its line breaks are escaped
        assert lines[len(lines) // 2] not in killed + run.output
    assert "podforge:cluster" not in str(secrets.describe_secret(SecretId=given).get("Tags"))


def test_a_certificate_of_ones_own_takes_its_place(operator: Operator, tmp_path: Path) -> None:
    """Given as files: at the same ARN, so that endpoint and nodes keep it; again nothing changes."""
    authority = CertificateAuthority()
    made = authority.issue(f"ldaps.{DOMAIN}")
    files = {"certificate_file": made.certificate, "private_key_file": made.key, "chain_file": authority.pem}
    for key, text in files.items():
        (tmp_path / key).write_text(text)
    given = {"certificate": {key: str(tmp_path / key) for key in files}}
    wish = {**MADE, "hyperpod_directory": {**MADE["hyperpod_directory"], **given}}
    client = operator.client("acm")
    (before,) = client.list_certificates()["CertificateSummaryList"]
    run, again = operator.play("directory", wish), operator.play("directory", wish)
    assert run.status == again.status == 0, run.output + again.output
    assert (run.changed, again.changed) == (1, 0)
    (after,) = client.list_certificates()["CertificateSummaryList"]
    assert after["CertificateArn"] == before["CertificateArn"]
    found = client.get_certificate(CertificateArn=after["CertificateArn"])["Certificate"]
    assert found.strip() == made.certificate.strip()
    assert "PRIVATE KEY" not in run.output + again.output


def test_another_cluster_uses_it(operator: Operator) -> None:
    """By the name of its secret and the ARN of its certificate; what is missing is told."""
    arn = operator.client("acm").list_certificates()["CertificateSummaryList"][0]["CertificateArn"]
    existing = {"mode": "existing", "domain": DOMAIN, "bind_secret": "demo/directory/bind", "certificate": {"arn": arn}}
    run = operator.play("directory", {"hyperpod_directory": existing})
    assert run.status == 0, run.output
    assert run.changed == 0
    said(
        operator.play("directory", {"hyperpod_directory": {**existing, "bind_secret": "nothing"}}), "no secret nothing"
    )


def test_the_network_keeps_its_block(operator: Operator) -> None:
    """Another one is refused before anything is made."""
    before = operator.made()
    other = {**NETWORK, "vpc_cidr": "10.234.0.0/16"}
    said(operator.play("directory", {**MADE, "hyperpod_network": other}), "10.233.0.0/16", "can't be changed. Fix: set")
    assert operator.made() == before


@pytest.mark.one_core
def test_what_was_removed_is_restored_by_the_next_run(operator: Operator) -> None:
    """Within the days of grace: nodes go on to trust the same authority."""
    secrets = operator.client("secretsmanager")
    authority = secrets.get_secret_value(SecretId="demo/directory/ca")["SecretString"]
    for playbook in ("teardown", "directory"):
        run = operator.play(playbook, {**MADE, "hyperpod_secret_recovery_days": 7})
        assert run.status == 0, run.output
    assert secrets.get_secret_value(SecretId="demo/directory/ca")["SecretString"] == authority


def test_teardown_removes_all_of_it(operator: Operator) -> None:
    """And leaves the account as it was."""
    run = operator.play("teardown", MADE)
    assert run.status == 0, run.output
    # it was there before
    assert there(operator) == {**{kind: [] for kind in there(operator)}, "secrets": ["demo/directory/admin"]}
    operator.client("secretsmanager").delete_secret(SecretId="demo/directory/admin", ForceDeleteWithoutRecovery=True)
    assert operator.made()["vpcs"] == 0
