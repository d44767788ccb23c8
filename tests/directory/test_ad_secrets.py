# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated passwords in Secrets Manager, with the rights that ad_user's documentation names; all modules in a play."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ad_harness import KEYS
from ad_harness import PASSWORD
from ad_harness import Domain
from ad_harness import only

from tests.integration.modules.modules_harness import REGION
from tests.integration.modules.modules_harness import ROOT
from tests.integration.modules.modules_harness import Cloud
from tests.integration.modules.modules_harness import Keys
from tests.support.ports import free_port
from tools import permissions

SECRET = "hyperpod/corp.example.com/{}"


@pytest.fixture(name="cloud", scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    port = free_port()
    cloud = Cloud(f"http://127.0.0.1:{port}", port, tmp_path_factory.mktemp("cloud"), speed=1)
    cloud.start()
    try:
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture(name="keys", scope="module")
def _keys(cloud: Cloud) -> Keys:
    return cloud.user("limited", permissions.policy(["ad_user"]))


@pytest.fixture(name="path", scope="module")
def _path(domain: Domain) -> str:
    return domain.unit()


class Vault:
    """ad_user with generated passwords, and the secrets there are."""

    def __init__(self, domain: Domain, cloud: Cloud, keys: Keys, path: str) -> None:
        self.domain = domain
        self.cloud = cloud
        self._aws = {
            "region": REGION,
            "endpoint_url": cloud.url,
            "access_key": keys.key,
            "secret_key": keys.secret,
        }
        self._path = path
        self._client = cloud.client("secretsmanager")

    def run(self, *names: str, **more: Any) -> dict[str, Any]:
        """ad_user for users of these names; ``more``: options of the module."""
        users = [{"name": name, "generate_password": True} for name in names]
        template = "hyperpod/{domain}/{name}"
        result = self.domain.users(*users, path=self._path, password_secret=template, **self._aws, **more)
        for name in names:
            value = self.value(name)
            assert value is None or value not in json.dumps(result)
        return result

    def value(self, name: str) -> str | None:
        """The current value of a user's secret."""
        try:
            return str(self._client.get_secret_value(SecretId=SECRET.format(name))["SecretString"])
        except self._client.exceptions.ResourceNotFoundException:
            return None

    def put(self, name: str, value: str) -> None:
        """Make a secret."""
        self._client.create_secret(Name=SECRET.format(name), SecretString=value)

    def accepted(self, name: str) -> bool:
        """Whether the secret is the password."""
        return self.domain.accepts(name, self.value(name) or "none")


@pytest.fixture(name="vault")
def _vault(domain: Domain, cloud: Cloud, keys: Keys, path: str) -> Vault:
    cloud.allow("limited", permissions.policy(["ad_user"]))
    return Vault(domain, cloud, keys, path)


def test_the_password_is_in_the_secret(vault: Vault) -> None:
    assert vault.run("kim", check=True)["changed"]
    assert vault.value("kim") is None
    made = vault.run("kim", diff=True)
    assert only(made, "users")["secret_arn"].startswith("arn:aws:secretsmanager:us-west-2:")
    assert len(vault.value("kim") or "") == 32
    assert vault.accepted("kim")
    first = vault.value("kim")
    assert not vault.run("kim")["changed"]
    assert vault.value("kim") == first

    always = vault.run("kim", update_password="always", diff=True)
    assert only(always, "users")["changes"] == ["password"]
    assert vault.value("kim") != first
    assert vault.accepted("kim")


def test_an_interrupted_run_goes_on(vault: Vault) -> None:
    """The secret was written, and the user was not made."""
    vault.put("lee", f"{PASSWORD}-kept")
    vault.domain.secrets.append(f"{PASSWORD}-kept")
    assert vault.run("lee")["changed"]
    assert vault.value("lee") == f"{PASSWORD}-kept"
    assert vault.accepted("lee")


def test_a_refused_password_leaves_the_secret_as_it_was(vault: Vault) -> None:
    """The new version becomes the current one when the directory has it, and not before."""
    vault.run("max")
    first = vault.value("max")
    refused = vault.domain.users(
        {"name": "max", "generate_password": True, "update_password": "always"},
        direct=False,
        password_secret="hyperpod/{domain}/{name}",
        **vault._aws,
    )
    assert "encrypted connections only" in refused["msg"]
    assert vault.value("max") == first
    assert vault.accepted("max")


STEPS = {
    "secretsmanager:GetSecretValue": {},
    "secretsmanager:CreateSecret": {},
    "secretsmanager:PutSecretValue": {"update_password": "always"},
    "secretsmanager:UpdateSecretVersionStage": {"update_password": "always"},
}


def test_every_documented_action_has_a_step() -> None:
    # AWS Directory Service is asked in test_local_cloud.py, in a cloud that lets everybody do all
    assert {*STEPS, "ds:ResetUserPassword"} == permissions.actions_of("ad_user")


@pytest.mark.parametrize("action", STEPS)
def test_without_it_an_error_names_it(vault: Vault, action: str) -> None:
    name = action.partition(":")[2][:20].lower()
    if STEPS[action]:
        vault.run(name)
    vault.cloud.allow("limited", permissions.policy(["ad_user"], without=frozenset({action})))
    refused = vault.run(name, **STEPS[action])
    assert refused["failed"]
    assert action in refused["msg"]
    vault.cloud.allow("limited", permissions.policy(["ad_user"]))
    assert not vault.run(name, **STEPS[action])["failed"]
    assert vault.accepted(name)


def test_all_modules_in_a_play(domain: Domain, path: str, cloud: Cloud, keys: Keys, tmp_path: Path) -> None:
    unit = f"OU=Play,{path}"
    mine = "podforge.hyperpod."
    tasks: list[dict[str, Any]] = [
        {f"{mine}ad_ou": {"ous": [{"path": unit}]}},
        {
            f"{mine}ad_user": {
                "path": unit,
                "region": REGION,
                "password_secret": "play/{name}",
                "users": [
                    {"name": "nina", "password": PASSWORD, "ssh_keys": [KEYS[0]]},
                    {"name": "omar", "generate_password": True},
                ],
            }
        },
        {f"{mine}ad_group": {"path": unit, "groups": [{"name": "Players", "members": ["nina", "omar"]}]}},
        {f"{mine}ad_info": {"gather": ["groups"], "names": ["Players"], "memberships": True}, "register": "seen"},
        {"ansible.builtin.assert": {"that": "seen.groups[0].members | length == 2"}},
    ]
    reach = {**domain.directly(), "bind_password": "{{ lookup('ansible.builtin.env', 'ADMIN_PASSWORD') }}"}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {"group/podforge.hyperpod.active_directory": reach},
        "tasks": tasks,
    }
    playbook = tmp_path / "play.json"
    playbook.write_text(json.dumps([play]))
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "ADMIN_PASSWORD": domain.lab.admin_password,
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_ACCESS_KEY_ID": keys.key,
        "AWS_SECRET_ACCESS_KEY": keys.secret,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_NOCOLOR": "1",
    }
    program = str(Path(sys.executable).parent / "ansible-playbook")
    done = subprocess.run(
        [program, "-i", "localhost,", "-vvv", "--diff", str(playbook)],
        env=environment,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "changed=3" in output
    omar = cloud.client("secretsmanager").get_secret_value(SecretId="play/omar")["SecretString"]
    assert domain.accepts("omar", omar)
    for secret in (domain.lab.admin_password, omar, keys.secret):
        assert secret not in output
    assert PASSWORD not in output
