# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real containers: a controller and two workers, with the agents' side of the service played by a small server.

The tests share the containers and run in this order; each leaves them as the next expects it.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.modules.hyperpod_lifecycle import build
from nodes_demo import Demo
from nodes_demo import started
from nodes_harness import BUCKET
from nodes_harness import MUNGE_KEY
from nodes_harness import REGION
from nodes_harness import make_spec
from nodes_harness import wait
from shim_harness import answers

from local_cloud.providers.base import LaunchError
from local_cloud.providers.podman import container_name

ROOT = Path(__file__).resolve().parents[3]
CLOUD = "testnodes"
PORT = 4641
LOG = "/var/log/provision/provisioning.log"
DLAMI_NVME = "systemctl show -p ActiveState --value dlami-nvme"
LATEST = "http://169.254.169.254/latest"


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with started(CLOUD, PORT) as result:
        yield result


def test_a_plain_bash_lifecycle_succeeds_on_all_nodes(demo: Demo) -> None:
    for spec in demo.nodes:
        assert demo.ended(spec)["type"] == "LifecycleSucceeded", demo.harness.log_lines(spec)
        assert demo.harness.kinds(spec) == ["Booted", "LifecycleStarted", "LifecycleSucceeded"]


def test_script_runs_as_the_service_runs_it(demo: Demo) -> None:
    lines = demo.harness.log_lines(demo.worker1)
    folder = f"/tmp/{BUCKET}/lifecycle"
    assert lines[:4] == [
        "[SageMaker] Downloading lifecycle scripts",
        f"start home=unset cwd={folder} stdin=/dev/null user=root",
        "no terminal",
        "I am 10.46.4.12 in worker-group-1, the controller is 10.46.4.11",
    ]
    assert lines[4] == "greeting: hello"
    assert lines[-2:] == ["steps done", "[SageMaker] The lifecycle scripts succeeded."]
    assert [line for line in demo.sh(demo.worker1, f"cat {LOG}").splitlines() if line.strip()] == lines
    assert demo.sh(demo.worker1, f"stat -c '%a %U' {LOG}").strip() == "640 root"
    assert demo.sh(demo.worker1, f"cd {folder} && ls").split() == ["on_create.sh", "steps.sh"]


def test_nodes_boot_without_a_failed_unit(demo: Demo) -> None:
    for spec in demo.nodes:
        failed = demo.sh(spec, "systemctl --failed --no-legend --plain", check=False)
        assert demo.sh(spec, "systemctl is-system-running", check=False).strip() == "running", failed
    enabled = "systemctl is-enabled avahi-daemon switcheroo-control gdm chrony ssh"
    assert demo.sh(demo.worker1, enabled).split() == ["enabled"] * 5
    disabled = "systemctl is-enabled slurmctld slurmdbd mariadb munge"
    assert set(demo.sh(demo.worker1, disabled, check=False).split()) == {"disabled"}


def test_files_names_and_mounts(demo: Demo) -> None:
    stat = "cd /opt/ml/config && stat -c '%n %a %U:%G' *.json /etc/munge/munge.key"
    assert demo.sh(demo.worker1, stat).splitlines() == [
        "provisioning_parameters.json 640 root:root",
        "resource_config.json 640 root:root",
        "/etc/munge/munge.key 400 munge:munge",
    ]
    assert demo.sh(demo.worker1, "cat /etc/munge/munge.key") == MUNGE_KEY
    assert demo.sh(demo.worker1, "hostname").strip() == "ip-10-46-4-12"
    for spec in demo.nodes:
        assert demo.sh(demo.worker1, f"getent hosts {spec.hostname}").split()[0] == spec.ip_address
    assert demo.sh(demo.worker2, "ls /fsx").split() == [f"seen-by-{spec.hostname}" for spec in demo.nodes]
    # the second worker's group has an EbsVolumeConfig; the type of both has no instance store
    mounted = "mountpoint -q /opt/sagemaker && echo ebs; mountpoint -q /opt/dlami/nvme && echo nvme; true"
    assert (demo.sh(demo.worker1, mounted).split(), demo.sh(demo.worker2, mounted).split()) == ([], ["ebs"])
    assert demo.sh(demo.worker1, DLAMI_NVME).split() == ["inactive"]
    assert demo.sh(demo.worker1, "ls /sys/block /sys/bus/pci/devices | grep -v '^/sys' | xargs") == "\n"
    demo.sh(demo.worker2, "touch /opt/sagemaker/mine")
    assert demo.sh(demo.worker1, "id -u ubuntu; sudo -u ubuntu sudo -n id -u").split() == ["1000", "0"]


def test_slurm_is_found_by_path_only(demo: Demo) -> None:
    assert demo.sh(demo.worker1, "command -v sinfo").strip() == "/opt/slurm/bin/sinfo"
    assert demo.sh(demo.worker1, "PATH=/usr/bin:/bin command -v sinfo", check=False) == ""
    expected = ["accounting.conf", "cgroup.conf", "gres.conf", "plugstack.conf", "slurm.conf", "slurmdbd.conf.template"]
    assert demo.sh(demo.controller, "ls /opt/slurm/etc").split() == expected
    assert "slurm.conf" not in demo.sh(demo.worker1, "ls /opt/slurm/etc").split()
    demo.sh(demo.worker1, "test -f /opt/slurm/include/slurm/spank.h -a -f /opt/slurm/lib/slurm/auth_munge.so")


def test_metadata_service(demo: Demo) -> None:
    code = f"curl -s -o /dev/null -w '%{{http_code}}' {LATEST}"
    assert demo.sh(demo.worker1, f"{code}/meta-data/instance-id") == "401"
    assert demo.sh(demo.worker1, f"{code}/api/token -X PUT") == "400"
    ttl = "-H 'X-aws-ec2-metadata-token-ttl-seconds: 60'"
    assert demo.sh(demo.worker1, f"{code}/api/token -X PUT {ttl} -H 'X-Forwarded-For: 1.2.3.4'") == "403"
    token = demo.sh(demo.worker1, f"curl -sf -X PUT {LATEST}/api/token {ttl}")
    get = f"curl -sf -H 'X-aws-ec2-metadata-token: {token}' {LATEST}"
    assert demo.sh(demo.worker1, f"{get}/meta-data/instance-id") == demo.worker1.instance_id
    assert demo.sh(demo.worker1, f"{get}/meta-data/instance-type") == "c5.xlarge"
    assert demo.sh(demo.worker1, f"{get}/meta-data/placement/availability-zone-id") == "usw2-az1"
    identity = json.loads(demo.sh(demo.worker1, f"{get}/dynamic/instance-identity/document"))
    assert identity["region"] == REGION


def test_ansible_sends_a_module_by_one_command(demo: Demo, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    module = [
        {"ansible.builtin.shell": "cat; id -un > /tmp/me", "register": "said"},
        {"ansible.builtin.assert": {"that": ["said.stdout == ''"]}},
    ]
    files = [
        {"ansible.builtin.copy": {"content": "a 'b'\n", "dest": "/tmp/not mine", "mode": "0600"}},
        {"ansible.builtin.fetch": {"src": "/tmp/me", "dest": f"{kept}/", "flat": True}},
    ]
    for user, options in (("root", ""), ("ubuntu", "--user ubuntu ")):
        [call] = demo.play(demo.worker1, module, tmp_path, "" if user == "root" else user)
        assert call.startswith(f"exec --interactive {options}{container_name(demo.worker1)} ")
        demo.play(demo.worker1, files, tmp_path, "" if user == "root" else user)
        assert (kept / "me").read_text(encoding="utf-8") == f"{user}\n"
        assert demo.sh(demo.worker1, "stat -c %U '/tmp/not mine'; cat '/tmp/not mine'") == f"{user}\na 'b'\n"
        demo.sh(demo.worker1, "rm -f /tmp/me '/tmp/not mine'")


@pytest.mark.parametrize(
    "words",
    [
        ["sh", "-c", "cat; env | sort; id; pwd; umask; ulimit -a; grep -E 'Cap|Seccomp' /proc/self/status"],
        ["--interactive", "sh", "-c", "cat; cat /proc/self/cgroup; exit 7"],
        ["--user", "ubuntu", "id", "-un"],
    ],
    ids=["surroundings", "input and status", "another user"],
)
def test_what_tests_call_podman_does_the_same(demo: Demo, tmp_path: Path, words: list[str]) -> None:
    container, other = container_name(demo.worker1), container_name(demo.worker2)
    podman, first, second = answers(container, other, words, tmp_path)
    assert podman[1], "it says something"
    assert first == second == podman


def test_clients_take_the_roles_credentials_from_there(demo: Demo) -> None:
    show = "env -u HOME aws configure list"
    text = demo.sh(demo.worker1, show)
    assert [line.split()[2] for line in text.splitlines() if "access_key" in line] == ["iam-role"], text
    assert demo.sh(demo.worker1, f"aws s3 ls s3://{BUCKET}/shared/").split()[-1] == "greeting"
    in_a_service = f"systemd-run --quiet --wait --pipe aws s3 ls s3://{BUCKET}/shared/"
    assert demo.sh(demo.worker1, in_a_service).split()[-1] == "greeting"
    as_ubuntu = f"su - ubuntu -c 'aws s3 ls s3://{BUCKET}/shared/'"
    assert demo.sh(demo.worker1, as_ubuntu).split()[-1] == "greeting"


def test_jobs_run_on_both_workers(demo: Demo) -> None:
    demo.idle("sinfo -h -p dev -o '%D %t'", "2 idle")
    output = demo.sh(demo.controller, "srun -N2 hostname")
    assert sorted(output.split()) == ["ip-10-46-4-12", "ip-10-46-4-13"]
    assert demo.sh(demo.worker1, "sinfo -h -p partition-1 -o '%D'").strip() == "2"


def test_other_reasons_are_no_requests(demo: Demo) -> None:
    for node, reason in (("ip-10-46-4-12", "Action:Replace please"), ("ip-10-46-4-13", "action:reboot")):
        demo.sh(demo.controller, f"scontrol update node={node} state=fail reason='{reason}'")
    time.sleep(5)
    demo.sh(demo.controller, "scontrol update node=ip-10-46-4-[12-13] state=resume")
    assert demo.harness.last(demo.controller, "NodeAction") is None


def test_a_request_to_reboot_is_passed_on_once_and_the_node_resumed(demo: Demo) -> None:
    reason = "scontrol update node=ip-10-46-4-13 state=fail reason=Action:Reboot"
    demo.sh(demo.controller, reason)
    event = wait("the request arrives", lambda: demo.harness.last(demo.controller, "NodeAction"))
    assert event == {"type": "NodeAction", "node_name": "ip-10-46-4-13", "action": "Reboot"}
    demo.sh(demo.worker2, "touch /root/kept /tmp/gone")
    boot = demo.sh(demo.worker2, "cat /proc/1/stat").split()[21]
    demo.provider.reboot(demo.worker2)
    wait("it reports", lambda: demo.harness.kinds(demo.worker2).count("Booted") == 2)
    state = "scontrol show node ip-10-46-4-13 -o | grep -o ' State=[^ ]*'"
    wait("it is idle again", lambda: demo.sh(demo.controller, state).strip() == "State=IDLE")
    assert demo.sh(demo.worker2, "cat /proc/1/stat").split()[21] != boot
    demo.sh(demo.worker2, "test -e /root/kept -a ! -e /tmp/gone")
    assert demo.harness.kinds(demo.worker2).count("LifecycleStarted") == 1
    assert demo.harness.kinds(demo.controller).count("NodeAction") == 1
    assert demo.sh(demo.worker2, "curl -s -o /dev/null -w '%{http_code}' " + LATEST) == "401"


def test_a_new_node_is_in_slurm_without_anybodys_help(demo: Demo) -> None:
    demo.sh(demo.controller, "echo '# mine' >> /opt/slurm/etc/slurm.conf")
    new = demo.harness.add(make_spec(CLOUD, "worker-group-1", 3, 14))
    show = "scontrol show node ip-10-46-4-14"
    wait("slurmctld knows it", lambda: "NodeAddr=10.46.4.14" in demo.sh(demo.controller, show, check=False))
    assert demo.sh(demo.controller, "getent hosts ip-10-46-4-14").split()[0] == new.ip_address
    assert "# mine" not in demo.sh(demo.controller, "cat /opt/slurm/etc/slurm.conf")
    # slurmctld was started again: a job may have to wait until the nodes have registered, and srun says so
    assert demo.sh(demo.controller, "srun -w ip-10-46-4-12 hostname 2>/dev/null").strip() == "ip-10-46-4-12"
    del demo.harness.specs[new.instance_id]
    wait("it is gone", lambda: "not found" in demo.sh(demo.controller, show, check=False))


def test_slurm_conf_comes_back_when_slurmd_took_it(demo: Demo) -> None:
    demo.sh(demo.controller, "rm /opt/slurm/etc/slurm.conf")
    wait(
        "it is there", lambda: "SlurmctldHost" in demo.sh(demo.controller, "cat /opt/slurm/etc/slurm.conf", check=False)
    )


def test_log_lines_wait_for_an_api_that_is_away(demo: Demo) -> None:
    demo.harness.refuse_logs = True
    demo.sh(demo.worker1, f"echo later >> {LOG}")
    time.sleep(5)
    demo.harness.stop()
    time.sleep(2)
    demo.harness.refuse_logs = False
    demo.harness.start()
    wait("the line arrives", lambda: demo.harness.log_lines(demo.worker1)[-1] == "later")
    assert demo.harness.log_lines(demo.worker1).count("later") == 1


def test_launch_is_idempotent(demo: Demo) -> None:
    inspect = ["podman", "inspect", "--format", "{{.Id}} {{.State.StartedAt}}", container_name(demo.worker1)]
    before = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout
    demo.provider.launch(demo.worker1)
    assert subprocess.run(inspect, capture_output=True, text=True, check=True).stdout == before
    assert demo.provider.running() == {spec.instance_id for spec in demo.nodes}
    subprocess.run(["podman", "stop", "-t", "10", container_name(demo.worker1)], capture_output=True, check=True)
    assert demo.provider.running() == {demo.controller.instance_id, demo.worker2.instance_id}
    demo.provider.launch(demo.worker1)
    assert demo.worker1.instance_id in demo.provider.running()
    identity = subprocess.run(inspect, capture_output=True, text=True, check=True).stdout.split()[0]
    assert identity == before.split()[0]


def test_a_script_that_fails_fails_the_node_with_its_last_words(demo: Demo) -> None:
    demo.worker2 = demo.renew(demo.worker2, source_s3_uri=f"s3://{BUCKET}/failing", on_create="run.sh")
    event = demo.ended(demo.worker2)
    assert (event["type"], event["exit_code"]) == ("LifecycleFailed", 3)
    # Everything was in CloudWatch before the service knew: it may end the instance at once.
    assert demo.harness.log_lines(demo.worker2)[-5:] == [
        "[SageMaker] Downloading lifecycle scripts",
        "first",
        "the last words",
        "The script run.sh ended with exit code 3.",
        "[SageMaker] The lifecycle scripts failed.",
    ]
    assert demo.sh(demo.worker2, "test -e /root/kept || echo wiped").strip() == "wiped"
    assert demo.sh(demo.worker2, "ls /opt/sagemaker") == ""


def test_another_attempt_is_another_run(demo: Demo) -> None:
    demo.harness.attempts[demo.worker2.instance_id] = 2
    demo.harness.lifecycle[demo.worker2.instance_id] = {
        "source_s3_uri": f"s3://{BUCKET}/lifecycle",
        "on_create": "on_create.sh",
    }
    wait("it succeeds", lambda: demo.harness.last(demo.worker2, "LifecycleSucceeded"))
    assert demo.harness.last(demo.worker2, "LifecycleSucceeded")["attempt"] == 2  # type: ignore[index] # just waited for
    del demo.harness.attempts[demo.worker2.instance_id], demo.harness.lifecycle[demo.worker2.instance_id]


@pytest.mark.parametrize("how", ["script", "agent", "reboot"])
def test_a_run_that_is_cut_off_has_failed(demo: Demo, how: str) -> None:
    demo.worker2 = demo.renew(demo.worker2, source_s3_uri=f"s3://{BUCKET}/sleeping", on_create="run.sh")
    wait("it sleeps", lambda: "sleeping" in demo.sh(demo.worker2, f"cat {LOG}", check=False))
    if how == "script":
        demo.sh(demo.worker2, "pkill -KILL -f run.sh")
    elif how == "agent":
        demo.sh(demo.worker2, "systemctl kill --kill-whom=main --signal=KILL sagemaker-host-agent")
    else:
        demo.provider.reboot(demo.worker2)
    event = demo.ended(demo.worker2)
    assert event["type"] == "LifecycleFailed"
    assert event["exit_code"] == (137 if how == "script" else 143)
    assert demo.sh(demo.worker2, "pgrep -f run.sh", check=False) == ""
    assert demo.harness.kinds(demo.worker2).count("LifecycleStarted") == 1


@pytest.mark.parametrize(
    ("prefix", "script", "code", "says"),
    [
        ("crlf", "run.sh", 126, "lines must end with LF"),
        ("failing", "other.sh", 127, "The script other.sh is not in"),
        ("nothing-here", "run.sh", 1, "There are no objects below"),
    ],
)
def test_a_script_that_can_not_be_started_says_why(demo: Demo, prefix: str, script: str, code: int, says: str) -> None:
    demo.worker2 = demo.renew(demo.worker2, source_s3_uri=f"s3://{BUCKET}/{prefix}", on_create=script)
    event = demo.ended(demo.worker2)
    assert (event["type"], event["exit_code"]) == ("LifecycleFailed", code)
    assert says in event["message"]
    assert any(says in line for line in demo.harness.log_lines(demo.worker2)[-3:])


def test_without_on_create_the_ami_starts_slurm_itself(demo: Demo) -> None:
    """OnInitComplete on one worker, nothing at all on the others. The workers are of a type with GPUs."""
    gpu = "ml.p5.48xlarge"
    for spec in (demo.worker1, demo.worker2):
        # a slurmd reads its GPUs at its start only: none may run when the controller learns of them
        demo.provider.terminate(spec)
        demo.harness.add(dataclasses.replace(spec, instance_type=gpu))
    demo.controller = demo.renew(demo.controller, source_s3_uri=None, on_create=None)
    plain: dict[str, Any] = {"on_create": None, "instance_type": gpu}
    demo.worker1 = demo.renew(demo.worker1, source_s3_uri=None, **plain)
    demo.worker2 = demo.renew(demo.worker2, source_s3_uri=f"s3://{BUCKET}/init", on_init_complete="run.sh", **plain)
    ends = [demo.ended(spec, 180) for spec in demo.nodes]
    assert [(end["type"], end["message"]) for end in ends] == [("LifecycleSucceeded", "")] * 3
    assert demo.harness.log_lines(demo.worker2)[-2:] == [
        "init done on ip-10-46-4-13",
        "[SageMaker] The lifecycle scripts succeeded.",
    ]
    demo.idle("sinfo -h -p dev -o '%D %t'", "2 idle")
    job = "cd /fsx && sudo -u ubuntu srun -N2 bash -c 'echo $HOME'"
    assert demo.sh(demo.controller, job).split() == ["/fsx/ubuntu", "/fsx/ubuntu"]
    assert demo.sh(demo.worker1, f"mountpoint -q /opt/dlami/nvme && {DLAMI_NVME}").split() == ["active"]
    gpus = demo.sh(demo.controller, "srun -N1 --gpus=2 bash -c 'echo $CUDA_VISIBLE_DEVICES'")
    assert gpus.strip() == "0,1"
    wait("the accounting has it", lambda: "completed" in demo.sh(demo.controller, "sacct -a -n -o state%20").lower())
    assert demo.sh(demo.controller, "stat -c '%a %U' /opt/slurm/etc/slurmdbd.conf").strip() == "600 slurm"
    hop = "sudo -u ubuntu ssh -o StrictHostKeyChecking=no -o BatchMode=yes ip-10-46-4-13 hostname 2>/dev/null"
    assert demo.sh(demo.controller, hop).strip() == "ip-10-46-4-13"


def test_the_collections_own_bundle_takes_over_what_the_ami_has_started(demo: Demo) -> None:
    """OnInitComplete with the lifecycle files that hyperpod_lifecycle stages; all else runs them as OnCreate."""
    python = demo.sh(demo.worker1, "python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'").strip()
    options: dict[str, Any] = dict.fromkeys(("provisioning_parameters", "wheels_dir", "cache_dir"))
    options |= {"collections": [], "collection_paths": {"podforge.hyperpod": str(ROOT)}, "node_vars": {}}
    bundle = build({**options, "node_pythons": [python], "architectures": ["x86_64"]})
    for name, content in bundle.objects.items():
        demo.harness.client("s3").put_object(Bucket=BUCKET, Key=f"own/{name}", Body=content)
    demo.worker1 = demo.renew(demo.worker1, source_s3_uri=f"s3://{BUCKET}/own", on_init_complete="on_create.sh")
    wait("the AMI has started it", lambda: demo.sh(demo.worker1, "grep conf-server /etc/default/slurmd", check=False))
    assert demo.ended(demo.worker1, 180)["type"] == "LifecycleSucceeded", demo.harness.log_lines(demo.worker1)
    last = json.loads(demo.sh(demo.worker1, "cat /var/lib/podforge/last.json"))
    assert (last["status"], last["roles"]["slurm_base"]["status"]) == ("ok", "changed")
    assert any("PLAY RECAP" in line for line in demo.harness.log_lines(demo.worker1))
    assert "conf-server" not in demo.sh(demo.worker1, "cat /etc/default/slurmd")
    demo.idle("sinfo -h -p dev -o '%D %t'", "2 idle")
    assert demo.sh(demo.controller, "srun -w ip-10-46-4-12 hostname").strip() == "ip-10-46-4-12"


def test_a_vpc_with_taken_addresses_is_refused(demo: Demo) -> None:
    addresses = {"vpc_id": "vpc-0b2", "vpc_cidr": "10.46.0.0/17", "ip_address": "10.46.4.99"}
    spec = make_spec(CLOUD, "worker-group-1", 9, 99, **addresses)
    with pytest.raises(LaunchError, match=r"10\.46\.0\.0/17.*podforge-testnodes-vpc-0a1.*another CIDR block"):
        demo.provider.launch(spec)
    assert spec.instance_id not in demo.provider.running()


def test_an_end_leaves_logs_and_nothing_else(demo: Demo) -> None:
    spec = demo.worker2
    demo.provider.terminate(spec)
    demo.provider.terminate(spec)
    assert spec.instance_id not in demo.provider.running()
    log = demo.state / "logs" / spec.instance_id / "provision" / "provisioning.log"
    assert "init done" in log.read_text(encoding="utf-8")
    assert not (demo.state / "nodes" / spec.instance_id).exists()
    assert not (demo.state / "disks" / spec.instance_id).exists()
    with pytest.raises(LaunchError, match="does not exist"):
        demo.provider.reboot(spec)


def test_purge_leaves_other_containers_alone(demo: Demo) -> None:
    image = demo.provider._ensure_image()
    name = "podforge-othertestnodes-x"
    label = "--label=podforge.local_cloud=othertestnodes"
    subprocess.run(["podman", "create", "--name", name, label, image], check=True, capture_output=True)
    try:
        demo.provider.close(purge=True)
        assert demo.provider.running() == set()
        subprocess.run(["podman", "container", "exists", name], check=True)
        networks = subprocess.run(["podman", "network", "ls", "-q"], check=True, capture_output=True, text=True).stdout
        assert f"podforge-{CLOUD}-" not in networks
        assert not (demo.state / "fsx").exists()
    finally:
        subprocess.run(["podman", "rm", "--force", name], check=True, capture_output=True)
