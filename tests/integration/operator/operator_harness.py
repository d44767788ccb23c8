# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as an operator runs them, against a local cloud of their own (instances are records).

They run from a copy of the collection: the lifecycle bundle is named by its content, and an edit of the working tree in
the middle of a test would make another bundle.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import boto3

from tests.support.processes import kill

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
FIXTURES = ROOT / "tests" / "fixtures"
NAME = "operator"
REGION = "us-west-2"
_COPIED = ("plugins", "roles", "playbooks", "meta", "inventory", "requirements", "local_cloud")
_KEYS = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "local-cloud-test-secret"}
_RECAP = re.compile(r"localhost +: ok=(\d+) +changed=(\d+) +unreachable=\d+ +failed=(\d+)")


@dataclass(frozen=True)
class Run:
    """A playbook that has ended."""

    status: int
    output: str

    @property
    def changed(self) -> int:
        """Number of tasks that changed something."""
        match = _RECAP.search(self.output)
        assert match, self.output
        return int(match.group(2))

    @property
    def deprecations(self) -> list[str]:
        """What ansible-core warns of that is not of amazon.aws."""
        found = re.findall(r"DEPRECATION WARNING\]: (.*)", self.output)
        return [text for text in found if "'amazon.aws'" not in text]

    @property
    def findings(self) -> list[str]:
        """The numbered findings of the error that ended it."""
        error = self.output.split("[ERROR]", 1)[-1].split("Origin:", 1)[0]
        return re.findall(r"^ +\d+\. (.*(?:\n {6,}\S.*)*)", error, flags=re.MULTILINE)


@dataclass
class Operator:
    """Someone with a copy of the collection and a cloud."""

    home: Path
    port: int
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def tree(self) -> Path:
        """The copy of the collection."""
        return self.home / "ansible_collections" / "podforge" / "hyperpod"

    @property
    def environment(self) -> dict[str, str]:
        """A clean environment: nothing of the machine's own AWS configuration."""
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "ANSIBLE_", "PODFORGE_"))
        }
        return {
            **kept,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "ANSIBLE_HOME": str(self.home / "ansible"),
            "ANSIBLE_CONFIG": str(self.tree / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.home),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_DEPRECATION_WARNINGS": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PODFORGE_STATE": str(self.home / "state"),
            "PODFORGE_CACHE": str(_cache()),
            "PODFORGE_CLOUD": NAME,
            "PODFORGE_PORT": str(self.port),
        }

    def prepare(self) -> None:
        """Copy the collection, and say what the local cloud is to be."""
        self.tree.mkdir(parents=True)
        for name in _COPIED:
            shutil.copytree(ROOT / name, self.tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("ansible.cfg", "galaxy.yml", "COPYING"):
            shutil.copy2(ROOT / name, self.tree / name)
        settings = self.tree / "inventory" / "local" / "group_vars" / "all" / "of_this_test.yml"
        settings.write_text(
            "hyperpod_local_cloud_arguments: [--provider, records, --speed, '600']\nhyperpod_verify_slurm: false\n"
        )

    def cloud(self, *arguments: str) -> str:
        """A command of local_cloud."""
        done = subprocess.run(
            [sys.executable, "-m", "local_cloud", *arguments, "--name", NAME],
            cwd=self.tree,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    def start(self, playbook: str, variables: dict[str, Any] | None = None, *more: str) -> subprocess.Popen[str]:
        """Start a playbook in a process group of its own."""
        command = [str(BIN / "ansible-playbook"), "-i", "inventory/local", f"playbooks/{playbook}.yml"]
        process = subprocess.Popen(
            [*command, "-e", json.dumps(variables or {}), *more],
            cwd=self.tree,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def play(self, playbook: str, variables: dict[str, Any] | None = None, *more: str) -> Run:
        """Run a playbook to its end."""
        process = self.start(playbook, variables, *more)
        output, _none = process.communicate(timeout=900)
        return Run(process.returncode, output)

    def play_and_kill(self, playbook: str, variables: dict[str, Any], at: str) -> str:
        """Run a playbook and kill it, with all that it started, when its output has come to ``at``."""
        process = self.start(playbook, variables)
        output = ""
        assert process.stdout is not None
        for line in process.stdout:
            output += line
            if at in line:
                break
        # in the middle of the task, not at its beginning
        time.sleep(1)
        kill(process)
        assert at in output, output
        return output

    def inventory(self) -> dict[str, Any]:
        """What ansible-inventory lists."""
        done = subprocess.run(
            [str(BIN / "ansible-inventory"), "-i", "inventory/local", "--list"],
            cwd=self.tree,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        # ansible-inventory marks what comes from outside: {"__ansible_unsafe": "text"}
        result: dict[str, Any] = json.loads(done.stdout, object_hook=lambda item: item.get("__ansible_unsafe", item))
        return result

    def client(self, service: str) -> Any:
        """A plain client of the cloud."""
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{self.port}", region_name=REGION, **_KEYS)

    def made(self) -> dict[str, int]:
        """How many things of each kind the account has, besides what every account has."""
        ec2, vpcs = self.client("ec2"), []
        for vpc in ec2.describe_vpcs()["Vpcs"]:
            if not vpc["IsDefault"]:
                vpcs.append(vpc["VpcId"])
        inside = [{"Name": "vpc-id", "Values": vpcs or ["none"]}]
        alive = {"pending", "available"}
        return {
            "clusters": len(self.client("sagemaker").list_clusters()["ClusterSummaries"]),
            "buckets": len(self.client("s3").list_buckets()["Buckets"]),
            "roles": len(self.client("iam").list_roles()["Roles"]),
            "vpcs": len(vpcs),
            "subnets": len(ec2.describe_subnets(Filters=inside)["Subnets"]),
            "security groups": len(
                [
                    g
                    for g in ec2.describe_security_groups(Filters=inside)["SecurityGroups"]
                    if g["GroupName"] != "default"
                ]
            ),
            "nat gateways": len([g for g in ec2.describe_nat_gateways()["NatGateways"] if g["State"] in alive]),
            "internet gateways": len(ec2.describe_internet_gateways()["InternetGateways"]),
            "endpoints": len([e for e in ec2.describe_vpc_endpoints()["VpcEndpoints"] if e["State"] in alive]),
            "addresses": len(ec2.describe_addresses()["Addresses"]),
        }

    def close(self) -> None:
        """End what was started, and remove the cloud."""
        for process in self.processes:
            kill(process)
        self.cloud("down", "--purge")


def _cache() -> Path:
    """Where wheels are kept, as everywhere else: they need not be downloaded for these tests alone."""
    own = os.environ.get("PODFORGE_CACHE")
    xdg = os.environ.get("XDG_CACHE_HOME")
    return Path(own) if own else (Path(xdg) if xdg else Path.home() / ".cache") / "podforge-hyperpod"


def pair(folder: Path, edit: Any = None) -> dict[str, Any]:
    """Variables that name the published pair, edited in a copy if ``edit`` (of both files' data) is given."""
    source = FIXTURES / "aws-docs-slurm"
    files = {}
    if edit is None:
        folder = source
    else:
        data = {name: json.loads((source / name).read_text()) for name in (CONFIG, FORM)}
        edit(data[CONFIG], data[FORM])
        for name, content in data.items():
            (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    files["hyperpod_cluster_config_file"] = str(folder / CONFIG)
    files["hyperpod_provisioning_parameters_file"] = str(folder / FORM)
    return files


CONFIG = "cluster-config.json"
FORM = "provisioning_parameters.json"
