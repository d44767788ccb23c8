# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the secret that workers join with, and what keeps it fresh on the masters.

One file of the standard library and boto3, for it is more than a part of the collection: the role kubeadm_master copies
it to the masters, where a timer runs it, on nodes that may have no Ansible any more.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import hashlib
import json
import os
import re
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

try:
    import boto3
    import botocore.config
except ImportError:
    HAS_BOTO3 = False
else:
    HAS_BOTO3 = True

PYTHONS = (
    "/opt/podforge/current/venv/bin/python",
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "/opt/aws-cli/bin/python",
)
ADMIN = "/etc/kubernetes/admin.conf"
CA = "/etc/kubernetes/pki/ca.crt"
TIME = "%Y-%m-%dT%H:%M:%SZ"
DESCRIPTION = "Joining of Kubernetes nodes; kept fresh by podforge-kubernetes-join-secret.timer on the masters"
# The names are those of the published sample (configure_k8s.py), so that its workers can join as well.
ADDRESS, TOKEN, HASH = "master_addr_port", "token", "discovery_token_ca_cert_hash"
# A secret of its own, for who has it becomes a master. kubeadm keeps what it opens for two hours; once all masters have
# joined, neither is needed.
KEY, UPLOADED, KEY_SUFFIX, KEY_LIFE = "certificate_key", "uploaded", "-control-plane", dt.timedelta(hours=2)
_CERTS = ("secret", "kubeadm-certs", "--namespace=kube-system", "--ignore-not-found")
_TOKEN_FORM = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")
_KEY_FORM = re.compile(r"\b[0-9a-f]{64}\b")


class JoinSecretError(Exception):
    """The secret can't be kept; the text says why and how to mend it, and never holds a token."""


@dataclass(frozen=True)
class Masters:
    """All nodes that are to be masters, which of them this is, and the file that kubeadm has made or joined it with."""

    names: t.Sequence[str]
    own: str
    config: str


@dataclass(frozen=True)
class Wanted:
    """What the secret has to say, but for the token."""

    address: str
    ca_hash: str
    ttl: dt.timedelta
    interval: dt.timedelta = dt.timedelta()
    tags: t.Mapping[str, str] = field(default_factory=dict)
    masters: Masters | None = None


@dataclass(frozen=True)
class Plan:
    """``reason`` is empty when there is nothing to do; ``new_token``: the token that is there does not do any more."""

    reason: str = ""
    new_token: bool = False


def decide(
    value: t.Mapping[str, t.Any] | None, expiries: t.Mapping[str, dt.datetime | None], wanted: Wanted, now: dt.datetime
) -> Plan:
    """Whether the secret has to be written, and why.

    :param value: what is in it; None: there is none.
    :param expiries: ends of the tokens that the cluster knows, by token; None: never.
    """
    if value is None:
        return Plan("there is no such secret", new_token=True)
    token = str(value.get(TOKEN, ""))
    if token not in expiries:
        return Plan("its token is not known to the cluster any more", new_token=True)
    end = expiries[token]
    # also what would be too old before the next look
    if end is not None and end - now <= wanted.ttl / 2 + wanted.interval:
        return Plan("its token has come to half of its life", new_token=True)
    if value.get(HASH) != wanted.ca_hash:
        return Plan("the cluster has another CA", new_token=False)
    if value.get(ADDRESS) != wanted.address:
        return Plan("the API has another address", new_token=False)
    return Plan()


def leads(ready: t.Collection[str], masters: Masters) -> bool:
    """Whether it is for this master to see to the certificate key: for the first that is Ready.

    Two that do it at a time would put each other's key out of use.
    """
    return masters.own == next((name for name in masters.names if name in ready), masters.own)


def decide_key(
    value: t.Mapping[str, t.Any] | None,
    ready: t.Collection[str],
    masters: Masters,
    ca_hash: str,
    now: dt.datetime,
    *,
    opens: bool = True,
) -> Plan:
    """Whether others have to be let in as masters by a new certificate key, or the one that is there has to go.

    :param ready: names of nodes that are Ready.
    :param opens: what the key opens is still in the cluster.
    """
    missing = [name for name in masters.names if name not in ready]
    value = value or {}
    if not missing:
        return Plan("all masters have joined, and their key is of no use any more" if KEY in value else "")
    try:
        old = now - moment(str(value[UPLOADED])) > KEY_LIFE / 2
    except (KeyError, ValueError):
        old = True
    if old or not opens or value.get(HASH) != ca_hash:
        return Plan(f"{', '.join(missing)} may join as a master", new_token=True)
    return Plan()


def ready_nodes(text: str) -> list[str]:
    """Names of the nodes that are Ready, by C(kubectl get nodes -o json)."""
    return [
        str(node["metadata"]["name"])
        for node in json.loads(text)["items"]
        if any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions") or ())
    ]


def tokens_of(text: str) -> dict[str, dt.datetime | None]:
    """Tokens that nodes can join with, by C(kubeadm token list -o json): one JSON object after the other."""
    decoder, found, rest = json.JSONDecoder(), {}, text.strip()
    while rest:
        token, length = decoder.raw_decode(rest)
        rest = rest[length:].strip()
        if {"signing", "authentication"} <= set(token.get("usages") or ()):
            end = token.get("expires")
            found[str(token["token"])] = moment(end) if end else None
    return found


def moment(text: str) -> dt.datetime:
    """A time as Kubernetes writes it."""
    return dt.datetime.strptime(text, TIME).replace(tzinfo=dt.timezone.utc)


def ca_hash(pem: str) -> str:
    """kubeadm's pin of a CA: SHA-256 of its public key (SubjectPublicKeyInfo, RFC 7469) in the first certificate."""
    found = re.search(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.DOTALL)
    if not found:
        raise JoinSecretError("there is no certificate in it")
    certificate = base64.b64decode(found.group(1))
    # Certificate { TBSCertificate { [0] version, serial, signature, issuer, validity, subject, subjectPublicKeyInfo
    place, _end = _inside(certificate, 0)
    place, _end = _inside(certificate, place)
    if certificate[place] == 0xA0:
        place = _inside(certificate, place)[1]
    for _number in range(5):
        place = _inside(certificate, place)[1]
    return "sha256:" + hashlib.sha256(certificate[place : _inside(certificate, place)[1]]).hexdigest()


def _inside(data: bytes, place: int) -> tuple[int, int]:
    """Where the content of the DER element at C(place) begins and ends."""
    length, begin = data[place + 1], place + 2
    if length >= 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[place + 2 : begin], "big")
    return begin, begin + length


# --- the cluster ---


def run(*command: str) -> str:
    """What a program of Kubernetes says."""
    command = (*command, "--kubeconfig", ADMIN)
    path = f"{os.environ.get('PATH', '')}:/usr/local/bin:/usr/bin:/usr/sbin"
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "PATH": path}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise JoinSecretError(
            f"{' '.join(command)}: {error}. Fix: see that this is a master whose API answers"
        ) from error
    if done.returncode:
        said = _KEY_FORM.sub("******", _TOKEN_FORM.sub("******", done.stderr.strip()))
        raise JoinSecretError(f"{' '.join(command)}: {said}. Fix: see that the API server of this master answers")
    return done.stdout


def kubeadm(*arguments: str) -> str:
    """What kubeadm says."""
    return run("kubeadm", *arguments)


def new_key(config: str) -> str:
    """A certificate key that kubeadm has made, so that it is on no command line; what it opens is in the cluster."""
    found = _KEY_FORM.search(kubeadm("init", "phase", "upload-certs", "--upload-certs", "--config", config))
    if found is None:
        raise JoinSecretError("kubeadm init phase upload-certs has said no key. Fix: see what it says by hand")
    return found.group()


def new_token(ttl: dt.timedelta) -> str:
    """A token that kubeadm has made, so that it is on no command line."""
    found = _TOKEN_FORM.search(
        kubeadm("token", "create", "--ttl", f"{int(ttl.total_seconds())}s", "--description", DESCRIPTION)
    )
    if found is None:
        raise JoinSecretError("kubeadm token create has said no token. Fix: see what it says by hand")
    return found.group()


# --- Secrets Manager ---


def client_of(region: str, attempts: int = 12, mode: t.Literal["adaptive", "standard"] = "adaptive") -> t.Any:
    """A client that is patient, for all nodes may ask at once."""
    config = botocore.config.Config(
        retries={"mode": mode, "total_max_attempts": attempts}, connect_timeout=10, read_timeout=30
    )
    make: t.Any = boto3.client
    return make("secretsmanager", region_name=region, config=config)


def code_of(error: Exception) -> str:
    """Code of a service's refusal; the name of any other error."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def read(client: t.Any, name: str) -> tuple[dict[str, t.Any] | None, bool]:
    """What is in the secret, and whether it is scheduled for deletion. What is no JSON object is as good as nothing."""
    try:
        text = client.get_secret_value(SecretId=name).get("SecretString") or ""
    except Exception as error:
        if code_of(error) == "ResourceNotFoundException":
            return None, False
        if code_of(error) == "InvalidRequestException" and "delet" in str(error):
            return None, True
        raise
    try:
        value = json.loads(text)
    except ValueError:
        value = {}
    return (value if isinstance(value, dict) else {}), False


def write(
    client: t.Any, name: str, value: t.Mapping[str, t.Any], tags: t.Mapping[str, str], *, there: bool, deleted: bool
) -> None:
    """Create the secret or give it a new version, whoever else does that at the same time."""
    text = json.dumps(dict(value))
    if deleted:
        client.restore_secret(SecretId=name)
    elif not there:
        more = {"Tags": [{"Key": key, "Value": text_} for key, text_ in tags.items()]} if tags else {}
        try:
            client.create_secret(Name=name, Description=DESCRIPTION, SecretString=text, **more)
        except Exception as error:
            if code_of(error) != "ResourceExistsException":
                raise
        else:
            return
    client.put_secret_value(SecretId=name, SecretString=text)


def refresh(client: t.Any, name: str, wanted: Wanted, *, check_mode: bool = False) -> Plan:
    """Look, decide, and do it; what was decided.

    :raises JoinSecretError: kubeadm or Secrets Manager refuses.
    """
    try:
        found = _refresh(client, name, wanted, check_mode)
        key = _refresh_key(client, name + KEY_SUFFIX, wanted, wanted.masters, check_mode) if wanted.masters else ""
    except JoinSecretError:
        raise
    except Exception as error:
        raise JoinSecretError(explain(name, error)) from error
    return Plan("; ".join(part for part in (found.reason, key) if part), found.new_token)


def _refresh(client: t.Any, name: str, wanted: Wanted, check_mode: bool) -> Plan:
    value, deleted = read(client, name)
    found = decide(value, tokens_of(kubeadm("token", "list", "-o", "json")), wanted, now())
    if found.reason and not check_mode:
        token = new_token(wanted.ttl) if found.new_token or value is None else str(value[TOKEN])
        written = {
            ADDRESS: wanted.address,
            TOKEN: token,
            HASH: wanted.ca_hash,
            "version": 1,
            "written": now().isoformat(),
        }
        write(client, name, written, wanted.tags, there=value is not None, deleted=deleted)
    return found


def _refresh_key(client: t.Any, name: str, wanted: Wanted, masters: Masters, check_mode: bool) -> str:
    ready = ready_nodes(run("kubectl", "get", "nodes", "-o", "json", "--request-timeout=20s"))
    if not leads(ready, masters):
        return ""
    value, deleted = read(client, name)
    opens = bool(run("kubectl", "get", *_CERTS, "--output=name"))
    found = decide_key(value, ready, masters, wanted.ca_hash, now(), opens=opens)
    if found.reason and not check_mode:
        written = {HASH: wanted.ca_hash, "version": 1}
        if found.new_token:
            written.update({KEY: new_key(masters.config), UPLOADED: now().strftime(TIME)})
        else:
            # what it opens first, for Secrets Manager keeps the version before
            run("kubectl", "delete", *_CERTS)
        write(client, name, written, wanted.tags, there=value is not None, deleted=deleted)
    return found.reason


def explain(name: str, error: Exception) -> str:
    """A refusal of Secrets Manager, in words."""
    code = code_of(error)
    fix = "see that Secrets Manager can be reached from this node: a NAT gateway or a VPC endpoint"
    if "AccessDenied" in code:
        fix = (
            f"allow the execution role secretsmanager:GetSecretValue, CreateSecret, PutSecretValue, RestoreSecret and "
            f"TagResource for {name}"
        )
    elif "Credentials" in code:
        fix = "see that the metadata service answers, and that the instance group has an execution role"
    return f"{name}: {code}: {error}. Fix: {fix}"


def now() -> dt.datetime:
    """The time in UTC."""
    return dt.datetime.now(dt.timezone.utc).replace(microsecond=0)


def main(arguments: list[str] | None = None) -> int:
    """What the timer runs: exit status 1, with the reason in the journal, when the secret could not be kept."""
    parser = argparse.ArgumentParser(description=DESCRIPTION)
    parser.add_argument("settings", help="JSON file: name, region, address, ttl_hours, interval_minutes, tags, masters")
    given = parser.parse_args(arguments)
    settings = json.loads(Path(given.settings).read_text(encoding="utf-8"))
    if not HAS_BOTO3:
        tried = os.environ.get("PODFORGE_TRIED_PYTHONS", "").split(":")
        other = next((python for python in PYTHONS if Path(python).exists() and python not in tried), None)
        if other is None:
            sys.stderr.write(f"boto3 is in none of {', '.join(PYTHONS)}. Fix: install python3-boto3\n")
            return 1
        os.environ["PODFORGE_TRIED_PYTHONS"] = ":".join([*tried, other])
        os.execv(other, [other, str(Path(__file__).resolve()), given.settings])  # noqa: S606 (no shell is wanted)
    wanted = Wanted(
        settings["address"],
        ca_hash(Path(CA).read_text(encoding="utf-8")),
        dt.timedelta(hours=settings["ttl_hours"]),
        dt.timedelta(minutes=settings["interval_minutes"]),
        settings["tags"],
        Masters(**settings["masters"]) if settings.get("masters") else None,
    )
    try:
        done = refresh(client_of(settings["region"]), settings["name"], wanted)
    except JoinSecretError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"{settings['name']}: {'written, since ' + done.reason if done.reason else 'is as it should be'}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
