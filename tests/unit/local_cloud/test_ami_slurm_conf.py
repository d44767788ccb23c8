# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster agent writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local_cloud.ami.agents import slurm_conf


def group(name: str, *addresses: str, kind: str = "ml.c5.xlarge") -> dict[str, Any]:
    instances = [{"CustomerIpAddress": a, "InstanceId": f"i-{a}", "InstanceName": f"{name}-1"} for a in addresses]
    return {"Name": name, "InstanceType": kind, "Instances": instances or None}


def resource(*groups: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"ClusterConfig": {"ClusterArn": "arn", "ClusterName": "Demo"}, "InstanceGroups": list(groups), **more}


PARAMETERS = {
    "version": "1.0.0",
    "workload_manager": "slurm",
    "controller_group": "head",
    "login_group": "login",
    "worker_groups": [
        {"instance_group_name": "w1", "partition_name": "p1"},
        {"instance_group_name": "w2", "partition_name": "p2"},
    ],
}


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


def test_nodes_and_partitions() -> None:
    layout = slurm_conf.layout_of(
        resource(
            group("head", "10.0.0.5"), group("login", "10.0.0.6"), group("w1", "10.0.0.20", "10.0.0.9"), group("w2")
        ),
        PARAMETERS,
    )
    text = slurm_conf.slurm_conf(layout, cpus=2, memory_mb=1000)
    assert lines(text, "SlurmctldHost") == ["SlurmctldHost=ip-10-0-0-5(10.0.0.5)"]
    assert lines(text, "ClusterName") == ["ClusterName=demo"]
    assert lines(text, "NodeName") == [
        f"NodeName=ip-10-0-0-{last} NodeAddr=10.0.0.{last} CPUs=2 RealMemory=1000 State=UNKNOWN" for last in (6, 9, 20)
    ]
    assert lines(text, "PartitionName") == [
        "PartitionName=dev Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=EXCLUSIVE",
        "PartitionName=p1 Nodes=ip-10-0-0-20,ip-10-0-0-9 Default=NO MaxTime=INFINITE State=UP",
        "PartitionName=p2 Default=NO MaxTime=INFINITE State=UP",
    ]
    assert text.endswith("include accounting.conf\n")
    assert "GresTypes" not in text
    assert "TaskPlugin=task/none" in text
    assert "SchedulerParameters=permit_job_expansion" in text


def test_groups_of_one_partition_share_it() -> None:
    workers = [{"instance_group_name": name, "partition_name": "p"} for name in ("w1", "w2")]
    layout = slurm_conf.layout_of(
        resource(group("head", "10.0.0.5"), group("w1", "10.0.0.7"), group("w2", "10.0.0.8")),
        {**PARAMETERS, "worker_groups": workers},
    )
    assert layout.partitions == {"p": ["ip-10-0-0-7", "ip-10-0-0-8"]}


def test_gpus_follow_from_the_instance_type() -> None:
    layout = slurm_conf.layout_of(
        resource(
            group("head", "10.0.0.5"),
            group("w1", "10.0.0.7", kind="ml.p5.48xlarge"),
            group("w2", "10.0.0.8", kind="ml.g5.xlarge"),
        ),
        PARAMETERS,
    )
    text = slurm_conf.slurm_conf(layout, 2, 1000)
    assert "GresTypes=gpu\n" in text
    assert "NodeName=ip-10-0-0-7 NodeAddr=10.0.0.7 CPUs=2 RealMemory=1000 Gres=gpu:8 State=UNKNOWN\n" in text
    assert lines(slurm_conf.gres_conf(layout), "NodeName") == [
        "NodeName=ip-10-0-0-7 Name=gpu File=/dev/nvidia[0-7]",
        "NodeName=ip-10-0-0-8 Name=gpu File=/dev/nvidia0",
    ]
    assert slurm_conf.node_table(layout) == "ip-10-0-0-7:gpu:8,ip-10-0-0-8:gpu:1"


def test_controllers_of_the_resource_file_come_first() -> None:
    slurm = {"PrimaryControllerIp": "10.0.0.6", "SecondaryControllerIps": ["10.0.0.5"]}
    layout = slurm_conf.layout_of(resource(group("head", "10.0.0.5", "10.0.0.6"), SlurmConfig=slurm), PARAMETERS)
    assert layout.controllers == [("ip-10-0-0-6", "10.0.0.6"), ("ip-10-0-0-5", "10.0.0.5")]


@pytest.mark.parametrize("instances", [None, [], "missing"])
def test_a_cluster_without_workers_has_a_configuration_that_slurmctld_takes(instances: Any) -> None:
    empty = {"Name": "w1", "InstanceType": "ml.c5.xlarge", "Instances": instances}
    if instances == "missing":
        del empty["Instances"]
    text = slurm_conf.slurm_conf(slurm_conf.layout_of(resource(group("head", "10.0.0.5"), empty), PARAMETERS), 2, 1000)
    assert lines(text, "NodeName") == ["NodeName=no-nodes-yet State=FUTURE"]


def test_no_controller_is_an_error() -> None:
    with pytest.raises(ValueError, match="controller group 'head'"):
        slurm_conf.layout_of(resource(group("head")), PARAMETERS)


def test_the_name_fits_slurm() -> None:
    config = resource(group("head", "10.0.0.5"))
    config["ClusterConfig"]["ClusterName"] = "A" * 63
    assert slurm_conf.layout_of(config, PARAMETERS).cluster == "a" * 40


def test_render_prints_both_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = tmp_path / "r.json", tmp_path / "p.json"
    first.write_text(json.dumps(resource(group("head", "10.0.0.5"), group("w1", "10.0.0.7"))))
    second.write_text(json.dumps(PARAMETERS))
    assert slurm_conf.main(["--render", str(first), str(second)]) == 0
    output = capsys.readouterr().out
    assert "NodeName=ip-10-0-0-7 " in output
    assert "### gres.conf" in output


def test_machine_reads_the_memory() -> None:
    assert slurm_conf.machine("MemTotal:       24684580 kB\nMemFree: 1 kB\n")[1] == 24106


def test_instance_ids_by_node_name() -> None:
    assert slurm_conf.instance_ids(resource(group("head", "10.0.0.5"), group("w1"))) == {"ip-10-0-0-5": "i-10.0.0.5"}
