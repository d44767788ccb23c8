# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may come to the nodes, and how: the policy as IAM judges it, and ssh's configuration as ssh reads it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest

from local_cloud.iam_policy import ALLOWED
from local_cloud.iam_policy import EXPLICIT_DENY
from local_cloud.iam_policy import IMPLICIT_DENY
from local_cloud.iam_policy import decide

TEMPLATES = Path(__file__).resolve().parents[3] / "playbooks" / "templates"
PLACE = "us-west-2:123456789012"
OURS = f"arn:aws:sagemaker:{PLACE}:cluster/abcdefghijkl"
DOCUMENTS = "arn:aws:ssm:us-west-2::document/"
CHECKED = {"ssm:sessiondocumentaccesscheck": ["true"], "aws:username": ["alice"], "aws:userid": ["AROAX:alice"]}
# Nothing asks whether they may use the default document.
UNCHECKED = {**CHECKED, "ssm:sessiondocumentaccesscheck": ["false"]}
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
NODE = {
    "inventory_hostname": "ip-10-0-0-4",
    "hyperpod_ip_address": "10.0.0.4",
    "hyperpod_ssm_target": "sagemaker-cluster:abcdefghijkl_login-i-0123456789abcdef0",
    "hyperpod_instance_id": "i-0123456789abcdef0",
    "hyperpod_region": "us-west-2",
}


def rendered(name: str, **access: Any) -> str:
    """A template of the playbooks."""
    options: dict[str, Any] = {
        "cluster_name": "demo",
        "cluster_arn": OURS,
        "partition": "aws",
        "bastion": {},
        "nodes": [NODE],
        **access,
    }
    text = (TEMPLATES / name).read_text()
    # as Ansible reads templates
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.from_string(text).render(access=options)


@pytest.fixture(name="policy", scope="module")
def _policy() -> dict[str, Any]:
    return dict(json.loads(rendered("access_policy.json.j2")))


@pytest.mark.parametrize(
    ("action", "resource", "context", "result"),
    [
        pytest.param("StartSession", OURS, CHECKED, ALLOWED, id="ssh: the cluster"),
        pytest.param("StartSession", f"{DOCUMENTS}AWS-StartSSHSession", CHECKED, ALLOWED, id="ssh: the document"),
        pytest.param(
            "StartSession",
            f"arn:aws:ssm:{PLACE}:document/SSM-SessionManagerRunShell",
            CHECKED,
            EXPLICIT_DENY,
            id="the default shell",
        ),
        pytest.param("StartSession", OURS, UNCHECKED, IMPLICIT_DENY, id="the default shell, not named"),
        pytest.param(
            "StartSession", f"{DOCUMENTS}AWS-StartNonInteractiveCommand", CHECKED, EXPLICIT_DENY, id="a command"
        ),
        pytest.param(
            "StartSession", f"{DOCUMENTS}AWS-StartPortForwardingSession", CHECKED, EXPLICIT_DENY, id="a forwarded port"
        ),
        pytest.param(
            "StartSession",
            f"arn:aws:sagemaker:{PLACE}:cluster/zzzzzzzzzzzz",
            CHECKED,
            EXPLICIT_DENY,
            id="another cluster",
        ),
        pytest.param("StartSession", f"arn:aws:ec2:{PLACE}:instance/i-1", CHECKED, EXPLICIT_DENY, id="an instance"),
        pytest.param(
            "TerminateSession", f"arn:aws:ssm:{PLACE}:session/alice-0123", CHECKED, ALLOWED, id="their session"
        ),
        pytest.param(
            "ResumeSession", f"arn:aws:ssm:{PLACE}:session/AROAX:alice-01", CHECKED, ALLOWED, id="their role's session"
        ),
        pytest.param(
            "TerminateSession",
            f"arn:aws:ssm:{PLACE}:session/bob-0123",
            CHECKED,
            IMPLICIT_DENY,
            id="a session of others",
        ),
        pytest.param(
            "SendCommand", f"{DOCUMENTS}AWS-RunShellScript", CHECKED, IMPLICIT_DENY, id="a command by SendCommand"
        ),
    ],
)
def test_what_the_policy_allows(
    policy: dict[str, Any], action: str, resource: str, context: dict[str, list[str]], result: str
) -> None:
    assert decide([policy], f"ssm:{action}", resource, context).result == result


@pytest.mark.parametrize(
    "resource",
    [f"arn:aws:ssm:{PLACE}:document/SSM-SessionManagerRunShell", f"arn:aws:sagemaker:{PLACE}:cluster/zzzzzzzzzzzz"],
)
def test_what_is_named_is_denied_whatever_else_they_may_do(policy: dict[str, Any], resource: str) -> None:
    assert decide([EVERYTHING, policy], "ssm:StartSession", resource, CHECKED).result == EXPLICIT_DENY


def test_another_partition() -> None:
    policy = json.loads(rendered("access_policy.json.j2", partition="aws-cn"))
    assert "arn:aws-cn:ssm:*:*:document/AWS-StartSSHSession" in policy["Statement"][0]["Resource"]


def ssh_reads(text: str, folder: Path, host: str) -> dict[str, str]:
    """What ssh makes of its configuration for a host."""
    file = folder / "ssh_config"
    file.write_text(text)
    done = subprocess.run(["ssh", "-G", "-F", str(file), host], check=True, capture_output=True, text=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def test_ssh_through_systems_manager(tmp_path: Path) -> None:
    read = ssh_reads(rendered("ssh_config.j2"), tmp_path, "demo-ip-10-0-0-4")
    assert read["hostname"] == NODE["hyperpod_ssm_target"]
    assert read["proxycommand"] == (
        "aws ssm start-session --region us-west-2 --target %h --document-name AWS-StartSSHSession --parameters"
        " portNumber=%p"
    )
    assert read["hostkeyalias"] == "demo-i-0123456789abcdef0"


def test_ssh_through_a_bastion_host(tmp_path: Path) -> None:
    text = rendered("ssh_config.j2", bastion={"host": "198.51.100.7", "user": "ec2-user"})
    read = ssh_reads(text, tmp_path, "demo-ip-10-0-0-4")
    assert read["hostname"] == "10.0.0.4"
    assert read["proxyjump"] == "demo-bastion"
    assert "proxycommand" not in read
    assert ssh_reads(text, tmp_path, "demo-bastion")["hostname"] == "198.51.100.7"
    assert ssh_reads(text, tmp_path, "demo-bastion")["user"] == "ec2-user"
    assert "User " not in rendered("ssh_config.j2", bastion={"host": "198.51.100.7"})


def test_a_cluster_without_nodes(tmp_path: Path) -> None:
    assert "<node>" in rendered("ssh_config.j2", nodes=[])
