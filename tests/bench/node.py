# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A production controller (``node_vars.yml``): the bundle's run, against apt alone, itself again, and upstream's steps.

``python -m tests.bench.node`` prints three ratios with their aims, and where the time goes. Each side has an equal
fresh node of the local cloud, on which no lifecycle script has run:

- ours: ``on_create.sh`` of a bundle with these variables, environment and all; then once more;
- apt: the packages that this run has installed (read from apt's own history), in one transaction of ``apt-get``;
- upstream: ``upstream.sh``, what upstream's scripts are documented to do for the same features.

Downloads and the lists of the mirror are there before, on all sides: neither counts, but for upstream's own calls of
``apt-get update``. CPU seconds are those of the whole container, daemons included: on a busy machine they say more
than the clock does.

Where the time goes, and what the limits are. The AMI and so the image have Slurm, MariaDB and chrony already: apt's
side is the installation of some tools, while ours makes a whole node as well. In CPU seconds of a first run, a good
third is that transaction; a third is Ansible (0.04 for each task that is skipped, 0.2 to 0.3 for each that runs a
module); the rest are the environment and the starts of MariaDB, slurmdbd and slurmctld, of which upstream's side has
its own. A second run is Ansible alone: some 25 modules that look and find nothing to do, and some 60 tasks that are
skipped, most of roles that the node has not. So the second aim, 0.15, is out of reach as long as each look is a module
of its own, and the first, 1.15, in any way: until the daemons are up, which the same features need, takes three
seconds by itself, and 0.15 of the transaction is one. A third to half of upstream's time is its installation of
ansible, from packages that ours brings along; without it upstream's side has taken less time than ours, and both are
printed. The sides run one after the other, so that the clock compares them only while nothing else runs on the machine.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.bundle import build_bundle
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import cache_folder
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import collect_wheels
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import lock_for

from tests.bench.ratio import Ratio
from tests.bench.ratio import command
from tests.support.cloud import ROOT
from tests.support.cloud import Cloud
from tests.support.cloud import wait_for

HERE = Path(__file__).parent
VARS = HERE / "node_vars.yml"
UPSTREAM = HERE / "upstream.sh"
# what upstream's install_ansible.sh installs
ANSIBLE = "ansible==10.7.0"
SIDES = ("ours", "apt", "upstream")
# the packages' own scripts call Slurm's programs
PATH = "PATH=/opt/slurm/bin:/opt/slurm/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
APT = f'{PATH} DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Path="${{PATH#*=}}"'
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and of CPU in the whole container."""

    wall: float
    cpu: float
    output: str = ""


class Node:
    """One node of the local cloud."""

    def __init__(self, name: str) -> None:
        self.name = name
        pid = json.loads(self.podman("inspect", name))[0]["State"]["Pid"]
        lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()]
        paths = {controllers: path for _number, controllers, path in lines}
        first = next((path for names, path in paths.items() if "cpuacct" in names.split(",")), None)
        # version 1 or a hybrid has a file of nanoseconds; version 2 one with a line of microseconds
        self._nanoseconds = Path("/sys/fs/cgroup/cpuacct", first.lstrip("/"), "cpuacct.usage") if first else None
        second = paths.get("", "").removesuffix("/init.scope").lstrip("/")
        self._statistics = Path("/sys/fs/cgroup", second, "cpu.stat")

    @staticmethod
    def podman(*arguments: str) -> str:
        """One call of podman; its output."""
        done = subprocess.run(
            ["podman", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=900,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise SystemExit(f"podman {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def cpu(self) -> float:
        """CPU seconds of the container until now."""
        if self._nanoseconds is not None:
            return int(self._nanoseconds.read_text(encoding="utf-8")) / 1e9
        found = re.search(r"usage_usec (\d+)", self._statistics.read_text(encoding="utf-8"))
        return int(found.group(1)) / 1e6 if found else 0.0

    def shell(self, script: str) -> str:
        """Run a script."""
        return self.podman("exec", self.name, "bash", "-c", script)

    def copy(self, source: Path, target: str) -> None:
        """A file or folder into the node."""
        self.podman("cp", str(source), f"{self.name}:{target}")

    def cost(self, script: str) -> Cost:
        """Run a script, and measure."""
        cpu, wall = self.cpu(), time.monotonic()
        output = self.shell(script)
        return Cost(time.monotonic() - wall, self.cpu() - cpu, output)


def make_nodes(cloud: Cloud) -> dict[str, Node]:
    """One cluster of one controller for each side, on which nothing has run."""
    role = cloud.aws("iam", "create-role", "--role-name", "bench", "--assume-role-policy-document", json.dumps(TRUST))
    group = {
        "InstanceGroupName": "controller-machine",
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 1,
        "ExecutionRole": role["Role"]["Arn"],
        "SlurmConfig": {"NodeType": "Controller"},
    }
    nodes = {}
    for side in SIDES:
        cloud.aws("sagemaker", "create-cluster", "--cluster-name", side, "--instance-groups", json.dumps([group]))
    for side in SIDES:
        wait_for("the cluster is in service", lambda name=side: status_of(cloud, name) == "InService", 300)
        nodes[side] = Node(cloud.container_of(cloud.in_group(side, "controller-machine")[0]))
    return nodes


def status_of(cloud: Cloud, cluster: str) -> str:
    """As DescribeCluster tells."""
    return str(cloud.aws("sagemaker", "describe-cluster", "--cluster-name", cluster)["ClusterStatus"])


def candidates() -> list[str]:
    """All packages that roles may want on Debian, for the download ahead."""
    found = {"apg", "python3-pip", "git"}
    for path in ROOT.glob("roles/*/vars/packages.yml"):
        found.update(*(entry.get("Debian", []) for entry in yaml.safe_load(path.read_text(encoding="utf-8")).values()))
    tools = yaml.safe_load((ROOT / "roles/shell_env/vars/main.yml").read_text(encoding="utf-8"))["__shell_env_tools"]
    return sorted(found.union(tools["Debian"]) - {"sssd-ldap", "sssd-tools", "sssd-common"})


def warm(nodes: dict[str, Node], folder: Path) -> None:
    """Lists of the mirror, and the packages; on one node, then copied."""
    first = nodes[SIDES[0]]
    first.shell(f"{APT} update")
    first.shell(
        f"wanted=$(printf '%s\\n' {' '.join(candidates())})"
        " && known=$(apt-cache --names-only search . | cut -d' ' -f1 | grep -xF \"$wanted\")"
        f" && {APT} install --no-install-recommends --download-only $known && {APT} upgrade --download-only"
    )
    for place in ("/var/cache/apt/archives", "/var/lib/apt/lists"):
        target = folder / Path(place).name
        first.podman("cp", f"{first.name}:{place}", str(target))
        for node in list(nodes.values())[1:]:
            node.copy(target, str(Path(place).parent))


def wheels_of_ansible(folder: Path) -> bool:
    """What upstream's pip downloads, ahead; whether it could be had."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("ansible-*.whl")):
        return True
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:", "-d", str(folder), ANSIBLE],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return done.returncode == 0


def put_bundle(node: Node, folder: Path) -> None:
    """The lifecycle files, as the service downloads them."""
    version = node.shell("python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'").strip()
    machine = node.shell("uname -m").strip()
    wheels = collect_wheels(lock_for(ROOT / "requirements", version), version, machine, cache_folder(None), None)
    variables = yaml.safe_load(VARS.read_text(encoding="utf-8"))
    folder.mkdir()
    for name, content in build_bundle({"podforge.hyperpod": ROOT}, [wheels], variables, None).objects.items():
        (folder / name).write_bytes(content)
    node.copy(folder, "/tmp")
    node.shell(f"chmod +x /tmp/{folder.name}/on_create.sh")


def transactions(node: Node) -> list[list[str]]:
    """Packages of each installation, as apt's history has the command lines."""
    lines = node.shell("grep '^Commandline: .* install ' /var/log/apt/history.log || true").splitlines()
    return [line.split(" -- ")[1].split() for line in lines if " -- " in line]


def last_report(node: Node) -> dict[str, Any]:
    """The result of the last run."""
    found: dict[str, Any] = json.loads(node.shell("cat /var/lib/podforge/last.json"))
    return found


def measure() -> dict[str, Any]:
    """All costs, the reports of our runs, the steps of upstream's."""
    cloud = Cloud("bench")
    cloud.purge()
    wheels = cache_folder(None) / "bench-wheels"
    has_wheels = wheels_of_ansible(wheels)
    with tempfile.TemporaryDirectory(prefix="podforge-bench-") as temporary:
        try:
            cloud.up()
            nodes = make_nodes(cloud)
            warm(nodes, Path(temporary))
            ours, apt, upstream = (nodes[side] for side in SIDES)
            put_bundle(ours, Path(temporary, "lifecycle"))
            begin = len(transactions(ours))
            costs = {"first": ours.cost("cd /tmp/lifecycle && ./on_create.sh </dev/null")}
            reports = {"first": last_report(ours)}
            installed = transactions(ours)[begin:]
            costs["second"] = ours.cost("/opt/podforge/current/on_create.sh </dev/null")
            reports["second"] = last_report(ours)
            names = sorted({name for packages in installed for name in packages})
            costs["apt"] = apt.cost(f"{APT} install --no-install-recommends {' '.join(names)}")
            upstream.copy(UPSTREAM, "/tmp/upstream.sh")
            upstream.copy(wheels, "/tmp/wheels")
            costs["upstream"] = upstream.cost(f"{PATH} bash /tmp/upstream.sh /tmp/wheels {' '.join(names)}")
        finally:
            cloud.purge()
    steps = dict(line.split("\t") for line in costs["upstream"].output.splitlines())
    return {
        "costs": {name: {"wall": cost.wall, "cpu": cost.cpu} for name, cost in costs.items()},
        "reports": reports,
        "packages": names,
        "transactions": len(installed),
        "upstream_steps": {name: float(seconds) for name, seconds in steps.items()},
        "has_wheels": has_wheels,
    }


def seconds_of_upstream(result: dict[str, Any], *, with_ansible: bool) -> float:
    """By the clock; without what its installation of ansible takes, which is most of it."""
    whole: float = result["costs"]["upstream"]["wall"]
    return whole if with_ansible else whole - float(result["upstream_steps"]["install_ansible"])


def ratios(result: dict[str, Any]) -> list[Ratio]:
    """What is printed: by the clock, which the aims are about, and in CPU seconds."""
    found = []
    for name, top, bottom, aim in (
        ("node converge / its packages in one apt transaction", "first", "apt", 1.15),
        ("second converge / first", "second", "first", 0.15),
        ("node converge / upstream's steps", "first", "upstream", 0.7),
    ):
        for unit, title in (("wall", name), ("cpu", "  the same in CPU seconds")):
            found.append(Ratio(title, result["costs"][top][unit], result["costs"][bottom][unit], aim))
    bare = seconds_of_upstream(result, with_ansible=False)
    found.append(Ratio("  upstream without pip install ansible", result["costs"]["first"]["wall"], bare, 0.7))
    return found


def where_the_time_goes(report: dict[str, Any]) -> list[str]:
    """The parts of a run: its roles, and the rest (environment, start of ansible-playbook)."""
    roles = report["roles"]
    rest = report["seconds"] - sum(role["seconds"] for role in roles.values())
    rows = [(name, role["seconds"], f"{role['changed']} changed") for name, role in roles.items()]
    rows.append(("environment, start", rest, ""))
    return [
        f"  {name:<28} {seconds:6.1f} s  {100 * seconds / report['seconds']:3.0f} %  {note}"
        for name, seconds, note in rows
    ]


def printed(result: dict[str, Any]) -> list[str]:
    """Ratios, and where the time goes."""
    lines = [ratio.line() for ratio in ratios(result)]
    if not result["has_wheels"]:
        lines.append("upstream's side is without pip install ansible: its wheels could not be had")
    lines.append(f"\n{result['transactions']} apt transaction(s) of ours: {' '.join(result['packages'])}")
    for title, report in result["reports"].items():
        lines.append(f"\nwhere the {report['seconds']:.1f} s of the {title} converge go")
        lines += where_the_time_goes(report)
    lines.append(f"\nwhere the {result['costs']['upstream']['wall']:.1f} s of upstream's steps go")
    lines += [f"  {name:<28} {seconds:6.1f} s" for name, seconds in result["upstream_steps"].items()]
    return lines


if __name__ == "__main__":
    sys.exit(command(__doc__, measure, printed))
