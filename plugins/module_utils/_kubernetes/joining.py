# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: a worker's way into the cluster: what it waits for, told apart, and what it does when it is there."""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
import json
import re
import typing as t
from dataclasses import dataclass

from .join_secret import ADDRESS
from .join_secret import HASH
from .join_secret import KEY
from .join_secret import KEY_LIFE
from .join_secret import TOKEN
from .join_secret import UPLOADED
from .join_secret import JoinSecretError
from .join_secret import ca_hash
from .join_secret import moment

# a thousand nodes then ask for the secret 130 times a second, of 10,000 that Secrets Manager allows
FIRST_PAUSE, LONGEST_PAUSE, LONGEST_WHEN_THROTTLED = 2.0, 10.0, 30.0
# What signatures of AWS allow; certificates that Kubernetes gives a node begin five minutes before they are made.
LARGEST_SKEW = dt.timedelta(minutes=5)
# kubeadm gives up its waiting for etcd, kubelet and the API one by one, after four to five minutes each
LEASE_LIFE = dt.timedelta(minutes=15)
CLUSTER_INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
_THROTTLES = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown")
_SKEWED = re.compile(r"RequestTimeTooSkewed|RequestExpired|Signature (expired|not yet current)")
# kubelet's own health check, whose words are those of an API that is down. "The kubelet is not running" as a likely
# cause is said by kubeadm of every failure.
_KUBELET = re.compile(
    r"10248/healthz'? (failed|returned error)|(127\.0\.0\.1|\[::1\]):10248: connect|kubelet is not healthy after"
)
# What kubeadm says of reasons that pass.
_PASSING = (
    ("etcd", "etcdserver: |etcd cluster is not healthy|can only promote a learner", "etcd takes no member now: {}"),
    ("stale-key", "kubeadm-certs|message authentication failed", "the certificate key has expired or was replaced"),
    (
        "api",
        "connection refused|i/o timeout|deadline exceeded|no route to host|EOF|timed out",
        "the API did not answer to the end: {}",
    ),
    (
        "clock",
        "certificate has expired or is not yet valid",
        "a certificate is not valid at this node's time, whose clock may be wrong (chronyc tracking): {}",
    ),
    (
        "stale-token",
        "could not find a JWS signature|(?i:invalid bearer token)|Unauthorized",
        "the token in the secret has just expired",
    ),
)
_CAUSE = re.compile(r"^[EF]\d{4} |[Ee]rr(or)?[:=]|failed|unknown")
_TOKEN_FORM = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")


@dataclass(frozen=True)
class Reason:
    """Why it can't be done yet. ``kind`` is one word for the log, ``final``: waiting is of no use."""

    kind: str
    text: str
    final: bool = False


@dataclass(frozen=True)
class Invitation:
    """What the join secret says."""

    address: str
    token: str
    ca_hash: str


def invitation(name: str, value: t.Mapping[str, t.Any]) -> Invitation | Reason:
    """What is in the secret, if it is whole."""
    missing = [key for key in (ADDRESS, TOKEN, HASH) if not isinstance(value.get(key), str) or not value[key]]
    if missing:
        return Reason("incomplete", f"secret {name} has no {', '.join(missing)}: a master is about to write it")
    pin = value[HASH] if value[HASH].startswith("sha256:") else f"sha256:{value[HASH]}"
    return Invitation(value[ADDRESS], value[TOKEN], pin)


def refused(name: str, code: str, message: str) -> Reason:
    """Why Secrets Manager did not give the secret."""
    if code == "ResourceNotFoundException":
        return Reason("missing", f"there is no secret {name} yet: the master makes it once it is up")
    if code.startswith(_THROTTLES):
        return Reason("throttled", f"Secrets Manager throttles ({code}): too many nodes ask at once")
    if _SKEWED.search(f"{code} {message}"):
        return Reason(
            "clock", f"AWS refuses the time of this node: {message or code}. Until chrony has set it (chronyc tracking)"
        )
    if "AccessDenied" in code:
        fix = "Fix: allow the execution role secretsmanager:GetSecretValue for it"
        return Reason("denied", f"the node's role may not read secret {name}: {message}. {fix}", final=True)
    if code == "InvalidRequestException" and "delet" in message:
        return Reason("deleted", f"secret {name} is scheduled for deletion: the master restores it once it is up")
    return Reason("unreachable", f"secret {name} can't be read: {code}: {message}")


def judge_cluster(given: Invitation, document: t.Mapping[str, t.Any]) -> Reason | None:
    """What the API's C(cluster-info) says of the invitation; None: nodes can join with it.

    It is public, and proves nothing: kubeadm verifies it by the token's signature and the CA's hash.
    """
    data = document.get("data") or {}
    try:
        encoded = re.search(r"certificate-authority-data:\s*(\S+)", str(data["kubeconfig"]))
        found = ca_hash(base64.b64decode(encoded.group(1) if encoded else "").decode())
    except (KeyError, ValueError, IndexError, JoinSecretError):
        return Reason("api", f"{given.address} answers, and has no cluster-info yet")
    if found != given.ca_hash:
        text = f"{given.address} has another CA than the secret says: the secret is of a cluster that is no more, or"
        return Reason("stale-hash", f"{text} somebody else answers there; its timer on the master writes it anew")
    if f"jws-kubeconfig-{given.token.split('.', maxsplit=1)[0]}" not in data:
        text = "the token in the secret has expired or was removed: its timer on the master makes a new one"
        return Reason("stale-token", text)
    return None


def judge_clock(date: str, now: dt.datetime) -> Reason | None:
    """Whether this node's time is so far from the API's that nothing will fit: kubeadm would wait, and not say why.

    :param date: when the API has answered, as HTTP has it; what is no date proves nothing.
    """
    try:
        skew = now - email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    if abs(skew) <= LARGEST_SKEW:
        return None
    side = "ahead of" if skew > dt.timedelta() else "behind"
    text = f"this node's clock is {abs(skew).total_seconds():.0f} s {side} the API's"
    return Reason("clock", f"{text}: until chrony has set it (chronyc tracking, there and here)")


def judge_failure(output: str, journal: str = "") -> Reason:
    """Why C(kubeadm join) has failed; unknown reasons are final, for they are not of the kind that passes.

    :param journal: what kubelet has written.
    """
    said = _TOKEN_FORM.sub("******", output.strip())
    if "already exists in the cluster" in said:
        return Reason("old-node", "a node of this name is still Ready: the one that this one replaces is not gone yet")
    if _KUBELET.search(said):
        causes = "\n".join(line for line in journal.splitlines() if _CAUSE.search(line))
        why = last_lines(_TOKEN_FORM.sub("******", causes or journal or said), 6)
        return Reason("kubelet", f"kubelet does not stay up (journalctl -u kubelet): {why}", final=True)
    for kind, form, text in _PASSING:
        if re.search(form, said):
            return Reason(kind, text.format(last_lines(said)))
    return Reason("kubeadm", last_lines(said, 12), final=True)


def last_lines(text: str, number: int = 3) -> str:
    """The end of what a program has said, in one line."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())[-200 * number :]


def pause(attempt: int, random: t.Callable[[], float], *, throttled: bool = False) -> float:
    """Seconds before the next attempt: twice as long each time, with jitter, so that a thousand nodes spread."""
    longest = LONGEST_WHEN_THROTTLED if throttled else LONGEST_PAUSE
    return float(min(FIRST_PAUSE * 2 ** min(attempt, 10), longest) * (0.5 + random() / 2))


def state_of(kubeconfig: str | None, client_certificate: bool, bootstrap: bool, ca: bool) -> str:
    """Whether this node is C(joined), C(half) (a join was killed) or C(new).

    :param bootstrap: whether kubelet's first kubeconfig is there, which has the token. kubeadm removes it at the end:
        until then the Node object lacks what upgrades read.
    """
    if kubeconfig and client_certificate and not bootstrap:
        return "joined"
    return "half" if kubeconfig or bootstrap or ca else "new"


def ca_of(kubeconfig: str) -> str:
    """Hash of the CA in kubelet's kubeconfig; empty: there is none."""
    found = re.search(r"certificate-authority-data:\s*(\S+)", kubeconfig)
    try:
        return ca_hash(base64.b64decode(found.group(1)).decode()) if found else ""
    except (ValueError, IndexError, JoinSecretError):
        return ""


def certificate_key(name: str, value: t.Mapping[str, t.Any], pin: str, now: dt.datetime) -> str | Reason:
    """The key to the certificates of a master, if it still opens them."""
    try:
        key, age = str(value[KEY]), now - moment(str(value[UPLOADED]))
    except (KeyError, ValueError):
        return Reason("incomplete", f"secret {name} has no certificate key: a master is about to write it")
    if age > KEY_LIFE or value.get(HASH) != pin:
        return Reason("stale-key", f"the certificate key in {name} has expired: a master makes a new one in minutes")
    return key


def judge_lease(lease: t.Mapping[str, t.Any], own: str, now: dt.datetime) -> Reason | None:
    """Whether another master is joining now; None: nobody is, or one who was killed while it did."""
    spec = lease.get("spec") or {}
    holder, since = spec.get("holderIdentity"), str(spec.get("renewTime"))[:19] + "Z"
    try:
        old = now - moment(since) > LEASE_LIFE
    except ValueError:
        old = True
    if holder == own or old:
        return None
    return Reason("lock", f"{holder} is joining since {since}: etcd gets one member at a time")


def dead_members(
    members: t.Iterable[t.Mapping[str, t.Any]],
    own: str,
    address: str,
    masters: t.Collection[str],
    ready: t.Collection[str],
) -> dict[str, str]:
    """Members of etcd that are no more, with why, by id as etcdctl takes it.

    :param own: this node, which has no etcd: a member of its name or address is the one that it replaces.
    :param masters: nodes that are to be masters; another one that is not Ready has left the cluster for good.
    """
    found = {}
    for member in members:
        name, urls = str(member.get("name") or ""), member.get("peerURLs") or []
        if name == own or f"https://{address}:2380" in urls:
            found[f"{int(member['ID']):x}"] = f"{name or address}, which this node replaces"
        elif name and name not in masters and name not in ready:
            found[f"{int(member['ID']):x}"] = f"{name}, which is no master any more"
    return found


def load(text: str) -> dict[str, t.Any]:
    """A JSON object; an empty one where it is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
