# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sample jobs decide, where their GPUs, MPI and Slurm are programs that print what the real ones print."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "playbooks" / "files" / "slurm-jobs"
HOST = socket.gethostname().split(".")[0]


def load(name: str) -> ModuleType:
    """A program of the folder, as a module."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


judge_dcgm = load("judge_dcgm")
node_health = load("node_health")


def result(status: str, *severities: int | None, gpu: int = 0) -> dict[str, Any]:
    """One result as DCGM 4 has it, with a complaint of each severity."""
    warnings = [
        {"error_id": 1, "error_severity": severity, "warning": f"bad thing {severity}\nof GPU"}
        if severity is not None
        else {"warning": "bad thing"}
        for severity in severities
    ]
    return {"entity_group": "GPU", "entity_id": gpu, "status": status, **({"warnings": warnings} if warnings else {})}


def document(*results: dict[str, Any], root: str = "DCGM Diagnostic") -> dict[str, Any]:
    """The JSON of one test with these results."""
    test = {"name": "memory", "results": list(results), "test_summary": {"status": "whatever"}}
    return {root: {"test_categories": [{"category": "Hardware", "tests": [test]}]}, "metadata": {"version": "4.2.3"}}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([result("Pass"), result("Pass", gpu=1)], ("Passed", "none", "2 results passed")),
        ([result("Pass"), result("Fail", 2, gpu=3)], ("Failed", "replace", "memory, GPU 3: bad thing 2 of GPU")),
        ([result("Fail", 6), result("Fail", 2, gpu=1)], ("Failed", "replace", "memory, GPU 1: bad thing 2 of GPU")),
        ([result("Fail", 1, 6)], ("Failed", "reboot", "memory, GPU 0: bad thing 6 of GPU")),
        ([result("Warn", 6), result("Pass")], ("Failed", "reboot", "memory, GPU 0: bad thing 6 of GPU")),
        ([result("Warn", 4), result("Pass")], ("Passed", "none", "1 results passed")),
        # persistence mode that is off fails every GPU of a fleet, with severity CONFIG
        ([result("Fail", 5), result("Pass", gpu=1)], ("Passed", "none", "noted, memory, GPU 0: bad thing 5 of GPU")),
        ([result("Fail", 5), result("Fail", 4)], ("Failed", "none", "memory, GPU 0: bad thing 4 of GPU")),
        ([result("Fail", 3)], ("Failed", "none", "memory, GPU 0: bad thing 3 of GPU")),
        # an older DCGM has no severities
        ([result("Fail", None)], ("Failed", "none", "memory, GPU 0: bad thing")),
        ([result("Fail")], ("Failed", "none", "memory, GPU 0: no details")),
        ([result("Pass", 2)], ("Passed", "none", "1 results passed")),
        ([result("Skip", 2), result("Not Run")], ("Skipped", "none", "dcgmi ran no test")),
        ([], ("Skipped", "none", "dcgmi ran no test")),
    ],
)
def test_judgement_of_dcgm(results: list[dict[str, Any]], expected: tuple[str, str, str]) -> None:
    assert tuple(judge_dcgm.judge(document(*results))) == expected


def test_judgement_of_dcgm_3() -> None:
    one = {"gpu_ids": "5", "status": "Fail", "warnings": [{"warning": "gone", "error_severity": 2}]}
    assert judge_dcgm.judge(document(one, root="DCGM GPU Diagnostic")) == ("Failed", "replace", "memory, GPU 5: gone")
    assert judge_dcgm.judge(document({**one, "warnings": "as text"})).reason == "memory, GPU 5: as text"


@pytest.mark.parametrize(
    "text", ["", "Error: unable to connect\nmore", "{", "[]", '{"a": [1], "b": {"test_categories": 3}}']
)
def test_an_output_that_tells_nothing_condemns_nobody(text: str) -> None:
    verdict = judge_dcgm.judge_text(text)
    assert (verdict.result, verdict.action) == ("Skipped", "none")


def test_lines_before_the_json_are_passed_over() -> None:
    text = f"Successfully ran diagnostic for group.\n{json.dumps(document(result('Fail', 2)))}\nbye"
    assert judge_dcgm.judge_text(text).action == "replace"


def program(folder: Path, name: str, script: str) -> None:
    """A stand-in that is found by PATH."""
    (folder / name).write_text(f"#!/usr/bin/env bash\n{script}\n")
    (folder / name).chmod(0o755)


def bash(name: str, *arguments: str, stubs: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the folder."""
    return subprocess.run(
        ["bash", str(FOLDER / name), *arguments],
        env={**os.environ, "PATH": f"{stubs}:{os.environ['PATH']}", **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_test_of_a_node_by_dcgm(tmp_path: Path) -> None:
    (tmp_path / "said.json").write_text(json.dumps(document(result("Fail", 2))))
    program(tmp_path, "dcgmi", f'echo "$*" > {tmp_path}/asked; cat {tmp_path}/said.json; exit 226')
    done = bash(
        "dcgm.sh", stubs=tmp_path, HC_TEST_PARAMS='{"level": 3}', HC_RESULTS_DIR=str(tmp_path), HC_TIMESTAMP="t"
    )
    assert done.returncode == 0, done.stderr
    [found] = node_health.RESULT.findall(done.stdout)
    assert found == (HOST, "Failed", "replace", "memory, GPU 0: bad thing 2 of GPU")
    assert (tmp_path / "asked").read_text() == "diag -r 3 -j\n"
    assert (tmp_path / f"dcgm-{HOST}-t.json").exists()


@pytest.mark.parametrize(
    ("params", "reason"), [("{", "HC_TEST_PARAMS is no JSON object"), ('{"level": 9}', "level is 1 to 4, not 9")]
)
def test_a_level_that_is_none_is_told(tmp_path: Path, params: str, reason: str) -> None:
    done = bash("dcgm.sh", stubs=tmp_path, HC_TEST_PARAMS=params)
    assert done.stdout == f"HEALTH_CHECK_RESULT:{HOST}:Skipped:none:{reason}\n"


def nccl(tmp_path: Path, said: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One of NCCL's tests, which prints this."""
    (tmp_path / "said").write_text(said)
    program(tmp_path, "mpirun", f"cat {tmp_path}/said")
    program(tmp_path, "all_reduce_perf", "")
    return bash(
        "nccl-tests-ami.sbatch", stubs=tmp_path, NCCL_TESTS=str(tmp_path), TESTS="all_reduce_perf", **environment
    )


GOOD = """n1:1:2 [0] NCCL INFO NET/OFI Selected provider is efa, fabric is efa-direct (found 4 nics)
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 321.5
"""


def test_nccl_over_efa(tmp_path: Path) -> None:
    done = nccl(tmp_path, GOOD, MIN_BUSBW="300")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RESULT all_reduce_perf        bus bandwidth 321.5 GB/s over efa: ok\n" in done.stdout


@pytest.mark.parametrize(
    ("said", "environment", "why"),
    [
        (GOOD, {"MIN_BUSBW": "400"}, "slower than 400 GB/s"),
        (GOOD.replace("0 OK", "7 FAILED"), {}, "wrong data (out of bounds values: 7 FAILED)"),
        (GOOD.replace("is efa,", "is tcp,"), {}, "not over efa (NCCL names tcp)"),
        (GOOD.split("\n", 1)[1], {}, "not over efa (NCCL names no provider)"),
        ("crash\n", {}, "no result, see above"),
    ],
)
def test_nccl_that_is_not_as_it_should_be(tmp_path: Path, said: str, environment: dict[str, str], why: str) -> None:
    done = nccl(tmp_path, said, **environment)
    assert done.returncode == 1
    assert f"FAILED: {why}\n" in done.stdout
    assert "1 of the tests failed" in done.stderr


def test_no_fault_on_the_first_node_of_a_job(tmp_path: Path) -> None:
    program(tmp_path, "dcgmi", 'echo "dcgmi $*"')
    program(tmp_path, "squeue", f"echo elsewhere 1; echo {HOST} 7")
    refused = bash("inject-gpu-fault.sh", "ecc", stubs=tmp_path)
    assert refused.returncode == 1
    assert f"{HOST} is the first node of job 7, which would be lost with it" in refused.stderr
    forced = bash("inject-gpu-fault.sh", "--force", "pcie", "3", stubs=tmp_path)
    assert "dcgmi test --inject --gpuid 3 -f 202 -v 99999" in forced.stdout
    program(tmp_path, "squeue", "echo elsewhere 1")
    assert "dcgmi test --inject --gpuid 0 -f 319 -v 4" in bash("inject-gpu-fault.sh", "ecc", stubs=tmp_path).stdout
    assert bash("inject-gpu-fault.sh", "fire", stubs=tmp_path).returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="Slurm lets nobody else than root change a node, nor does the script")
def test_a_node_with_jobs_is_not_marked(tmp_path: Path) -> None:
    shown = "NodeName=n State=IDLE Partitions=dev SlurmdStartTime=None "
    program(tmp_path, "scontrol", f'echo "$*" >> {tmp_path}/asked; echo "{shown}"')
    program(tmp_path, "squeue", "echo 4; echo 5")
    refused = bash("unhealthy-node.sh", "n", stubs=tmp_path)
    assert refused.returncode == 2
    assert "on n run jobs (4 5)" in refused.stderr
    assert "update" not in (tmp_path / "asked").read_text()
    assert bash("unhealthy-node.sh", "n1 n2", stubs=tmp_path).returncode == 2
    assert bash("unhealthy-node.sh", "n", "remove", stubs=tmp_path).returncode == 2


@pytest.mark.parametrize(("jobs", "words"), [("", "marked with Action:Replace"), ("7\n", "7 run there")])
def test_a_node_is_closed_before_the_service_acts(tmp_path: Path, monkeypatch: Any, jobs: str, words: str) -> None:
    program(tmp_path, "scontrol", f'printf "%s\\n" "$*" >> {tmp_path}/asked')
    program(tmp_path, "squeue", f"printf '{jobs}'")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert words in node_health.remediate(node_health.Result("n", "Failed", "replace", "bad memory"))
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0] == "update nodename=n state=fail reason=health check: bad memory"
    assert asked[1:] == ([] if jobs else ["update nodename=n state=fail reason=Action:Replace"])


def test_own_jobs_that_are_about_to_end_keep_nobody_from_acting(tmp_path: Path, monkeypatch: Any) -> None:
    program(tmp_path, "scontrol", "")
    program(tmp_path, "squeue", "echo 7")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    failed = node_health.Result("n", "Failed", "reboot", "bad")
    assert node_health.remediate(failed, {"7": "n"}) == "marked with Action:Reboot"
    assert "7 run there" in node_health.remediate(failed, {"8": "n"})


def test_a_job_that_was_cancelled_is_not_forgotten_while_others_run(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "1").write_text("4 RUNNING\n5 PENDING\n9 RUNNING\n")
    (tmp_path / "2").write_text("4 RUNNING\n9 RUNNING\n")
    (tmp_path / "3").write_text("9 RUNNING\n")
    (tmp_path / "count").write_text("0")
    # the second question is one that nobody answers
    program(
        tmp_path,
        "squeue",
        f"cd {tmp_path}; n=$(($(cat count) + 1)); echo $n > count; "
        "case $n in 1) cat 1 ;; 2) exit 1 ;; 3) cat 2 ;; *) cat 3 ;; esac",
    )
    program(tmp_path, "scancel", f'echo "$*" >> {tmp_path}/cancelled')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert node_health.wait_for({"4": "a", "5": "b"}, -1, 0) == {"5": "b"}
    assert (tmp_path / "cancelled").read_text() == "5\n"
    assert (tmp_path / "count").read_text() == "4\n"


def test_a_slurmctld_that_stays_away_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    program(tmp_path, "squeue", "echo no answer >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(node_health, "AWAY", 0)
    with pytest.raises(SystemExit, match="no answer"):
        node_health.wait_for({"4": "a"}, 1, 0)


def test_a_job_that_is_refused_takes_the_others_with_it(tmp_path: Path, monkeypatch: Any) -> None:
    shown = "NodeName=a State=IDLE Partitions=p AvailableFeatures=x\nNodeName=b State=IDLE Partitions=p"
    program(tmp_path, "scontrol", f'case $2 in node) echo "{shown}" ;; *) echo "$*" >> {tmp_path}/asked ;; esac')
    program(tmp_path, "sbatch", 'case "$*" in *--nodelist=a*) echo 4 ;; *) echo refused >&2; exit 1 ;; esac')
    program(tmp_path, "scancel", f'echo "$*" >> {tmp_path}/cancelled')
    (tmp_path / "test.sh").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    command = ["x", "--target-partition=p", f"--test-script={tmp_path}/test.sh", f"--output-dir={tmp_path}/out"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match="refused"):
        node_health.main()
    assert (tmp_path / "cancelled").read_text() == "4\n"
    last = (tmp_path / "asked").read_text().splitlines()[-1]
    assert last == "update nodename=a availablefeatures=x activefeatures=x"


def test_nodes_and_their_features() -> None:
    shown = (
        "NodeName=ip-1 AvailableFeatures=a,HealthCheck:Failed ActiveFeatures=a State=IDLE Partitions=dev,p1 \n"
        "NodeName=ip-2 AvailableFeatures=(null) State=DOWN*+DRAIN Partitions=p1 Reason=none [root@now]\n"
        "NodeName=ip-3 AvailableFeatures=(null) State=MIXED  Reason=x\n"
    )
    one, two, three = node_health.nodes_of(shown).values()
    assert one == ("ip-1", "IDLE", ("dev", "p1"), ("a", "HealthCheck:Failed"))
    assert node_health.closed(one) is None
    assert node_health.closed(two) == "the node is down*+drain"
    assert node_health.closed(three) == "the node is in no partition"
    assert node_health.features_with(one.features, "Passed") == "a,HealthCheck:Passed"
    assert node_health.features_with(two.features, "Skipped") == "HealthCheck:Skipped"


def test_the_last_word_about_the_own_host_counts() -> None:
    output = "x\nHEALTH_CHECK_RESULT:n:Passed:none:\nHEALTH_CHECK_RESULT:m:Failed:replace:other\n"
    assert node_health.result_of("n", output) == ("n", "Passed", "none", "")
    last = node_health.result_of("n", output + "HEALTH_CHECK_RESULT:n:Failed:reboot:because: of this\n")
    assert last == ("n", "Failed", "reboot", "because: of this")
    for silent in ("", "HEALTH_CHECK_RESULT:n:Failed:explode:x\nsegmentation fault\n"):
        assert node_health.result_of("n", silent)[1:3] == ("Failed", "none")
    assert node_health.result_of("n", "a\nsegmentation fault\n").reason.endswith("its last line: segmentation fault")


def test_replacements_come_first_and_there_is_a_limit() -> None:
    results = [
        node_health.Result("a", "Failed", "reboot", ""),
        node_health.Result("b", "Failed", "replace", ""),
        node_health.Result("c", "Failed", "none", ""),
        node_health.Result("d", "Passed", "replace", "a contradiction is no order"),
    ]
    marked, left = node_health.to_mark(results, 1)
    assert [found.host for found in marked] == ["b"]
    assert [found.host for found in left] == ["a"]
    assert node_health.to_mark(results, 0)[0] == []


def test_an_instance_group_that_is_none_is_told() -> None:
    config = {"InstanceGroups": [{"Name": "w", "Instances": [{"CustomerIpAddress": "10.1.0.4"}]}]}
    assert node_health.in_group(config, "w") == ["ip-10-1-0-4"]
    with pytest.raises(SystemExit, match="no instance group v; there are w"):
        node_health.in_group(config, "v")
