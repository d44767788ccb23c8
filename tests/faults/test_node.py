# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can happen to one node, on nodes of a cluster: the run after it converges, and nothing is lost.

Here: runs are killed anywhere (20 points, with packages, users, keys and settings on their way), the node is rebooted
in the middle of one, the disk is full, and name service, package manager's lock and mirror come late, all in one run.
Elsewhere, and not again here:

FSx late, gone, dead, frozen: molecule/fsx_storage, ``test_a_server_that_is_gone_and_comes_back`` (also in the middle of
a run), ``test_a_client_that_died_is_replaced``.
NVMe late: ``test_wait_for_an_instance_store_that_comes_late``.
Secrets Manager throttled: ``test_a_service_that_throttles_is_asked_again``, over HTTP.
Controller replaced while jobs are queued: molecule/slurm_backup,
``test_the_history_and_the_queue_come_back_from_a_folder``.
slurmctld killed: molecule/slurm_base, ``test_slurmctld_that_dies_comes_back``.
Two nodes of one name in succession: ``test_a_replaced_compute_node_joins_the_living_cluster`` there, and tests/e2e.
Hostile names of users and groups: molecule/users, ``test_hostile_input_is_refused_before_anything_is_done``.
The first run of a node killed: test_interrupted.py, and ``test_killed_for_real_then_run_again`` of tests/integration.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.conftest import CLUSTER
from tests.faults.conftest import LOGIN
from tests.faults.conftest import WORKERS
from tests.support.cloud import ROOT
from tests.support.cloud import Cloud
from tests.support.cloud import wait_for

RUN = "/opt/podforge/current/on_create.sh"
KILLS = 20
# All that the roles have written, and what came of it. Of the files of users, whose order tells the order of runs, the
# lines are sorted; what runs note of themselves is left out.
STATE = r"""
users='passwd|group|shadow|gshadow|subuid|subgid'
find /etc /usr/local /opt/slurm/etc /var/lib/podforge -regextype posix-extended \
    -regex "/etc/(($users)-?|\.pwd\.lock|ld\.so\.cache|mtab|resolv\.conf|hosts|hostname)" -prune \
    -o -path /var/lib/podforge/runs -prune -o -path /var/lib/podforge/ansible -prune -o -name 'last*.json' -prune \
    -o -printf '%y %m %u %p %l\n' | sort
find /etc /usr/local /opt/slurm/etc -regextype posix-extended \
    -regex "/etc/(($users)-?|ld\.so\.cache|mtab|resolv\.conf|hosts|hostname)" -prune -o -type f -print0 |
    sort -z | xargs -0 sha256sum
for file in $(echo "$users" | tr '|' ' '); do sort "/etc/$file" | sed "s/^/$file: /"; done
systemctl list-unit-files --no-legend --state=enabled,masked | sort
systemctl list-units --no-legend --plain --state=failed 'podforge*' 'slurm*' 'chrony*' 'ssh*'
systemctl is-active chrony slurmd ssh munge
dpkg --audit
dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' 'podforge-*'
ls -ldn /fsx/kept /fsx/kept/.ssh
cat /fsx/kept/mine
"""
ACCIDENTS = r"""
killed=0 log=/var/log/provision/provisioning.log
for point in $POINTS; do
    # every second run has packages to install
    [ $((killed % 2)) = 1 ] || dpkg --purge podforge-two podforge-one podforge-three >/dev/null 2>&1
    begin=$(stat --format=%s $log)
    systemd-run --quiet --collect --unit=cut --property=TimeoutStopSec=1 $RUN --extra-vars "@/root/${point#*:}.json"
    sleep "${point%:*}"
    if systemctl --quiet is-active cut; then
        killed=$((killed + 1))
        echo "killed at: $(tail --bytes=+$begin $log | grep -o 'TASK .*' | tail -n 1)"
    fi
    # again and again: what is about to be started may escape the first time
    while [ "$(systemctl is-active cut)" != inactive ]; do
        systemctl kill --signal=KILL cut 2>/dev/null
        sleep 0.1
    done
    [ $killed -lt $KILLS ] || break
done
"""
LATE = r"""
units='late-dns late-lock late-mirror'
systemctl stop $units 2>/dev/null
dpkg --purge podforge-late >/dev/null 2>&1; rm -f /var/lib/apt/lists/*_*
cat /etc/resolv.conf >/root/resolv.conf
trap 'cat /root/resolv.conf >/etc/resolv.conf; systemctl stop $units 2>/dev/null' EXIT
echo nameserver 127.0.0.9 >/etc/resolv.conf
systemd-run --quiet --collect --unit=late-dns sh -c 'sleep 8; exec python3 /root/dns.py'
systemd-run --quiet --collect --unit=late-lock python3 /root/lock.py
systemd-run --quiet --collect --unit=late-mirror sh -c \
    'sleep 64; cd /srv/mirror; exec python3 -m http.server --bind 127.0.0.1 8099'
AWS_ENDPOINT_URL_S3=http://s3.late.example $RUN --extra-vars @/root/late.json -v
"""
DNS = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.9", 53))
while True:
    question, client = server.recvfrom(512)
    server.sendto(question[:2] + b"\\x81\\x83" + question[4:6] + b"\\0" * 6 + question[12:], client)
"""
LOCK = """
import fcntl, time
with open("/var/lib/dpkg/lock-frontend", "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    time.sleep(60)
"""
FULL = r"""
used=$(du -sk /etc /var/lib/podforge | awk '{ all += $1 } END { print all }')
mkdir /full && mount -t tmpfs -o "size=$((used + 2000))k" full /full
cp -a /etc /full/etc && cp -a /var/lib/podforge /full/podforge
mount --bind /full/etc /etc && mount --bind /full/podforge /var/lib/podforge
dd if=/dev/zero of=/full/fill bs=64k; dd if=/dev/zero of=/full/fill2 bs=512
"""


def variables(name: str, number: int) -> dict[str, Any]:
    """What a node is told: two of these differ in what most roles write, install, and start anew."""
    return {
        "node_base_repositories_only": True,
        "node_base_packages": ["podforge-two" if number % 2 else "podforge-three"],
        "node_base_limits": [{"domain": "ubuntu", "item": "nofile", "value": str(500 + number)}],
        "node_base_tmpfiles": [f"d /run/podforge-{name} 0750 root root"],
        "node_base_sysctl": {"kernel.pid_max": 40000 + number},
        "chrony_config": {"maxdistance": f"{number}.5"},
        "users_groups": [{"name": "team", "gid": 7000}],
        "users_users": [
            {"name": "kept", "uid": 7001, "groups": ["team"] if number % 2 else [], "comment": f"as of {name}"},
            {"name": f"only-{name}", "uid": 7001 + number, "sudo": "ALL=(ALL:ALL) NOPASSWD:ALL"},
        ],
        "users_unlisted": "remove",
        "ssh_cluster_enabled": True,
        "shell_env_parts": ["motd", "prompt", "inputrc"] if number % 2 else ["motd", "aliases"],
        "shell_env_motd_text": f"this is {name}",
        "slurm_base_health_free": {"/": 100 + number},
        "slurm_base_log_keep": number,
    }


def put(cloud: Cloud, node: str, path: str, text: str) -> None:
    """Write a file on a node."""
    command = ["podman", "exec", "-i", cloud.container_of(node), "sh", "-c", f"cat > {path}"]
    subprocess.run(command, input=text, check=True, capture_output=True, text=True)


def prepare(cloud: Cloud, node: str, **told: dict[str, Any]) -> None:
    """A mirror of the node's own, and variables for its runs."""
    put(cloud, node, "/root/mirror.sh", (ROOT / "molecule" / "node_base" / "mirror.sh").read_text())
    key = cloud.shell(
        node, "{ [ -s /srv/mirror/key.asc ] || sh /root/mirror.sh; } >/dev/null 2>&1; cat /srv/mirror/key.asc"
    )
    mirror = {"name": "faults", "url": "http://127.0.0.1:8099/", "suites": ["./"], "key": key}
    for name, content in told.items():
        put(cloud, node, f"/root/{name}.json", json.dumps({"node_base_repositories": [mirror], **content}))


def run(cloud: Cloud, node: str, name: str) -> float:
    """A whole run, which must be well; its seconds."""
    cloud.shell(node, f"{RUN} --extra-vars @/root/{name}.json", timeout=300)
    last = json.loads(cloud.shell(node, "cat /var/lib/podforge/last.json"))
    assert last["status"] == "ok"
    return float(last["seconds"])


def state(cloud: Cloud, node: str) -> list[str]:
    """What there is on a node."""
    return cloud.shell(node, STATE, check=False).splitlines()


@pytest.fixture(scope="module", name="late")
def _late(cloud: Cloud) -> Iterator[subprocess.Popen[str]]:
    """A run of the login node that has to wait for everything, while the other tests go on."""
    [node] = cloud.in_group(CLUSTER, LOGIN)
    told = {"node_base_repositories_only": True, "node_base_packages": ["podforge-late"]}
    prepare(cloud, node, late=told)
    put(cloud, node, "/root/dns.py", DNS)
    put(cloud, node, "/root/lock.py", LOCK)
    command = ["podman", "exec", "-e", f"RUN={RUN}", cloud.container_of(node), "bash", "-c", LATE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        yield process
        process.kill()


@pytest.fixture(scope="module", name="worker")
def _worker(cloud: Cloud) -> str:
    """The node of the accidents, with two sets of variables, having run with the one, then with the other."""
    node = cloud.in_group(CLUSTER, WORKERS)[0]
    prepare(cloud, node, odd=variables("odd", 1), even=variables("even", 2))
    serve = "WorkingDirectory=/srv/mirror\nExecStart=python3 -m http.server --bind 127.0.0.1 8099"
    # it is there after a reboot as well
    put(
        cloud,
        node,
        "/etc/systemd/system/faults-mirror.service",
        f"[Service]\n{serve}\n[Install]\nWantedBy=multi-user.target\n",
    )
    cloud.shell(node, "systemctl daemon-reload && systemctl enable --now faults-mirror")
    return node


def test_a_run_killed_anywhere_and_a_node_rebooted_in_the_middle_of_one(
    cloud: Cloud, late: subprocess.Popen[str], worker: str, chance: random.Random
) -> None:
    assert late.poll() is None
    run(cloud, worker, "even")
    cloud.shell(worker, "echo precious > /fsx/kept/mine && chown kept: /fsx/kept/mine")
    whole = run(cloud, worker, "odd")
    untouched = state(cloud, worker)
    assert "precious" in untouched

    points = [f"{chance.uniform(0.2, whole):.2f}:{('even', 'odd')[number % 2]}" for number in range(3 * KILLS)]
    limit = 300 + int(3 * KILLS * whole)
    told = cloud.shell(worker, f"KILLS={KILLS} RUN={RUN} POINTS='{' '.join(points)}'\n{ACCIDENTS}", timeout=limit)
    tasks = [line for line in told.splitlines() if line.startswith("killed at: ")]
    print("\n".join(tasks))
    assert len(tasks) == KILLS, told
    assert len(set(tasks)) > KILLS // 3, "the points are all over the run"

    boot = cloud.shell(worker, "cut -d' ' -f22 /proc/1/stat")
    cut = f"systemd-run --quiet --collect --unit=cut --property=TimeoutStopSec=1 {RUN} --extra-vars @/root/even.json"
    # held there, as the service takes its time
    cloud.shell(worker, f"{cut}; sleep {chance.uniform(1, whole / 4):.2f}; systemctl kill --signal=STOP cut")
    cloud.aws("sagemaker", "batch-reboot-cluster-nodes", "--cluster-name", CLUSTER, "--node-ids", worker)

    def is_back() -> bool:
        now = cloud.shell(worker, "cut -d' ' -f22 /proc/1/stat; systemctl is-active slurmd", check=False).split()
        return len(now) == 2 and now[0] != boot.strip() and now[1] == "active"

    wait_for("the node after its reboot", is_back, 180)
    assert json.loads(cloud.shell(worker, "cat /var/lib/podforge/last.json"))["status"] != "ok", "it was in the middle"
    run(cloud, worker, "odd")
    assert state(cloud, worker) == untouched
    [controller] = cloud.in_group(CLUSTER, "controller-machine")
    host = cloud.shell(worker, "hostname").strip()
    wait_for("sinfo", lambda: "idle" in cloud.shell(controller, f"sinfo -hn {host} -o %T", check=False), 180)
    assert cloud.shell(controller, f"srun --nodelist={host} id -un kept").strip() == "kept"


def test_a_full_disk_fails_the_run_in_words_and_damages_nothing(cloud: Cloud, worker: str) -> None:
    before = state(cloud, worker)
    # a node may not mount, this machine may
    pid = subprocess.check_output(
        ["podman", "inspect", "--format={{.State.Pid}}", cloud.container_of(worker)], text=True
    )
    there = ["nsenter", "--target", pid.strip(), "--mount", "bash", "-c"]
    subprocess.run([*there, FULL], check=False, capture_output=True)
    try:
        assert " 0 /full" in cloud.shell(worker, "df --output=avail,target /full /etc")
        said = cloud.shell(worker, f"{RUN} --extra-vars @/root/even.json 2>&1; echo status $?", timeout=300)
        assert "status 0" not in said.splitlines()
        assert "No space left on device" in said, said
        assert state(cloud, worker) == before
        cloud.shell(worker, "rm /full/fill*")
        run(cloud, worker, "even")
        assert state(cloud, worker) != before
    finally:
        subprocess.run([*there, "umount /etc /var/lib/podforge /full"], check=False, capture_output=True)
        cloud.shell(worker, "systemctl daemon-reload")


def test_name_service_lock_and_mirror_that_come_late_are_waited_for(cloud: Cloud, late: subprocess.Popen[str]) -> None:
    output, _none = late.communicate(timeout=300)
    assert late.returncode == 0, output
    assert "podforge: the resolver answered after" in output
    [node] = cloud.in_group(CLUSTER, LOGIN)
    assert json.loads(cloud.shell(node, "cat /var/lib/podforge/last.json"))["seconds"] > 60
    assert cloud.shell(node, "dpkg-query --show --showformat '${db:Status-Status}' podforge-late") == "installed"
    waited = output[output.index("waited") :]
    assert re.search(r"lock\W+\d", waited), output
    assert re.search(r"mirror\W+\d", waited), output
