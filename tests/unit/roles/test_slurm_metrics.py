# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Slurm exporter: what sinfo, squeue and sdiag say, and what becomes of it."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).resolve().parents[3] / "roles/observability/files/slurm_metrics.py"


@pytest.fixture(scope="module")
def metrics() -> Any:
    spec = importlib.util.spec_from_file_location("slurm_metrics", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["slurm_metrics"] = module
    spec.loader.exec_module(module)
    return module


def by_name(samples: list[Any]) -> dict[str, float]:
    return {name + "".join(labels.values()): value for name, labels, value in samples}


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("idle", "idle"),
        ("idle~", "idle"),
        ("allocated", "alloc"),
        ("mixed+planned", "mix"),
        ("idle+drain", "drain"),
        ("down*+drain", "down"),
        ("allocated+completing", "comp"),
        ("reserved+maint", "maint"),
        ("unknown", "err"),
    ],
)
def test_a_node_is_in_one_state(metrics: Any, said: str, state: str) -> None:
    assert metrics.state_of(said) == state


@pytest.mark.parametrize(
    ("gres", "count"),
    [
        ("(null)", 0),
        ("gpu:8", 8),
        ("gpu:h100:8(S:0-1)", 8),
        ("gpu:h100:3(IDX:0-2)", 3),
        ("gpu:a:2,gpu:b:4", 6),
        ("shard:9", 0),
        ("gpu:0", 0),
    ],
)
def test_gpus_are_counted(metrics: Any, gres: str, count: int) -> None:
    assert metrics.gpus(gres) == count


def test_a_node_of_two_partitions_counts_once(metrics: Any) -> None:
    line = "n1 |allocated |96/0/0/96 |gpu:h100:8(S:0-1) |gpu:h100:5(IDX:0-4) |\n"
    found = by_name(metrics.node_samples(line * 2 + "n2 |idle |0/8/0/8 |(null) |(null) |\n"))
    assert (found["slurm_nodes_alloc"], found["slurm_nodes_idle"]) == (1, 1)
    assert (found["slurm_cpus_alloc"], found["slurm_cpus_idle"], found["slurm_cpus_total"]) == (96, 8, 104)
    assert (found["slurm_gpus_total"], found["slurm_gpus_alloc"]) == (8, 5)
    assert by_name(metrics.node_samples(""))["slurm_cpus_total"] == 0


def test_jobs_by_state_partition_account_and_user(metrics: Any) -> None:
    text = "RUNNING |dev |a |ann |4 |\nRUNNING |dev |a |bob |8 |\nPENDING |dev |(null) |ann |1 |\n"
    found = by_name(metrics.job_samples(text))
    assert (found["slurm_queue_running"], found["slurm_queue_pending"]) == (2, 1)
    assert (found["slurm_partition_jobs_runningdev"], found["slurm_partition_cpus_runningdev"]) == (2, 12)
    assert found["slurm_user_jobs_pendingann"] == 1
    assert found["slurm_user_cpus_runningbob"] == 8


def test_scheduler(metrics: Any) -> None:
    text = (
        "Server thread count:  3\nAgent queue size:     0\n\nMain schedule statistics (microseconds):\n"
        "\tLast cycle:   55\n\tMean cycle:   44\nBackfilling stats\n\tLast cycle: 77\n"
    )
    assert by_name(metrics.scheduler_samples(text)) == {
        "slurm_scheduler_threads": 3,
        "slurm_scheduler_queue_size": 0,
        "slurm_scheduler_last_cycle": 55,
        "slurm_scheduler_mean_cycle": 44,
        "slurm_scheduler_backfill_last_cycle": 77,
    }


def test_labels_are_quoted_and_names_are_together(metrics: Any) -> None:
    text = metrics.rendered([("b", {"user": 'a"\\\n'}, 1), ("a", {}, 2.5), ("b", {"user": "c"}, 2)])
    assert text == '# TYPE a gauge\na 2.5\n# TYPE b gauge\nb{user="a\\"\\\\\\n"} 1\nb{user="c"} 2\n'


def test_a_program_that_fails_is_told_and_leaves_nothing(
    metrics: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, line in (("sinfo", "echo no slurmctld >&2; exit 1"), ("squeue", "exit 0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    text = metrics.collect()
    assert 'slurm_up{program="sinfo"} 0' in text
    assert 'slurm_up{program="squeue"} 1' in text
    assert 'slurm_up{program="sdiag"} 0' in text
    assert "slurm_nodes" not in text
    assert "sinfo: no slurmctld" in capsys.readouterr().err


def test_the_dashboard_asks_for_metrics_that_there_are(metrics: Any) -> None:
    dashboard = json.loads((FILE.parent / "dashboards/hyperpod.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    there = {name for name, _labels, _value in [*metrics.node_samples(""), *metrics.job_samples("")]} | {"slurm_up"}
    assert set(re.findall(r"slurm_\w+", asked)) <= there
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    assert all('cluster="$cluster"' in target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
