# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory, AWS's Secrets Manager, and two nodes that the role has configured: all that logins need."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shlex
import subprocess
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import yaml
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.bundle import build_bundle
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import cache_folder
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import collect_wheels
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import lock_for
from moto.server import ThreadedMotoServer

from local_cloud.ami.build import ensure_image
from local_cloud.ami.recipe import PYTHON_VERSION
from local_cloud.providers.podman_command import LABEL
from local_cloud.providers.podman_command import Podman
from local_cloud.providers.podman_runtime import detect
from tests.support.cloud import PREFIX
from tests.support.cloud import ROOT
from tests.support.directory import DirectoryLab
from tests.support.ports import free_port

# names of these tests' own: they share the directory with others
ADMINISTRATOR, DEVELOPER, THIRD, READER = "ada", "dennis", "tilda", "nodereader"
GROUPS_OU = "NodeGroups"
SECRET = "Bind-Secret-Of-Nodes-42"
PASSWORD = "Rainy-Login-42-{user}"
SECRET_ID = "hyperpod/reader"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-west-2"}
# of the image of a HyperPod node: without its service these would only wait
IDLE = ("local-cloud-api.socket", "local-cloud-imds", "sagemaker-cluster-agent", "sagemaker-host-agent")


@dataclass(frozen=True)
class Node:
    """A container that is a node."""

    name: str
    kind: str
    address: str

    def run(self, script: str, *, check: bool = True, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """A shell script as root."""
        done = subprocess.run(
            ["podman", "exec", "--interactive", self.name, "bash", "-s"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        assert done.returncode == 0 or not check, f"{self.name}: {script}: {done.stdout}{done.stderr}"
        return done

    def output(self, script: str) -> str:
        """What the script prints."""
        return self.run(script).stdout.strip()

    def forget(self) -> None:
        """As after a boot: sssd knows nobody yet, and no connection."""
        self.run("systemctl stop sssd; rm -f /var/lib/sss/db/*.ldb /var/lib/sss/mc/*; systemctl start sssd")

    def ids(self, user: str) -> str | None:
        """What ``id`` says; None: nobody of that name is known."""
        done = self.run(f"id {user}", check=False)
        return done.stdout.strip() if done.returncode == 0 else None


class World:
    """All of it."""

    def __init__(self, folder: Path, lab: DirectoryLab, aws: str) -> None:
        self.folder = folder
        self.lab = lab
        self.aws = aws
        self.said = ""
        self.nodes = [
            Node(f"{lab.network}-sssd-{kind}", kind, neighbor(lab, number))
            for kind, number in (("login", 31), ("compute", 32))
        ]
        self.login, self.compute = self.nodes

    # --- the directory -----------------------------------------------------------------------------------------------

    @property
    def groups_dn(self) -> str:
        return f"OU={GROUPS_OU},OU={self.lab.netbios},{self.lab.base_dn}"

    def ldap(self, program: str, ldif: str) -> str:
        """``ldapadd`` or ``ldapmodify`` on the controller, as Admin."""
        credentials = ("-x", "-H", "ldap://127.0.0.1", "-D", self.lab.admin_dn, "-w", self.lab.admin_password)
        return self.lab.controller.execute(program, *credentials, stdin=ldif)

    def change(self, user: str, attribute: str, *values: str) -> None:
        """Set an attribute of a user."""
        lines = [f"dn: CN={user},{self.lab.users_dn}", "changetype: modify", f"replace: {attribute}"]
        self.ldap("ldapmodify", "\n".join([*lines, *(f"{attribute}: {value}" for value in values)]) + "\n")

    def populate(self) -> None:
        """Units, groups, the account that reads, and three users with the same key."""
        lab = self.lab
        lab.samba_tool("ou", "create", self.groups_dn)
        lab.samba_tool("user", "create", READER, SECRET, f"--userou=OU=Users,OU={lab.netbios}")
        for user in (ADMINISTRATOR, DEVELOPER, THIRD):
            lab.samba_tool("user", "create", user, PASSWORD.format(user=user), f"--userou=OU=Users,OU={lab.netbios}")
            self.change(user, "altSecurityIdentities", (self.folder / "key.pub").read_text().strip())
        for group, members in (("ClusterAdmin", ADMINISTRATOR), ("ClusterDev", f"{DEVELOPER},{THIRD}")):
            lab.samba_tool("group", "add", group, f"--groupou=OU={GROUPS_OU},OU={lab.netbios}")
            lab.samba_tool("group", "addmembers", group, members)

    # --- nodes -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the nodes; /fsx is the same folder in both."""
        image = image_with_packages()
        bundle = self.bundle()
        runtime = detect()
        podman = Podman(runtime)
        (self.folder / "fsx").mkdir()
        owner = self.lab.network.removeprefix("podforge-")
        for node in self.nodes:
            podman.run(
                *("run", "--detach", f"--name={node.name}", f"--label={LABEL}={owner}"),
                *(f"--network={self.lab.network}", f"--ip={node.address}", f"--hostname={node.kind}"),
                *(f"--add-host={self.lab.name}:{self.lab.balancer_address}", f"--volume={self.folder / 'fsx'}:/fsx"),
                f"--volume={bundle}:/opt/bundle:ro",
                *(f"--env={key}={value}" for key, value in {**KEYS, "AWS_ENDPOINT_URL": self.aws}.items()),
                *runtime.run_args,
                image,
                "/sbin/init",
            )
        for node in self.nodes:
            wait_for(lambda node=node: node.run("systemctl is-active multi-user.target", check=False).returncode == 0)
            node.run(f"systemctl stop {' '.join(IDLE)}")
            # its end isn't noticed in containers with cgroup v1, and the next login would wait for that
            node.run("ln -s /dev/null /etc/systemd/system/user@.service && systemctl daemon-reload")
            for name, document in self.documents().items():
                node.run(f"cat >/opt/ml/config/{name}.json <<'END'\n{json.dumps(document)}\nEND")

    def documents(self) -> dict[str, Any]:
        """What the service writes on each node."""
        groups = [("controller-machine", neighbor(self.lab, 33)), *((n.kind, n.address) for n in self.nodes)]
        instance = {"AgentIpAddress": "172.16.0.1", "InstanceId": "i-0123456789abcdef0"}
        return {
            "resource_config": {
                "ClusterConfig": {
                    "ClusterArn": "arn:aws:sagemaker:us-west-2:123456789012:cluster/directory001",
                    "ClusterName": "directory",
                },
                "InstanceGroups": [
                    {
                        "Name": name,
                        "InstanceType": "ml.c5.xlarge",
                        "Instances": [{**instance, "InstanceName": f"{name}-1", "CustomerIpAddress": address}],
                    }
                    for name, address in groups
                ],
            },
            "provisioning_parameters": {
                "version": "1.0.0",
                "workload_manager": "slurm",
                "controller_group": "controller-machine",
                "login_group": "login",
                "worker_groups": [{"instance_group_name": "compute", "partition_name": "p1"}],
            },
        }

    def bundle(self) -> Path:
        """The lifecycle bundle of this collection, with the role's variables; its folder."""
        lock = lock_for(ROOT / "requirements", PYTHON_VERSION)
        wheels = collect_wheels(lock, PYTHON_VERSION, platform.machine(), cache_folder(None), None)
        made = build_bundle({"podforge.hyperpod": ROOT}, [wheels], self.settings(), None)
        folder = self.folder / "bundle"
        folder.mkdir()
        for name, content in made.objects.items():
            (folder / name).write_bytes(content)
        (folder / "on_create.sh").chmod(0o755)
        return folder

    def settings(self) -> dict[str, Any]:
        """The role's variables."""
        return {
            "sssd_ldaps_uri": [self.lab.url],
            "sssd_ldaps_bind_secret_id": SECRET_ID,
            "sssd_ldaps_bind_dn": f"CN={READER},{self.lab.users_dn}",
            "sssd_ldaps_search_base": self.lab.base_dn,
            "sssd_ldaps_ca_certificate": "s3://sagemaker-directory/ca.pem",
            "sssd_ldaps_ssh_auth": ["publickey", "password"],
            "sssd_ldaps_check_timeout": 60,
            # for so long a login trusts what the one before has seen; its default is 5 seconds
            "sssd_ldaps_config": {"pam": {"pam_id_timeout": 1}},
        }

    def role(self, node: Node, *arguments: str, script: str = "/opt/podforge/current/on_create.sh") -> str:
        """Run the role as nodes do, by the lifecycle script; its output, and the exit status at the end."""
        command = shlex.join([script, "--tags=sssd_ldaps", "--diff", "-vv", *arguments])
        done = node.run(f"PODFORGE_FLUSH_SECONDS=0 {command} 2>&1 </dev/null; echo $?", timeout=600)
        self.said += done.stdout
        return done.stdout.strip()

    def configure(self) -> None:
        """The first run on all nodes, at once."""
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            for output in pool.map(lambda node: self.role(node, script="/opt/bundle/on_create.sh"), self.nodes):
                assert output.endswith("\n0"), output[-4000:]

    def check(self, **more: Any) -> str:
        """The message of ldaps_check on the login node, which must fail."""
        settings = self.settings()
        options = {
            "uri": settings["sssd_ldaps_uri"],
            "ca_file": "/etc/ldap/ldaps.crt",
            "bind_dn": settings["sssd_ldaps_bind_dn"],
            "secret_id": SECRET_ID,
            "region": "us-west-2",
            "search_base": settings["sssd_ldaps_search_base"],
            "user": READER,
            "timeout": 0,
            **more,
        }
        arguments = ["--one-line", "--module-name=podforge.hyperpod.ldaps_check", f"--args={json.dumps(options)}"]
        environment = (
            "ANSIBLE_COLLECTIONS_PATH=/opt/podforge/current/collections ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3"
        )
        venv = "/opt/podforge/current/venv/bin"
        script = f"{environment} {venv}/python {venv}/ansible localhost {shlex.join(arguments)}"
        done = self.login.run(script, check=False)
        self.said += done.stdout
        assert done.returncode != 0, done.stdout
        return str(json.loads(done.stdout.partition("=> ")[2])["msg"])

    # --- people ------------------------------------------------------------------------------------------------------

    def command(
        self, user: str, node: Node, *remote: str, password: str | None = None
    ) -> tuple[list[str], dict[str, str]]:
        """The ssh command line of a user, and its environment."""
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "ConnectTimeout": "60",
            "IdentitiesOnly": "yes",
            "NumberOfPasswordPrompts": "1",
            "PreferredAuthentications": "password" if password else "publickey",
        }
        command = ["ssh", "-i", str(self.folder / "key"), *(f"-o{key}={value}" for key, value in options.items())]
        environment = {key: value for key, value in os.environ.items() if key != "SSH_AUTH_SOCK"}
        if password:
            helper = self.folder / "askpass"
            helper.write_text('#!/bin/sh\nprintf "%s\\n" "$LOGIN_PASSWORD"\n')
            helper.chmod(0o700)
            environment |= {"SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force", "LOGIN_PASSWORD": password}
        return [*command, f"{user}@{node.address}", *remote], environment

    def ssh(
        self, user: str, node: Node, remote: str, *, password: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Log in and run something, by the key or by a password."""
        command, environment = self.command(user, node, remote, password=password)
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL
        )


def neighbor(lab: DirectoryLab, number: int) -> str:
    """An address in the directory's network; the first is this machine's."""
    return f"{lab.balancer_address.rpartition('.')[0]}.{number}"


def image_with_packages() -> str:
    """The node image with the packages that the role would install: apt runs once for all runs of these tests.

    That the role installs them by itself is shown by molecule.
    """
    base = ensure_image(print)
    declared = yaml.safe_load((ROOT / "roles/sssd_ldaps/vars/packages.yml").read_text())
    packages = declared["__sssd_ldaps_packages"]["Debian"]
    install = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends"
    text = f"FROM {base}\nRUN {install} {' '.join(packages)} && rm -rf /var/lib/apt/lists/*\n"
    runtime = detect()
    limits = [argument for argument in runtime.run_args if argument.startswith("--ulimit")]
    done = subprocess.run(
        ["podman", *runtime.global_args, "build", "--quiet", *limits, f"--tag=localhost/podforge-{PREFIX}-sssd", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split("\n")[-1]


def wait_for(condition: Callable[[], Any], seconds: float = 60, pause: float = 0.2) -> float:
    """Seconds until it is true; fails when it does not become so."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < seconds, f"not within {seconds} s"
        time.sleep(pause)
    return time.monotonic() - begin


@contextlib.contextmanager
def amazon(address: str, ca_file: Path) -> Iterator[str]:
    """Secrets Manager and S3 for the nodes: URL."""
    port = free_port()
    server = ThreadedMotoServer(ip_address=address, port=port, verbose=False)
    server.start()
    url = f"http://{address}:{port}"
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-west-2"}
    clients = {name: boto3.client(name, endpoint_url=url, **keys) for name in ("secretsmanager", "s3")}
    clients["secretsmanager"].create_secret(Name=SECRET_ID, SecretString=json.dumps({"password": SECRET}))
    clients["secretsmanager"].create_secret(Name="hyperpod/wrong", SecretString="Wrong-Secret-Of-Nodes\n")
    bucket = {"LocationConstraint": "us-west-2"}
    clients["s3"].create_bucket(Bucket="sagemaker-directory", CreateBucketConfiguration=bucket)
    clients["s3"].put_object(Bucket="sagemaker-directory", Key="ca.pem", Body=ca_file.read_bytes())
    try:
        yield url
    finally:
        server.stop()


def entries(names: Iterable[str]) -> str:
    """LDIF of several entries."""
    return "\n\n".join(names) + "\n"
