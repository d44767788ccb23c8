# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line and the injected faults."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.exceptions import ConnectionClosedError
from front_harness import REGION
from front_harness import ROOT
from front_harness import FrontCloud
from front_harness import make_account

ONCE = Config(retries={"total_max_attempts": 1})


@pytest.fixture(scope="module")
def cloud() -> Iterator[FrontCloud]:
    instance = FrontCloud("cli")
    try:
        yield instance
    finally:
        instance.close()


@pytest.fixture
def running(cloud: FrontCloud) -> FrontCloud:
    """The same, up; every test but the first few can be run alone."""
    if not (cloud.state / "server.json").exists():
        cloud.up("--speed", "1000")
    return cloud


def test_before_it_is_up(cloud: FrontCloud) -> None:
    assert cloud.run("status", code=3).stdout == "local_cloud 'cli' is not up\n"
    assert json.loads(cloud.run("status", "--json", code=3).stdout) == {"status": "down", "name": "cli"}
    assert "is not up" in cloud.run("down").stdout
    for command in (("env",), ("fault", "list"), ("logs", "--node", "i-1")):
        done = cloud.run(*command, code=1)
        assert done.stderr == "error: local_cloud 'cli' is not up: start it with 'python -m local_cloud up'.\n"
    assert "never up" in cloud.run("logs", code=1).stderr


def test_port_of_another_program(cloud: FrontCloud) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = cloud.run("up", "--provider", "records", "--port", str(port), code=1)
    assert done.stderr.startswith(f"error: Port {port} of 127.0.0.1 can't be used (Address already in use)")
    assert "--port" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_wrong_usage(cloud: FrontCloud) -> None:
    assert "is no port" in cloud.run("up", "--port", "70000", code=2).stderr
    assert "above 0" in cloud.run("up", "--speed", "0", code=2).stderr
    name = subprocess.run(
        [sys.executable, "-m", "local_cloud", "status", "--name", "Not Good"],
        cwd=ROOT,
        env=cloud.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (name.returncode, name.stderr.count("\n")) == (1, 1)
    assert "lower case letters" in name.stderr


def test_state_folder_that_may_not_be_written(cloud: FrontCloud) -> None:
    blocked = cloud.folder / "file"
    blocked.write_text("")
    cloud.environment["PODFORGE_STATE"] = str(blocked)
    try:
        done = cloud.run("up", "--provider", "records", "--port", str(cloud.port), code=1)
    finally:
        cloud.environment["PODFORGE_STATE"] = str(cloud.folder)
    assert "PODFORGE_STATE" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_up_again_and_with_other_settings(cloud: FrontCloud) -> None:
    assert f"is up on {cloud.url}" in cloud.up()
    pid = cloud.settings["pid"]
    assert "(already up)" in cloud.up()
    assert "(already up)" in cloud.run("up").stdout
    assert cloud.settings["pid"] == pid
    refused = cloud.run("up", "--port", "4599", code=1)
    assert f"is up with port {cloud.port}, not 4599: run 'down' first" in refused.stderr
    assert "run 'down' first" in cloud.run("up", "--provider", "podman", code=1).stderr
    assert "speed changed from 1" in cloud.run("up", "--speed", "50").stdout
    assert json.loads(cloud.run("status", "--json").stdout)["speed"] == 50
    assert (cloud.state.stat().st_mode & 0o777, (cloud.state / "server.json").stat().st_mode & 0o777) == (0o700, 0o600)
    assert (cloud.state / "socket").stat().st_mode & 0o777 == 0o700


def test_it_listens_on_loopback_and_its_socket_only(running: FrontCloud) -> None:
    cloud = running
    pid = cloud.settings["pid"]
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        # files that are open for a moment only are no listeners
        with contextlib.suppress(FileNotFoundError):
            target = str(entry.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    listening = [row[1] for row in rows if row[3] == "0A" and row[9] in inodes]
    assert listening == [f"0100007F:{cloud.port:04X}"]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(cloud.state / "socket" / "api.sock"))
        connection.sendall(b"GET /_local_cloud/health HTTP/1.0\r\n\r\n")
        assert b'"status": "ok"' in connection.makefile("rb").read()


def test_env_lines_work_in_a_shell(running: FrontCloud) -> None:
    cloud = running
    lines = cloud.run("env", "--region", "eu-north-1").stdout
    script = f"{lines}\naws sts get-caller-identity --query Account --output text; echo $AWS_REGION"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script], env={**cloud.environment, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["123456789012", "eu-north-1"]


def test_stale_files_of_a_killed_server(running: FrontCloud) -> None:
    cloud = running
    old = cloud.settings["pid"]
    cloud.kill()
    assert cloud.run("status", code=3).stdout.startswith("local_cloud 'cli' is not up; its state is in")
    assert "does not answer" in cloud.run("fault", "list", code=1).stderr
    assert "is not up" in cloud.run("down").stdout
    assert "is up on" in cloud.up("--speed", "1000")
    assert cloud.settings["pid"] != old


def test_fault_commands(running: FrontCloud) -> None:
    cloud = running
    assert cloud.run("fault", "list").stdout == "no faults\n"
    cloud.run("fault", "set", "throttle", "--percent", "30", "--operation", "CreateCluster")
    cloud.run("fault", "set", "throttle", "--percent", "20", "--operation", "CreateCluster")
    cloud.run("fault", "set", "node_launch_failure", "--count", "2", "--instance-group", "workers")
    shown = cloud.run("fault", "list").stdout.splitlines()
    assert shown == ["throttle  20 %  CreateCluster", "node_launch_failure  2 times  workers"]
    assert cloud.run("fault", "set", "throttle", "--rate", "3").stdout == "throttle  above 3 a second  all\n"
    assert "fault: throttle  20 %" in cloud.run("status").stdout
    cloud.run("fault", "clear", "throttle")
    assert len(json.loads(cloud.run("fault", "list", "--json").stdout)["faults"]) == 1
    assert "for throttle only" in cloud.run("fault", "set", "drop", "--rate", "3", code=1).stderr
    cloud.run("fault", "clear")
    assert cloud.run("fault", "list").stdout == "no faults\n"
    refused = cloud.run("fault", "set", "throttle", "--percent", "300", code=1)
    assert "no number from 0 to 100" in refused.stderr
    assert "hits requests" in cloud.run("fault", "set", "drop", "--count", "1", "--instance-group", "a", code=1).stderr
    assert "give one of percent, count and rate" in cloud.run("fault", "set", "drop", code=1).stderr
    cloud.run("fault", "set", "directory_slow", "--seconds", "3", "--resource", "ldaps")
    assert cloud.run("fault", "list").stdout == "directory_slow  3 s  ldaps\n"
    cloud.run("fault", "clear")


@pytest.fixture
def faults(running: FrontCloud) -> Iterator[FrontCloud]:
    yield running
    running.admin("DELETE", "faults")


def put(cloud: FrontCloud, **fault: Any) -> None:
    assert cloud.admin("PUT", "faults", fault)[0] == 200


def outcomes(cloud: FrontCloud, calls: int) -> list[str]:
    client, found = cloud.client("sagemaker", config=ONCE), []
    for _dummy in range(calls):
        try:
            client.list_clusters()
            found.append("ok")
        except ClientError as error:
            found.append(error.response["Error"]["Code"])
        except ConnectionClosedError:
            found.append("dropped")
    return found


def test_percentages_are_drawn_alike_after_the_same_seed(faults: FrontCloud) -> None:
    put(faults, kind="throttle", percent=50)
    runs = []
    for _dummy in range(2):
        faults.admin("PUT", "faults", {"seed": 7})
        runs.append(outcomes(faults, 12))
    assert runs[0] == runs[1]
    assert set(runs[0]) == {"ok", "ThrottlingException"}
    put(faults, kind="throttle", percent=100)
    assert set(outcomes(faults, 3)) == {"ThrottlingException"}


def test_sdk_gets_over_counted_faults(faults: FrontCloud) -> None:
    put(faults, kind="server_error", count=1)
    put(faults, kind="drop", count=1)
    answer = faults.client("sagemaker", config=None).list_clusters()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert faults.admin("GET", "faults")[1]["faults"] == []


def test_errors_are_those_of_each_service(faults: FrontCloud) -> None:
    put(faults, kind="throttle", percent=100)
    codes = {}
    for service, operation in (
        ("s3", "list_buckets"),
        ("ec2", "describe_vpcs"),
        ("iam", "list_roles"),
        ("eks", "list_clusters"),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(faults.client(service, config=ONCE), operation)()
        codes[service] = caught.value.response["Error"]["Code"]
    assert codes == {
        "s3": "SlowDown",
        "ec2": "RequestLimitExceeded",
        "iam": "Throttling",
        "eks": "ThrottlingException",
    }


def test_one_operation_is_hit_others_are_not(faults: FrontCloud) -> None:
    put(faults, kind="server_error", percent=100, operation="s3:PutObject")
    s3 = faults.client("s3", "us-east-1", config=ONCE)
    s3.create_bucket(Bucket="half-broken")
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="half-broken", Key="k", Body=b"x" * 3_000_000)
    assert caught.value.response["Error"]["Code"] == "InternalError"
    assert s3.list_objects_v2(Bucket="half-broken")["KeyCount"] == 0


def test_dropped_before_and_after(faults: FrontCloud) -> None:
    ec2 = faults.client("ec2", config=ONCE)

    def cidrs() -> set[str]:
        return {vpc["CidrBlock"] for vpc in ec2.describe_vpcs()["Vpcs"]}

    for kind, cidr, done in (("drop", "10.101.0.0/16", False), ("drop_after", "10.102.0.0/16", True)):
        put(faults, kind=kind, count=1, operation="CreateVpc")
        with pytest.raises(ConnectionClosedError):
            ec2.create_vpc(CidrBlock=cidr)
        assert (cidr in cidrs()) is done


def test_engine_fault_reaches_the_service(faults: FrontCloud) -> None:
    account = make_account(faults, "sagemaker-faults-test")
    put(faults, kind="insufficient_capacity", percent=100)
    sagemaker = faults.client("sagemaker")
    sagemaker.create_cluster(ClusterName="none", InstanceGroups=[account["group"]], VpcConfig=account["vpc_config"])
    deadline = time.monotonic() + 60
    while (cluster := sagemaker.describe_cluster(ClusterName="none"))["ClusterStatus"] in ("Creating", "RollingBack"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert cluster["ClusterStatus"] == "Failed"
    assert "sufficient capacity" in cluster["FailureMessage"]
    text = faults.run("status").stdout
    assert "none  Failed  us-west-2  123456789012" in text


def test_logs_of_server_and_nodes(running: FrontCloud) -> None:
    cloud = running
    assert "local_cloud.server: up:" in cloud.run("logs").stdout
    assert "There is no lifecycle log of node i-nope" in cloud.run("logs", "--node", "i-nope", code=1).stderr
    logs = cloud.client("logs")
    group = "/aws/sagemaker/Clusters/demo/abcdefghijkl"
    logs.create_log_group(logGroupName=group)
    now = int(time.time() * 1000)
    for number, node in enumerate(("i-0123456789abcdef0", "i-0123456789abcdef1")):
        stream = f"LifecycleConfig/workers/{node}"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        event = {"timestamp": now + number, "message": f"line of {number}"}
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
    assert cloud.run("logs", "--node", "i-0123456789abcdef1").stdout == "line of 1\n"
    both = cloud.run("logs", "--cluster", "demo").stdout.splitlines()
    assert both == ["i-0123456789abcdef0 line of 0", "i-0123456789abcdef1 line of 1"]
    follow = subprocess.Popen(
        [sys.executable, "-m", "local_cloud", "logs", "-f", "--node", "i-0123456789abcdef1", "--name", cloud.name],
        cwd=ROOT,
        env=cloud.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert follow.stdout is not None
        assert follow.stdout.readline() == "line of 1\n"
        event = {"timestamp": now + 9, "message": "and another"}
        stream = "LifecycleConfig/workers/i-0123456789abcdef1"
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])
        assert follow.stdout.readline() == "and another\n"
    finally:
        follow.kill()
        follow.wait()


def test_clean_end_saves_late_log_events_and_removes_its_files(running: FrontCloud) -> None:
    cloud = running
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="late")
    logs.create_log_stream(logGroupName="late", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "last words"}
    logs.put_log_events(logGroupName="late", logStreamName="s", logEvents=[event])
    assert "is down; its state is kept" in cloud.run("down").stdout
    assert b"last words" in (cloud.state / "moto" / "logs.pickle").read_bytes()
    assert not (cloud.state / "server.json").exists()
    assert not (cloud.state / "socket" / "api.sock").exists()


def test_purge_removes_all(running: FrontCloud) -> None:
    cloud = running
    cloud.run("down")
    refused = cloud.run("up", "--provider", "podman", code=1)
    assert "are of provider records: remove them with 'down --purge'" in refused.stderr
    assert "is removed" in cloud.run("down", "--purge").stdout
    assert not cloud.state.exists()
    assert "nothing to do" in cloud.run("down", "--purge").stdout


def test_foreground_ends_with_sigterm(cloud: FrontCloud) -> None:
    cloud.run("down")
    command = [sys.executable, "-m", "local_cloud", "up", "--foreground", "--provider", "records", "--name", cloud.name]
    process = subprocess.Popen([*command, "--port", str(cloud.port)], cwd=ROOT, env=cloud.environment)
    try:
        deadline = time.monotonic() + 60
        while not (cloud.state / "server.json").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        assert cloud.client("sagemaker", REGION).list_clusters()["ClusterSummaries"] == []
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
