# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promise of the README, step by step, on one cluster."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cloud import BIN
from tests.support.cloud import PREFIX
from tests.support.cloud import ROOT
from tests.support.cloud import Cloud
from tests.support.cloud import container
from tests.support.cloud import wait_for

CONTROLLER, LOGIN, WORKERS = "controller-machine", "my-login-group", "worker-group-1"
FOREIGN = f"podforge-{PREFIX}-foreign"
SAMPLES = "/opt/podforge/current/collections/ansible_collections/podforge/hyperpod/playbooks/files/slurm-jobs"

# Files, packages, units and processes; the roles themselves are in the bundle, below /opt/podforge.
KUBERNETES = r"""
find /etc /run /var/lib /var/log /usr/local /usr/bin /usr/sbin /opt/cni -xdev 2>/dev/null |
    grep -iE 'kube|flannel|/cni(/|$)|containerd' | grep -v '^/usr/local/aws-cli/\|^/usr/lib/python'
dpkg-query -W -f '${Package}\n' | grep -E '^(kube|cri-tools|containerd|haproxy|ebtables|conntrack)'
systemctl list-units --all --no-legend --plain | grep -iE 'kube|containerd'
pgrep -af 'kube|containerd|etcd|haproxy' | grep -v pgrep
exit 0
"""


@pytest.fixture(scope="module")
def cluster(cloud: Cloud) -> str:
    """Name of the cluster that the inventory describes."""
    names = [summary["ClusterName"] for summary in cloud.aws("sagemaker", "list-clusters")["ClusterSummaries"]]
    assert len(names) == 1, names
    return str(names[0])


@pytest.fixture(scope="module")
def foreign() -> Iterator[str]:
    """Somebody else's container, with a name that looks like ours."""
    image = subprocess.run(
        ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}", "localhost/podforge-hyperpod-node"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()[0]
    subprocess.run(["podman", "create", "--replace", "--name", FOREIGN, image, "true"], check=True, capture_output=True)
    yield FOREIGN
    subprocess.run(["podman", "rm", "--force", FOREIGN], check=False, capture_output=True)


def one(cloud: Cloud, cluster: str, group: str) -> str:
    """The only instance of a group."""
    ids = cloud.in_group(cluster, group)
    assert len(ids) == 1, ids
    return ids[0]


def sinfo(cloud: Cloud, cluster: str) -> dict[str, str]:
    """State of each compute node, as Slurm's users see it."""
    rows = cloud.shell(one(cloud, cluster, CONTROLLER), "sinfo --noheader --Node --format '%N %T'", check=False)
    return dict(row.split() for row in rows.splitlines() if len(row.split()) == 2)


def compute_states(cloud: Cloud, cluster: str) -> list[str]:
    """States of the nodes of the worker group."""
    hosts = {cloud.shell(node, "hostname", check=False).strip() for node in cloud.in_group(cluster, WORKERS)}
    return sorted(state for host, state in sinfo(cloud, cluster).items() if host in hosts)


def changed(output: str) -> int:
    """Sum of changed= in the recaps of a playbook's output."""
    found = re.findall(r"\bchanged=(\d+)", output)
    assert found, output[-2000:]
    return sum(map(int, found))


def test_the_playbook_builds_the_cluster(cloud: Cloud, log: Path) -> None:
    output = cloud.playbook("cluster", log=log)
    assert changed(output) > 0, "there was nothing before"
    assert re.search(r"ip-\d+-\d+-\d+-\d+", output), "ends with a table of the nodes"
    assert re.search(r"podman exec -it \S+ bash -l    # a shell on ip-", output), "and with what to type next"
    assert "srun --nodes=2 hostname    # there: a job" in output


def test_awscli_sees_four_running_nodes(cloud: Cloud, cluster: str) -> None:
    nodes = cloud.nodes(cluster)
    assert [node["InstanceGroupName"] for node in nodes] == [CONTROLLER, LOGIN, WORKERS, WORKERS]
    assert {node["InstanceStatus"]["Status"] for node in nodes} == {"Running"}
    assert cloud.aws("sagemaker", "describe-cluster", "--cluster-name", cluster)["ClusterStatus"] == "InService"


def test_every_node_is_idle(cloud: Cloud, cluster: str) -> None:
    wait_for("sinfo", lambda: compute_states(cloud, cluster) == ["idle", "idle"], 180)


def test_a_user_runs_a_job_on_two_nodes_from_the_login_node(cloud: Cloud, cluster: str) -> None:
    partition = cloud.shell(one(cloud, cluster, CONTROLLER), "sinfo --noheader --format %R").split()
    assert partition
    output = cloud.shell(
        one(cloud, cluster, LOGIN), "cd /fsx && srun --nodes=2 --ntasks-per-node=1 hostname", user="ubuntu"
    )
    hosts = {cloud.shell(node, "hostname").strip() for node in cloud.in_group(cluster, WORKERS)}
    assert set(output.split()) == hosts


def test_the_shared_file_system_is_shared(cloud: Cloud, cluster: str) -> None:
    first, second = cloud.in_group(cluster, WORKERS)
    cloud.shell(first, "echo seen > /fsx/from-the-first && sync")
    assert cloud.shell(second, "cat /fsx/from-the-first").strip() == "seen"


def test_nodes_configured_themselves_with_ansible_core_2_17(cloud: Cloud, cluster: str) -> None:
    for node in cloud.nodes(cluster):
        instance = node["InstanceId"]
        assert "[core 2.17." in cloud.shell(instance, "/opt/podforge/current/venv/bin/ansible --version")
        last = json.loads(cloud.shell(instance, "cat /var/lib/podforge/last.json"))
        assert last["status"] == "ok"
        assert {"chrony", "gdm_mask", "slurm_base"} <= set(last["roles"])
        assert {role["status"] for role in last["roles"].values()} <= {"ok", "changed"}


def test_nothing_of_kubernetes_is_on_nodes_that_are_not_to_have_it(cloud: Cloud, cluster: str) -> None:
    for node in cloud.nodes(cluster):
        assert cloud.shell(node["InstanceId"], KUBERNETES) == ""


def test_lifecycle_logs_are_in_cloudwatch(cloud: Cloud, cluster: str) -> None:
    arn = cloud.aws("sagemaker", "describe-cluster", "--cluster-name", cluster)["ClusterArn"]
    group = f"/aws/sagemaker/Clusters/{cluster}/{arn.rpartition('/')[2]}"
    instance = one(cloud, cluster, CONTROLLER)
    stream = f"LifecycleConfig/{CONTROLLER}/{instance}"
    events = cloud.aws(
        "logs", "get-log-events", "--log-group-name", group, "--log-stream-name", stream, "--start-from-head"
    )
    messages = "\n".join(event["message"] for event in events["events"])
    assert "PLAY RECAP" in messages or "roles" in messages
    assert "slurm_base" in messages


def test_a_second_run_changes_nothing(cloud: Cloud, log: Path) -> None:
    assert changed(cloud.playbook("cluster", log=log)) == 0


def test_check_mode_changes_nothing_and_passes(cloud: Cloud, log: Path) -> None:
    assert changed(cloud.playbook("cluster", "--check", "--diff", log=log)) == 0


def test_a_node_can_configure_itself_again(cloud: Cloud, cluster: str) -> None:
    for group in (CONTROLLER, LOGIN, WORKERS):
        instance = cloud.in_group(cluster, group)[0]
        cloud.shell(instance, "/opt/podforge/current/on_create.sh", timeout=300)
        last = json.loads(cloud.shell(instance, "cat /var/lib/podforge/last.json"))
        assert last["status"] == "ok"
        assert {name: role["status"] for name, role in last["roles"].items() if role["status"] != "ok"} == {}


def test_the_inventory_connects_to_every_node(cloud: Cloud, cluster: str) -> None:
    group = f"hyperpod_cluster_{cluster.replace('-', '_')}"
    done = subprocess.run(
        [str(BIN / "ansible"), "-i", "inventory/local", group, "-m", "ansible.builtin.command", "-a", "hostname"],
        cwd=ROOT,
        env=cloud.environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("| CHANGED | rc=0") == 4


def test_the_sample_jobs_that_need_no_gpu_run(cloud: Cloud, cluster: str) -> None:
    login = one(cloud, cluster, LOGIN)
    hosts = {cloud.shell(node, "hostname").strip() for node in cloud.in_group(cluster, WORKERS)}
    work = f"mkdir -p /fsx/samples && cd /fsx/samples && cp {SAMPLES}/*.sbatch . && "
    submit = "sbatch --wait --parsable --output=out"
    probed = cloud.shell(login, f"{work} {submit} --nodes=2 ami-probe.sbatch && cat out", user="ubuntu")
    assert set(re.findall(r"(\S+) +slurm +slurm-wlm \d", probed)) == hosts
    assert set(re.findall(r"(\S+) +instance-type +c5.xlarge\n", probed)) == hosts
    failed = cloud.shell(login, f"{work} ! {submit} auto-resume.sbatch && cat out", user="ubuntu")
    assert "srun here knows no --auto-resume" in failed
    assert failed.count("this step always fails") == 1
    lacking = cloud.shell(
        login, f"{work} ! {submit} --ntasks-per-node=1 nccl-tests-ami.sbatch && cat out", user="ubuntu"
    )
    assert "no built tests were found" in lacking
    health = f"cd /fsx/samples && python3 {SAMPLES}/node_health.py --target-partition p1"
    assert cloud.shell(login, health, user="ubuntu").count("Skipped  none    dcgmi is not installed") == 2


def test_unhealthy_nodes_are_rebooted_or_replaced_and_take_the_next_jobs(cloud: Cloud, cluster: str) -> None:
    controller = one(cloud, cluster, CONTROLLER)
    ill, old = cloud.in_group(cluster, WORKERS)
    ill_host, host = (cloud.shell(node, "hostname").strip() for node in (ill, old))
    boot = cloud.shell(ill, "cut -d' ' -f22 /proc/1/stat; touch /root/kept; ls /root/kept")
    verdict = f"[ $(hostname) = {ill_host} ] && verdict=Failed:reboot || verdict=Passed:none"
    test = f'{verdict}; echo "HEALTH_CHECK_RESULT:$(hostname):$verdict:$HC_TEST_PARAMS"'
    cloud.shell(controller, f"printf '%s\\n' {shlex.quote(test)} > /fsx/ill.sh")
    check = f"python3 {SAMPLES}/node_health.py --instance-group {WORKERS} --test-script /fsx/ill.sh"
    options = """--test-script-args '{"made": "up, here"}' --output-dir /fsx/health --remediate"""
    told = cloud.shell(controller, f"! {check} {options}")
    assert re.search(rf'{ill_host} +Failed +reboot +{{"made": "up, here"}}\n', told), told
    assert f"{ill_host}: marked with Action:Reboot\n" in told
    tags = cloud.shell(controller, "sinfo --noheader --Node --partition=p1 --format='%N %f'")
    assert set(tags.split("\n")) == {f"{ill_host} HealthCheck:Failed", f"{host} HealthCheck:Passed", ""}
    # while that one reboots, the walk-through marks the other node, waits for it and runs a job there
    told = cloud.shell(controller, f"{SAMPLES}/unhealthy-node.sh --timeout 10 {host}", timeout=660)
    assert f"the next job has run on {host}\n" in told, told
    assert f"(before: {old})" in told
    workers = [node for node in cloud.nodes(cluster) if node["InstanceGroupName"] == WORKERS]
    assert {node["InstanceStatus"]["Status"] for node in workers} == {"Running"}
    ids = {node["InstanceId"] for node in workers}
    assert len(ids) == 2
    assert ill in ids
    assert old not in ids
    wait_for("sinfo", lambda: compute_states(cloud, cluster) == ["idle", "idle"], 240, pause=2)
    assert cloud.shell(ill, "ls /root/kept").strip() == "/root/kept", "it is the same instance"
    assert cloud.shell(ill, "cut -d' ' -f22 /proc/1/stat; ls /root/kept") != boot, "and was rebooted"
    output = cloud.shell(one(cloud, cluster, LOGIN), "cd / && srun --nodes=2 hostname", user="ubuntu")
    assert set(output.split()) == {ill_host, host}


def test_the_playbook_finds_nothing_to_do_after_the_replacement(cloud: Cloud, log: Path) -> None:
    assert changed(cloud.playbook("cluster", log=log)) == 0


def test_teardown_removes_what_was_made_and_nothing_else(cloud: Cloud, cluster: str, log: Path, foreign: str) -> None:
    cloud.playbook("teardown", log=log)
    assert cloud.aws("sagemaker", "list-clusters")["ClusterSummaries"] == []
    assert cloud.containers() == []
    assert cloud.aws("s3api", "list-buckets")["Buckets"] == []
    vpcs = cloud.aws("ec2", "describe-vpcs", "--filters", "Name=is-default,Values=false")["Vpcs"]
    assert vpcs == []
    assert [
        role["RoleName"] for role in cloud.aws("iam", "list-roles")["Roles"] if "podforge" in role["RoleName"]
    ] == []
    assert container(foreign) is not None
    assert changed(cloud.playbook("teardown", log=log)) == 0
