# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters are scraped, Slurm's numbers are those of real jobs, and units live as hardware and failures have it."""

from __future__ import annotations

from typing import Any

import yaml
from support import changed
from support import eventually
from support import playbook
from support import said

OTEL = "/etc/podforge/otel-collector.yaml"


def unit(name: str) -> str:
    return f"podforge-metrics-{name}.service"


def scrape(host: Any, port: int) -> dict[str, float]:
    """Samples by name and labels."""
    text = host.check_output(
        f"python3 -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:{port}/metrics\").read().decode())'"
    )
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def converge(**variables: Any) -> Any:
    return playbook("observability/converge.yml", "--limit=controller", variables=variables)


def test_the_node_exporter_that_was_fetched_is_scraped(controller: Any, compute: Any) -> None:
    for host in (controller, compute):
        assert scrape(host, 9100)["node_memory_MemTotal_bytes"] > 1e8
        # on the node's own loopback only
        assert "127.0.0.1:9100" in host.check_output("ss -Hltn 'sport = :9100'")


def test_numbers_of_slurm_are_those_of_its_jobs(controller: Any, compute: Any) -> None:
    assert eventually(lambda: scrape(controller, 9341).get("slurm_nodes_idle") == 1.0)
    before = scrape(controller, 9341)
    # a drained node that does not answer any more is down as well, and counts as that
    away = controller.check_output("sinfo --noheader --Node --states=drain,down --format=%N | sort -u | wc -l")
    assert before["slurm_nodes_drain"] + before["slurm_nodes_down"] == float(away)
    assert {key: value for key, value in before.items() if key.startswith("slurm_up")} == {
        'slurm_up{program="sinfo"}': 1.0,
        'slurm_up{program="squeue"}': 1.0,
        'slurm_up{program="sdiag"}': 1.0,
    }
    jobs = controller.check_output(
        "for n in 1 2; do sbatch --parsable --partition=p1 --exclusive --output=/dev/null --wrap 'sleep 120'; done"
    ).split()
    try:
        assert eventually(lambda: scrape(controller, 9341).get("slurm_queue_running") == 1.0)
        now = scrape(controller, 9341)
    finally:
        controller.check_output(f"scancel {' '.join(jobs)}")
    assert now["slurm_queue_pending"] == 1.0
    assert now['slurm_partition_jobs_running{partition="p1"}'] == 1.0
    assert now['slurm_user_jobs_pending{user="root"}'] == 1.0
    assert now["slurm_nodes_alloc"] == 1.0
    assert now["slurm_cpus_alloc"] >= 1.0
    assert now["slurm_scheduler_threads"] >= 0.0


def test_slurm_that_does_not_answer_is_told_and_nothing_old_is_shown(controller: Any) -> None:
    controller.check_output("systemctl kill --signal=STOP slurmctld")
    try:
        samples = scrape(controller, 9341)
    finally:
        controller.check_output("systemctl kill --signal=CONT slurmctld")
    assert samples['slurm_up{program="sinfo"}'] == 0.0
    assert "slurm_nodes_idle" not in samples
    assert "sinfo: " in controller.check_output(f"journalctl -u {unit('slurm-exporter')} -o cat")


def test_only_what_the_node_has(controller: Any, compute: Any) -> None:
    assert not compute.file(f"/etc/systemd/system/{unit('slurm-exporter')}").exists
    assert not compute.file(f"/etc/systemd/system/{unit('dcgm-exporter')}").exists
    assert not controller.file(f"/etc/systemd/system/{unit('efa-exporter')}").exists
    # no EFA here: its unit waits for the hardware, and fails nothing
    state = f"systemctl show --property=ActiveState,ConditionResult --value {unit('efa-exporter')}"
    assert compute.check_output(state).split() == ["inactive", "no"]
    assert compute.check_output("systemctl --failed --no-legend") == ""


def test_the_collector_sends_what_is_here_with_the_labels_of_the_node(controller: Any) -> None:
    config = yaml.safe_load(controller.file(OTEL).content_string)
    scraped = config["receivers"]["prometheus"]["config"]["scrape_configs"]
    assert {job["job_name"]: job["static_configs"][0]["targets"] for job in scraped} == {
        "node-exporter": ["127.0.0.1:9100"],
        "slurm-exporter": ["127.0.0.1:9341"],
    }
    labels = scraped[0]["static_configs"][0]["labels"]
    assert labels["instance"] == controller.check_output("hostname")
    assert (labels["cluster"], labels["node_type"]) == ("molecule", "controller")
    assert config["extensions"]["sigv4auth"] == {"region": "us-west-2", "service": "aps"}
    assert config["exporters"]["prometheusremotewrite"]["auth"] == {"authenticator": "sigv4auth"}
    used = config["service"]["pipelines"]["metrics"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(used[kind]) <= set(config[kind])
    assert set(config["service"]["extensions"]) == set(config["extensions"])


def test_exporters_come_back_and_a_new_interval_restarts_the_collector_alone(controller: Any) -> None:
    controller.check_output(f"systemctl stop {unit('node-exporter')}")
    ask = "systemctl show --property=MainPID --value {}"
    pids = [controller.check_output(ask.format(unit(name))) for name in ("otel-collector", "slurm-exporter")]
    done = converge(observability_scrape_interval="30s")
    assert done.returncode == 0, said(done)
    assert scrape(controller, 9100)
    after = [controller.check_output(ask.format(unit(name))) for name in ("otel-collector", "slurm-exporter")]
    assert (after[0] != pids[0], after[1] == pids[1]) == (True, True)


def test_what_cannot_run_fails_the_role_in_its_own_words(controller: Any) -> None:
    # no docker here, and so no images
    done = converge(
        observability_components={"node-exporter": None, "otel-collector": {"image": "mirror.example/otel:1"}}
    )
    assert done.returncode != 0
    assert "podforge-metrics-otel-collector.service does not start" in said(done)
    assert "docker" in said(done)
    # the exporter that is not wanted any more has ended all the same
    assert not controller.service(unit("node-exporter")).is_running
    done = converge(observability_remote_write_url="ws-1", observability_components={"nod": {}})
    assert "observability_remote_write_url is ws-1: write the remote write URL" in said(done)
    assert "observability_components: nod: there are node-exporter, dcgm-exporter" in said(done)
    assert converge().returncode == 0
    assert changed(converge().stdout, "controller") == 0
