# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster whose users live in a directory: real Active Directory, TLS, sssd, and ssh, and a change of password."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import leaks
from tests.support.cloud import Cloud
from tests.support.cloud import wait_for
from tests.support.processes import kill

HERE = Path(__file__).parent / "directory"
CLUSTER, DOMAIN = "people", "corp.example.com"
BIND, ADMIN, AUTHORITY, BOBS = (f"{CLUSTER}/directory/{name}" for name in ("bind", "admin", "ca", "users/bob"))
ACCOUNTS = {"readonly", "readonly2"}
OF_SSSD = {"/etc/sssd/sssd.conf", "/var/lib/sss/db/config.ldb"}


class People:
    """The users, their keys, and the ways they come to a node."""

    def __init__(self, cloud: Cloud, folder: Path, log: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self.log = log
        self.command_lines = leaks.CommandLines()
        # every secret that there ever was
        self.secrets: set[str] = set()
        self.key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)

    @property
    def variables(self) -> dict[str, Any]:
        """What the playbooks are told besides the inventory."""
        key = self.key.with_suffix(".pub").read_text().strip()
        return {
            "hyperpod_description_file": str(HERE / "cluster.yml"),
            "hyperpod_secret_recovery_days": 0,
            "hyperpod_directory": {
                "domain": DOMAIN,
                "availability_zones": ["us-west-2a", "us-west-2b"],
                "users": [
                    {"name": "alice", "ssh_keys": [key]},
                    {"name": "bob", "password_secret": BOBS},
                    {"name": "carol", "ssh_keys": [key], "enabled": False},
                    {"name": "dave", "ssh_keys": [key]},
                ],
                "groups": [
                    {"name": "ClusterAdmin", "members": ["alice"]},
                    {"name": "ClusterDev", "members": ["bob", "carol", "dave"]},
                ],
            },
        }

    def play(self, name: str, *more: str) -> str:
        """Run a playbook, and look at all command lines meanwhile."""
        with self.command_lines.watching():
            return self.cloud.playbook(name, "--diff", "-vv", "-e", json.dumps(self.variables), *more, log=self.log)

    def secret(self, name: str, stage: str = "AWSCURRENT") -> dict[str, str]:
        """The value of a secret; remembered for the search for leaks."""
        answer = self.cloud.aws("secretsmanager", "get-secret-value", "--secret-id", name, "--version-stage", stage)
        text = answer["SecretString"]
        try:
            value = dict(json.loads(text))
        except ValueError:
            value = {"password": text}
        self.secrets |= {value[key] for key in ("password",) if key in value}
        if "private_key" in value:
            # a line of it, as grep looks for lines
            self.secrets.add(value["private_key"].splitlines()[2])
        return value

    def address(self, instance: str) -> str:
        """Address of a node."""
        host = self.cloud.shell(instance, "hostname").strip()
        return host.removeprefix("ip-").replace("-", ".")

    def ssh(self, user: str, instance: str, command: str, *, password: str = "") -> subprocess.CompletedProcess[str]:
        """A real login, by key, or by password if there is one."""
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=10"]
        environment = {**os.environ, "LC_ALL": "C"}
        if password:
            asked = self.folder / "askpass"
            asked.write_text(f'#!/bin/sh\ncat "{self.folder}/password"\n')
            asked.chmod(0o700)
            (self.folder / "password").touch(0o600)
            (self.folder / "password").write_text(password + "\n")
            environment |= {"SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
            options += ["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"]
        else:
            options += ["-i", str(self.key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]
        return subprocess.run(
            ["ssh", "-F", "none", *options, f"{user}@{self.address(instance)}", command],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )


def logged_in(done: subprocess.CompletedProcess[str]) -> str:
    """Output of a login that has succeeded."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def people(cloud: Cloud, log: Path, tmp_path_factory: pytest.TempPathFactory) -> People:
    """The cluster, its directory and its users."""
    people = People(cloud, tmp_path_factory.mktemp("people"), log)
    people.play("cluster")
    people.secret(BIND)
    people.secret(ADMIN)
    people.secret(AUTHORITY)
    people.secret(BOBS)
    return people


@pytest.fixture(scope="module")
def head(people: People) -> str:
    """The controller node."""
    return people.cloud.in_group(CLUSTER, "head")[0]


@pytest.fixture(scope="module")
def workers(people: People) -> list[str]:
    """The compute nodes."""
    return people.cloud.in_group(CLUSTER, "work")


def test_every_node_knows_the_users_by_the_same_numbers(people: People, head: str, workers: list[str]) -> None:
    told = [people.cloud.shell(node, "id alice; id bob") for node in (head, *workers)]
    assert len(set(told)) == 1, told
    assert re.search(r"uid=\d{6,}\(alice\).*\(ClusterAdmin\)", told[0])
    assert re.search(r"uid=\d{6,}\(bob\).*\(ClusterDev\)", told[0])


def test_an_administrator_logs_in_by_key_and_has_sudo_and_a_shared_home(
    people: People, head: str, workers: list[str]
) -> None:
    assert logged_in(people.ssh("alice", head, "touch mine; pwd; sudo -n id -un")).split() == [
        "/fsx/home/alice",
        "root",
    ]
    assert logged_in(people.ssh("alice", workers[0], "stat -c '%n %U' mine")).split() == ["mine", "alice"]


def test_a_developer_logs_in_by_password_and_has_no_sudo(people: People, head: str, workers: list[str]) -> None:
    password = people.secret(BOBS)["password"]
    assert logged_in(people.ssh("bob", workers[0], "pwd", password=password)).strip() == "/fsx/home/bob"
    refused = people.ssh("bob", workers[0], "sudo -n id -un", password=password)
    assert refused.returncode != 0
    assert "root" not in refused.stdout.split()
    assert people.ssh("bob", head, "true", password=password).returncode != 0, "the controller is for administrators"
    assert people.ssh("bob", workers[0], "true", password="wrong").returncode != 0


def test_a_disabled_user_is_refused(people: People, workers: list[str]) -> None:
    assert people.ssh("carol", workers[0], "true").returncode != 0
    assert logged_in(people.ssh("dave", workers[0], "id -un")).strip() == "dave"


def test_a_user_of_the_directory_runs_a_job_on_two_nodes(people: People, head: str, workers: list[str]) -> None:
    done = logged_in(people.ssh("alice", head, "bash -lc 'cd; srun --immediate=60 -N2 sh -c \"hostname; id -u\"'"))
    hosts = {people.cloud.shell(node, "hostname").strip() for node in workers}
    uid = people.cloud.shell(head, "id -u alice").strip()
    assert sorted(done.split()) == sorted([*hosts, uid, uid])


def test_the_certificate_is_renewed_in_its_place(people: People, workers: list[str]) -> None:
    """A second run changes nothing but the certificate, whose ARN stays; nodes trust the new one."""
    before = people.cloud.aws("acm", "list-certificates")["CertificateSummaryList"]
    names = {"certificate": {"names": [f"directory.{DOMAIN}"]}}
    wider = {**people.variables["hyperpod_directory"], **names}
    output = people.play("directory", "-e", json.dumps({"hyperpod_directory": wider}))
    assert re.search(r"changed=1 ", output), output[-3000:]
    after = people.cloud.aws("acm", "list-certificates")["CertificateSummaryList"]
    assert [each["CertificateArn"] for each in after] == [each["CertificateArn"] for each in before]
    people.cloud.shell(workers[1], "systemctl restart sssd && sss_cache -E && id dave")


class Logins:
    """People who log in all the time."""

    def __init__(self, people: People, node: str) -> None:
        self.people = people
        self.node = node
        self.done = 0
        self.failed: list[str] = []
        self.over = threading.Event()

    def go_on(self) -> None:
        """Log in until it is over."""
        while not self.over.is_set():
            done = self.people.ssh("dave", self.node, "id -un")
            self.done += 1
            if done.returncode != 0:
                self.failed.append(f"{time.strftime('%X')} {done.stderr}")
            time.sleep(0.5)


def rotation_killed(people: People) -> None:
    """Begin to change the password, and be killed between one node and the next."""
    begin = people.log.stat().st_size
    more = ("--diff", "-vv", "-e", json.dumps(people.variables), "-e", '{"hyperpod_rotate_serial": 1}')
    process = people.cloud.start_playbook("rotate_ldap_secret", *more, log=people.log)

    def second_node() -> bool:
        # once for the proof, and once for each node
        return people.log.read_bytes()[begin:].count(b"TASK [Converge the directory's part of the node]") > 2

    try:
        with people.command_lines.watching():
            wait_for("the second node", second_node, 300, pause=0.2)
    finally:
        kill(process)


def test_the_password_is_changed_while_people_log_in(people: People, head: str, workers: list[str]) -> None:
    """Killed between one node and the next, it goes on with the password that it has made; nobody is locked out."""
    before = people.secret(BIND)
    logins = Logins(people, workers[1])
    thread = threading.Thread(target=logins.go_on)
    thread.start()
    try:
        rotation_killed(people)
        after = people.secret(BIND)
        people.play("rotate_ldap_secret")
    finally:
        logins.over.set()
        thread.join()
    assert people.secret(BIND) == after
    assert {before["username"].lower(), after["username"].lower()} == ACCOUNTS
    assert before["password"] != after["password"]
    assert logins.failed == []
    assert logins.done > 3
    for node in (head, *workers):
        conf = people.cloud.shell(node, "cat /etc/sssd/sssd.conf")
        assert f"ldap_default_bind_dn = {after['bind_dn']}" in conf
        # asked anew, not remembered
        people.cloud.shell(node, "sss_cache -E; systemctl restart sssd; id dave")
    labels = people.cloud.aws("secretsmanager", "describe-secret", "--secret-id", BIND)["VersionIdsToStages"]
    assert sorted(stages for stages in labels.values() if stages) == [["AWSCURRENT"], ["AWSPREVIOUS"]]


def test_the_old_password_is_of_no_use(people: People, workers: list[str]) -> None:
    old = people.secret(BIND, "AWSPREVIOUS")
    search = f"ldapsearch -x -LLL -H ldaps://ldaps.{DOMAIN} -D '{old['bind_dn']}' -y /dev/stdin -s base dn"
    command = f"LDAPTLS_CACERT=/etc/ldap/ldaps.crt {search}"
    done = subprocess.run(
        ["podman", "exec", "-i", people.cloud.container_of(workers[0]), "bash", "-c", command],
        input=old["password"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert "Invalid credentials (49)" in done.stderr, done


def test_who_may_come_and_how(people: People) -> None:
    file = people.folder / "ssh_config"
    people.play("access", "-e", json.dumps({"hyperpod_ssh_config_file": str(file)}))
    read = subprocess.run(
        ["ssh", "-G", "-F", str(file), re.findall(r"^Host (\S+)", file.read_text(), re.MULTILINE)[0]],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "hostname sagemaker-cluster:" in read
    iam = people.cloud.aws("iam", "list-policies", "--scope", "Local")["Policies"]
    (policy,) = [each for each in iam if each["PolicyName"] == f"{CLUSTER}-ssh"]
    cluster = people.cloud.aws("sagemaker", "describe-cluster", "--cluster-name", CLUSTER)["ClusterArn"]
    people.cloud.aws("iam", "create-user", "--user-name", "alice")
    people.cloud.aws("iam", "attach-user-policy", "--user-name", "alice", "--policy-arn", policy["Arn"])
    asked = {
        cluster: "allowed",
        "arn:aws:ssm:us-west-2::document/AWS-StartSSHSession": "allowed",
        "arn:aws:ssm:us-west-2:123456789012:document/SSM-SessionManagerRunShell": "explicitDeny",
        re.sub(r"cluster/.*", "cluster/zzzzzzzzzzzz", cluster): "explicitDeny",
    }
    told = people.cloud.aws(
        *("iam", "simulate-principal-policy", "--policy-source-arn", "arn:aws:iam::123456789012:user/alice"),
        *("--action-names", "ssm:StartSession", "--resource-arns", *asked),
    )
    found = {each["EvalResourceName"]: each["EvalDecision"] for each in told["EvaluationResults"]}
    assert found == asked
    people.cloud.aws("iam", "detach-user-policy", "--user-name", "alice", "--policy-arn", policy["Arn"])
    people.cloud.aws("iam", "delete-user", "--user-name", "alice")


def test_no_secret_is_where_it_does_not_belong(people: People, head: str, workers: list[str]) -> None:
    """After all that: outputs, logs, log streams, the bundle, command lines, facts, and files of all nodes."""
    secrets = sorted(people.secrets)
    assert len(secrets) == 5, "admin, CA, bob, and the two that nodes bind with"
    for node in (head, *workers):
        conf = people.cloud.shell(node, "cat /etc/sssd/sssd.conf")
        (token,) = re.findall(r"^ldap_default_authtok = (\S+)", conf, re.MULTILINE)
        container = people.cloud.container_of(node)
        assert leaks.files_on_node(container, secrets) == []
        # obfuscated only, in its own file and in sssd's copy of that
        found = set(leaks.files_on_node(container, [token]))
        assert "/etc/sssd/sssd.conf" in found, "the search itself finds"
        assert found <= OF_SSSD
        assert set(people.cloud.shell(node, f"stat -c '%a %U' {' '.join(OF_SSSD)}").splitlines()) == {"600 root"}
    assert people.command_lines.rounds > 100
    assert people.command_lines.with_any(secrets) == []
    assert not leaks.in_text(people.log.read_bytes(), secrets)
    assert not leaks.in_text(people.cloud.cli("logs").stdout, secrets)
    for group in people.cloud.aws("logs", "describe-log-groups")["logGroups"]:
        events = people.cloud.aws("logs", "filter-log-events", "--log-group-name", group["logGroupName"])["events"]
        assert not leaks.in_text("\n".join(event["message"] for event in events), secrets)
    bucket = "sagemaker-podforge-people-123456789012"
    for item in people.cloud.aws("s3api", "list-objects-v2", "--bucket", bucket)["Contents"]:
        copy = people.folder / "object"
        people.cloud.aws("s3api", "get-object", "--bucket", bucket, "--key", item["Key"], str(copy))
        assert not leaks.in_text(copy.read_bytes(), secrets), item["Key"]
        if item["Key"].endswith(".tar"):
            assert leaks.in_bundle(copy.read_bytes(), secrets) == []
    assert leaks.files_below(Path.home() / ".ansible", secrets) == []


def test_teardown_removes_the_directory_too(people: People) -> None:
    people.play("teardown")
    aws = people.cloud.aws
    assert aws("ds", "describe-directories")["DirectoryDescriptions"] == []
    assert aws("elbv2", "describe-load-balancers")["LoadBalancers"] == []
    assert aws("elbv2", "describe-target-groups")["TargetGroups"] == []
    assert aws("acm", "list-certificates")["CertificateSummaryList"] == []
    assert aws("route53", "list-hosted-zones")["HostedZones"] == []
    assert [secret["Name"] for secret in aws("secretsmanager", "list-secrets")["SecretList"]] == [BOBS]
    assert aws("ec2", "describe-vpcs", "--filters", "Name=is-default,Values=false")["Vpcs"] == []
    assert people.cloud.containers() == []
