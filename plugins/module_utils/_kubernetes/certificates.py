# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: certificates of a master are renewed in time, and what uses them is started again, one after the other.

One file of the standard library: the role kubeadm_master copies it to the masters, where a timer runs it, on nodes that
may have no Ansible any more.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import json
import os
import pwd
import re
import ssl
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

KUBERNETES = Path("/etc/kubernetes")
# Components that are to be started again, while they are.
NOTE = Path("/var/lib/podforge/kubernetes-restart.json")
# In this order: the API needs etcd, the others need the API.
HEALTH = {
    "etcd": "http://127.0.0.1:2381/health",
    "kube-apiserver": "https://127.0.0.1:6443/readyz",
    "kube-controller-manager": "https://127.0.0.1:10257/healthz",
    "kube-scheduler": "https://127.0.0.1:10259/healthz",
}
PATIENCE = 300.0
_AUTHORITIES = ("ca.crt", "front-proxy-ca.crt")
_DATE = "%b %d %H:%M:%S %Y GMT"


class CertificatesError(Exception):
    """Something the operator must mend; the text says how."""


def life_left(dates: str, now: dt.datetime) -> float:
    """Percent of a certificate's life that is left, by C(openssl x509 -noout -dates)."""
    begin, end = (
        dt.datetime.strptime(" ".join(text.split()), _DATE).replace(tzinfo=dt.timezone.utc)
        for text in re.findall(r"^not(?:Before|After)=(.*)$", dates, re.MULTILINE)
    )
    return 100 * (end - now) / (end - begin)


def due(left: t.Mapping[str, float], below: float) -> list[str]:
    """Certificates that have less left than that, as words; with 0 none, for somebody else renews them."""
    return [f"{name} ({percent:.0f} % left)" for name, percent in sorted(left.items()) if percent < below and below > 0]


def same(text: str, other: str, key: str) -> bool:
    """Whether two kubeconfigs have the same value of a key."""
    found = [re.search(rf"{key}:\s*(\S+)", one) for one in (text, other)]
    return bool(found[0] and found[1] and found[0].group(1) == found[1].group(1))


def run(*command: str, data: bytes | None = None) -> str:
    """What a program says."""
    path = f"{os.environ.get('PATH', '')}:/usr/local/bin:/usr/bin:/usr/sbin"
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, check=False, timeout=300, env={**os.environ, "PATH": path}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificatesError(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        raise CertificatesError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


def certificates() -> dict[str, bytes]:
    """Certificates that kubeadm renews, by file; kubelet renews its own."""
    found: dict[str, bytes] = {}
    for folder in (KUBERNETES / "pki", KUBERNETES / "pki" / "etcd"):
        found |= {str(path): path.read_bytes() for path in folder.glob("*.crt") if path.name not in _AUTHORITIES}
    for path in KUBERNETES.glob("*.conf"):
        data = re.search(r"client-certificate-data:\s*(\S+)", path.read_text(encoding="utf-8"))
        if data and path.name not in ("kubelet.conf", "bootstrap-kubelet.conf"):
            found[str(path)] = base64.b64decode(data.group(1))
    return found


def today() -> dt.datetime:
    """The time of this node."""
    return dt.datetime.now(dt.timezone.utc)


def renew(below: float, users: t.Iterable[str]) -> str:
    """Renew all if one is due; what was done, in words."""
    restart_noted()
    now = today()
    left = {
        name: life_left(run("openssl", "x509", "-noout", "-dates", data=pem), now)
        for name, pem in certificates().items()
    }
    found = due(left, below)
    if not found:
        return f"nothing is due: {min(left.values(), default=0):.0f} % of life is left, or more"
    before = (KUBERNETES / "admin.conf").read_text(encoding="utf-8")
    note(list(HEALTH))
    run("kubeadm", "certs", "renew", "all")
    refreshed = [user for user in users if refresh(user, before)]
    restart_noted()
    return f"renewed, since {', '.join(found)}; kubeconfig of {', '.join(refreshed) or 'nobody'}"


def refresh(user: str, before: str) -> bool:
    """Give a user the administrator's new kubeconfig, if it is the old one that the user has."""
    try:
        entry = pwd.getpwnam(user)
        path = Path(entry.pw_dir) / ".kube" / "config"
        text = path.read_text(encoding="utf-8")
    except (KeyError, OSError):
        return False
    if not same(text, before, "client-certificate-data"):
        return False
    after = (KUBERNETES / "admin.conf").read_text(encoding="utf-8")
    # what else is in it, contexts for example, is the user's; as the user, for the folder is the user's, too
    for key in ("client-certificate-data", "client-key-data"):
        old, new = (re.search(rf"{key}:\s*(\S+)", one) for one in (before, after))
        text = text.replace(old.group(1), new.group(1)) if old and new else text
    script = 'umask 077 && cat >"$1.new" && mv "$1.new" "$1"'
    run("runuser", "-u", user, "--", "sh", "-c", script, "sh", str(path), data=text.encode())
    return True


def note(components: t.Sequence[str]) -> None:
    """Remember what is to be started again, however this ends."""
    NOTE.parent.mkdir(parents=True, exist_ok=True)
    part = NOTE.with_suffix(".part")
    part.write_text(json.dumps(list(components)), encoding="utf-8")
    part.replace(NOTE)


def restart_noted() -> None:
    """Start components again, one after the other, each when the one before is well."""
    components = json.loads(NOTE.read_text(encoding="utf-8")) if NOTE.exists() else []
    while components:
        restart(components[0])
        components = components[1:]
        note(components)
    NOTE.unlink(missing_ok=True)


def containers(component: str) -> list[str]:
    """Containers of a static pod that run."""
    labels = 'labels."io.kubernetes.container.name"==%s,labels."io.kubernetes.pod.namespace"==kube-system'
    known = run("ctr", "--namespace", "k8s.io", "containers", "list", "--quiet", labels % component).split()
    running = [line.split()[0] for line in run("ctr", "--namespace", "k8s.io", "tasks", "list").splitlines()[1:]]
    return [name for name in known if name in running]


def restart(component: str) -> None:
    """End a component; kubelet starts it again. It is awaited."""
    old = containers(component)
    for name in old:
        run("ctr", "--namespace", "k8s.io", "tasks", "kill", "--signal", "SIGTERM", name)
    deadline = time.monotonic() + PATIENCE
    while set(containers(component)) <= set(old) or not healthy(HEALTH[component]):
        if time.monotonic() > deadline:
            raise CertificatesError(
                f"{component} is not well {PATIENCE:.0f} s after it was ended: see "
                f"/var/log/pods/kube-system_{component}-*, mend what it says, and run this again: it goes on from here"
            )
        time.sleep(1)


def healthy(url: str) -> bool:
    """Whether a component of this node says that it is well."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        # one that lets nobody ask without a name is up
        return error.code in (401, 403)
    except (OSError, ValueError):
        return False


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1, with the reason, when something could not be done."""
    parser = argparse.ArgumentParser(description="Renew certificates of this master when they come to their end")
    parser.add_argument("settings", help="JSON file: renew_below (percent), users")
    parser.add_argument("--restart", choices=list(HEALTH), help="only end this component, and await it")
    given = parser.parse_args(arguments)
    try:
        if given.restart:
            restart(given.restart)
            return 0
        settings = json.loads(Path(given.settings).read_text(encoding="utf-8"))
        done = renew(float(settings["renew_below"]), settings["users"])
    except CertificatesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
