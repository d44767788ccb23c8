# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role of the nodes may do with a directory: read its one secret and its one certificate."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jinja2
import pytest

from local_cloud.iam_policy import ALLOWED
from local_cloud.iam_policy import IMPLICIT_DENY
from local_cloud.iam_policy import decide

TEMPLATE = Path(__file__).resolve().parents[3] / "playbooks" / "templates" / "node_policy.json.j2"
SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:demo/directory/bind-AbCdEf"
CERTIFICATE = "arn:aws:acm:us-west-2:123456789012:certificate/1"
DIRECTORY = {"secret_arn": SECRET, "certificate_arn": CERTIFICATE}


def policy(directory: dict[str, str], parameters: dict[str, Any] | None = None, **node_vars: Any) -> dict[str, Any]:
    """The policy with what there is of a directory, and variables of the nodes."""
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.ChainableUndefined, autoescape=False)
    environment.tests["match"] = lambda text, pattern: re.match(pattern, text) is not None
    caller = {"partition": "aws", "account_id": "123456789012"}
    text = environment.from_string(TEMPLATE.read_text()).render(
        directory=directory,
        checked={"caller": caller},
        bucket_arn="arn:aws:s3:::bucket",
        described={
            "description": {"cluster_name": "demo", "node_vars": node_vars, "provisioning_parameters": parameters}
        },
    )
    return dict(json.loads(text))


@pytest.mark.parametrize(
    ("action", "resource", "result"),
    [
        ("secretsmanager:GetSecretValue", SECRET, ALLOWED),
        ("secretsmanager:GetSecretValue", SECRET.replace("bind", "admin"), IMPLICIT_DENY),
        ("secretsmanager:PutSecretValue", SECRET, IMPLICIT_DENY),
        ("acm:GetCertificate", CERTIFICATE, ALLOWED),
        ("acm:GetCertificate", CERTIFICATE.replace("/1", "/2"), IMPLICIT_DENY),
        ("acm:ExportCertificate", CERTIFICATE, IMPLICIT_DENY),
    ],
)
def test_with_a_directory(action: str, resource: str, result: str) -> None:
    assert decide([policy(DIRECTORY)], action, resource, {}).result == result


@pytest.mark.parametrize("directory", [{}, {"secret_arn": "", "certificate_arn": ""}])
def test_without_one(directory: dict[str, str]) -> None:
    sids = [statement["Sid"] for statement in policy(directory)["Statement"]]
    assert not [sid for sid in sids if "Directory" in sid]
    assert "LifecycleFiles" in sids


def test_a_ca_that_is_given_as_a_file_needs_no_right() -> None:
    sids = [statement["Sid"] for statement in policy({"secret_arn": SECRET, "certificate_arn": ""})["Statement"]]
    assert "DirectorySecret" in sids
    assert "DirectoryCertificate" not in sids


@pytest.mark.parametrize(
    ("enabled", "result"), [(True, ALLOWED), ("yes", ALLOWED), (False, IMPLICIT_DENY), ("false", IMPLICIT_DENY)]
)
def test_the_join_secret_of_kubernetes(enabled: object, result: str) -> None:
    secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret:hyperpod-k8s-abc-AbCdEf"
    found = policy({}, kubeadm_common_enabled=enabled)
    for action in ("CreateSecret", "GetSecretValue", "PutSecretValue", "RestoreSecret", "TagResource"):
        context = {"aws:requesttag/podforge:cluster": ["demo"]}
        assert decide([found], f"secretsmanager:{action}", secret, context).result == result
    assert decide([found], "secretsmanager:DeleteSecret", secret, {}).result == IMPLICIT_DENY
    assert decide([found], "secretsmanager:GetSecretValue", SECRET, {}).result == IMPLICIT_DENY


def test_the_join_secret_of_another_cluster() -> None:
    secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret:hyperpod-k8s-abc-AbCdEf"
    found = policy({}, kubeadm_common_enabled=True)
    for cluster, result in (("demo", ALLOWED), ("other", IMPLICIT_DENY)):
        for action in ("GetSecretValue", "PutSecretValue", "RestoreSecret", "TagResource"):
            context = {"aws:resourcetag/podforge:cluster": [cluster], "aws:requesttag/podforge:cluster": ["demo"]}
            assert decide([found], f"secretsmanager:{action}", secret, context).result == result
        context = {"aws:requesttag/podforge:cluster": [cluster]}
        assert decide([found], "secretsmanager:CreateSecret", secret, context).result == result


def test_a_join_secret_with_a_name_of_its_own() -> None:
    secret = "arn:aws:secretsmanager:us-west-2:123456789012:secret:demo/join-AbCdEf"
    found = policy({}, kubeadm_common_enabled=True, kubeadm_master_join_secret="demo/join")
    assert decide([found], "secretsmanager:GetSecretValue", secret, {}).result == ALLOWED
    # as IAM has it while there is no such secret
    assert decide([found], "secretsmanager:GetSecretValue", secret[:-7], {}).result == ALLOWED
    other = secret.replace("demo/join", "hyperpod-k8s-abc")
    assert decide([found], "secretsmanager:GetSecretValue", other, {}).result == IMPLICIT_DENY


@pytest.mark.parametrize(
    ("destination", "prefix"),
    [("s3://books/slurm/a", "slurm/a/"), ("s3://books/slurm/a/", "slurm/a/"), ("s3://books", "")],
)
def test_backups_in_s3(destination: str, prefix: str) -> None:
    found = policy({}, slurm_backup_destination=destination)
    ours = f"arn:aws:s3:::books/{prefix}slurm-demo-20261201T020304Z.tar"
    for action in ("GetObject", "PutObject", "DeleteObject"):
        assert decide([found], f"s3:{action}", ours, {}).result == ALLOWED
        for other in (
            f"arn:aws:s3:::books/{prefix}other",
            ours.replace("books", "bucket") if action != "GetObject" else "",
        ):
            assert decide([found], f"s3:{action}", other, {}).result == IMPLICIT_DENY, (action, other)
    bucket = "arn:aws:s3:::books"
    assert decide([found], "s3:ListBucket", bucket, {"s3:prefix": [prefix]}).result == ALLOWED
    assert decide([found], "s3:ListBucket", bucket, {"s3:prefix": ["elsewhere/"]}).result == IMPLICIT_DENY


def test_backups_that_are_never_removed_or_are_elsewhere() -> None:
    kept = policy({}, slurm_backup_destination="s3://books/x", slurm_backup_keep=0)
    ours = "arn:aws:s3:::books/x/slurm-demo-20261201T020304Z.tar"
    assert decide([kept], "s3:PutObject", ours, {}).result == ALLOWED
    assert decide([kept], "s3:DeleteObject", ours, {}).result == IMPLICIT_DENY
    for destination in ("/fsx/slurm-backup", "", None):
        sids = [statement["Sid"] for statement in policy({}, slurm_backup_destination=destination)["Statement"]]
        assert not [sid for sid in sids if "Backup" in sid]


def test_backups_of_kubernetes() -> None:
    given = {"kubeadm_master_backup_destination": "s3://books/k8s", "slurm_backup_destination": "s3://books/slurm"}
    found = policy({}, kubeadm_common_enabled=True, **given)
    ours = "arn:aws:s3:::books/k8s/kubernetes-demo-0123456789ab-20261201T020304Z.tar"
    for action in ("GetObject", "PutObject", "DeleteObject"):
        assert decide([found], f"s3:{action}", ours, {}).result == ALLOWED
        assert decide([found], f"s3:{action}", ours.replace("kubernetes-", "other-"), {}).result == IMPLICIT_DENY
    for prefix in ("k8s/", "slurm/"):
        assert decide([found], "s3:ListBucket", "arn:aws:s3:::books", {"s3:prefix": [prefix]}).result == ALLOWED
    kept = policy({}, kubeadm_common_enabled=True, kubeadm_master_backup_keep=0, **given)
    assert decide([kept], "s3:DeleteObject", ours, {}).result == IMPLICIT_DENY
    without = policy({}, **given)
    assert decide([without], "s3:GetObject", ours, {}).result == IMPLICIT_DENY


def test_the_secret_of_the_database_of_several_controllers() -> None:
    parameters = {"slurm_configurations": {"slurm_database_secret_arn": SECRET}}
    assert decide([policy({}, parameters)], "secretsmanager:GetSecretValue", SECRET, {}).result == ALLOWED
    assert decide([policy({}, {})], "secretsmanager:GetSecretValue", SECRET, {}).result == IMPLICIT_DENY
