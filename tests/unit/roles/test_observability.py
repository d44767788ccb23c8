# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""observability: which components a node gets, their units, the collector's configuration, refusals."""

from __future__ import annotations

from typing import Any

import yaml

ECR = "602401143452.dkr.ecr.us-west-2.amazonaws.com/hyperpod"


def unit(host: dict[str, Any], name: str) -> list[str]:
    """Lines of a component's unit."""
    path = f"/etc/systemd/system/podforge-metrics-{name}.service"
    (text,) = (entry["content"] for entry in host["units"] if entry["path"] == path)
    return [line for line in text.splitlines() if line]


def test_components_follow_the_kind_of_node(rendered: dict[str, Any]) -> None:
    common = {"node-exporter", "otel-collector"}
    assert set(rendered["metrics-gpu"]["names"]) == common | {"dcgm-exporter", "efa-exporter"}
    assert set(rendered["metrics-neuron"]["names"]) == common | {"efa-exporter"}
    assert set(rendered["metrics-controller"]["names"]) == common | {"slurm-exporter"}
    assert set(rendered["metrics-eks"]["names"]) == common | {"dcgm-exporter"}
    assert rendered["metrics-none"]["wanted"] is False


def test_units_of_images(rendered: dict[str, Any]) -> None:
    dcgm = unit(rendered["metrics-gpu"], "dcgm-exporter")
    image = f"{ECR}/dcgm_exporter:4.1.1-4.0.4-ubi9"
    assert "ConditionPathExists=/dev/nvidiactl" in dcgm
    assert f"ExecStartPre=/usr/local/lib/podforge/observability/pull.sh {image}" in dcgm
    assert (
        "ExecStart=/usr/bin/docker run --rm --name=podforge-dcgm-exporter --network=host --gpus=all "
        f"--cap-add=SYS_ADMIN {image} --address=127.0.0.1:9400"
    ) in dcgm
    assert "ConditionDirectoryNotEmpty=/sys/class/infiniband" in unit(rendered["metrics-gpu"], "efa-exporter")
    chinese = unit(rendered["metrics-controller"], "otel-collector")
    assert any("602401143452.dkr.ecr.cn-north-1.amazonaws.com.cn/hyperpod/otel_collector" in line for line in chinese)
    mirrored = unit(rendered["metrics-eks"], "otel-collector")
    assert any("pull.sh mirror.example/metrics/otel_collector:" in line for line in mirrored)


def test_units_of_programs(rendered: dict[str, Any]) -> None:
    fetched = unit(rendered["metrics-eks"], "node-exporter")
    start = "ExecStart=/usr/local/lib/podforge-node-exporter-0123456789ab --web.listen-address=127.0.0.1:9100"
    assert start in fetched
    assert "User=nobody" in fetched
    assert "docker run" not in "".join(fetched)
    slurm = unit(rendered["metrics-controller"], "slurm-exporter")
    assert "User=slurm" in slurm
    assert "Environment=PATH=/opt/slurm/bin:/usr/bin:/bin" in slurm


def test_the_collectors_configuration(rendered: dict[str, Any]) -> None:
    config = yaml.safe_load(rendered["metrics-gpu"]["config"])
    jobs = config["receivers"]["prometheus"]["config"]["scrape_configs"]
    assert [job["job_name"] for job in jobs] == ["node-exporter", "dcgm-exporter", "efa-exporter"]
    assert jobs[1]["static_configs"][0] == {
        "targets": ["127.0.0.1:9400"],
        "labels": {
            "instance": "ip-10-1-0-5",
            "cluster": "demo",
            "instance_group": "group",
            "instance_type": "ml.p5.48xlarge",
            "instance_id": "i-1",
            "node_type": "compute",
        },
    }
    assert config["extensions"]["sigv4auth"] == {"region": "us-west-2", "service": "aps"}
    assert config["exporters"]["prometheusremotewrite"]["auth"] == {"authenticator": "sigv4auth"}
    own = yaml.safe_load(rendered["metrics-controller"]["config"])
    # the collector takes $ for a variable, and $$ for $
    assert own["exporters"]["prometheusremotewrite"] == {"endpoint": "http://prometheus.example/api/v1/write?x=$$y"}
    assert own["service"]["extensions"] == ["health_check"]
    labels = own["receivers"]["prometheus"]["config"]["scrape_configs"][0]["static_configs"][0]["labels"]
    assert labels["team"] == 'a "b" $$c'


def test_all_problems_are_named_at_once(rendered: dict[str, Any]) -> None:
    for case in ("metrics-gpu", "metrics-neuron", "metrics-controller", "metrics-eks"):
        assert rendered[case]["problems"] == [], case
    found = rendered["metrics-wrong"]["problems"]
    expected = [
        "observability_remote_write_url is that of an example",
        "observability_components: nodes: there are node-exporter, dcgm-exporter",
        "observability_components: each url needs sha256",
        "observability_scrape_interval is soon",
        "observability_labels: names have",
    ]
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)
