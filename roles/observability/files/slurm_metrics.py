# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of Slurm, served for Prometheus on 127.0.0.1:9341, by asking sinfo, squeue and sdiag.

Names are those of the Slurm exporters that dashboards know. A program that fails is slurm_up 0, with its words in the
journal, and the metrics that it would have given are left out: nothing old is shown for new.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer

ADDRESS = ("127.0.0.1", 9341)
SINFO = ["sinfo", "--noheader", "--Node", "--Format=NodeList:|,StateComplete:|,CPUsState:|,Gres:|,GresUsed:|"]
SQUEUE = ["squeue", "--noheader", "--all", "--Format=State:|,Partition:|,Account:|,UserName:|,NumCPUs:|"]
SDIAG = ["sdiag"]
STATES = ("alloc", "comp", "down", "drain", "fail", "err", "idle", "maint", "mix", "resv")
CPUS = ("alloc", "idle", "other", "total")
JOB_STATES = ("pending", "running", "suspended", "completing", "configuring")
_SDIAG = (
    ("slurm_scheduler_threads", r"Server thread count:\s*(\d+)"),
    ("slurm_scheduler_queue_size", r"Agent queue size:\s*(\d+)"),
    ("slurm_scheduler_last_cycle", r"Main schedule statistics[^:]*:.*?Last cycle:\s*(\d+)"),
    ("slurm_scheduler_mean_cycle", r"Main schedule statistics[^:]*:.*?Mean cycle:\s*(\d+)"),
    ("slurm_scheduler_backfill_last_cycle", r"Backfilling stats.*?Last cycle:\s*(\d+)"),
)

Sample = tuple[str, dict[str, str], float]


def state_of(text: str) -> str:
    """The one state that a node is counted as: what keeps it from work first."""
    words = text.lower()
    for state, sign in (
        ("fail", "fail"),
        ("err", "error"),
        ("down", "down"),
        ("drain", "drain"),
        ("maint", "maint"),
        ("resv", "reserved"),
        ("comp", "completing"),
        ("mix", "mixed"),
        ("alloc", "allocated"),
        ("idle", "idle"),
    ):
        if sign in words:
            return state
    return "err"


def gpus(gres: str) -> int:
    """Number of GPUs in a list of generic resources, with or without a type: gpu:h100:8(S:0-1)."""
    return sum(int(count) for count in re.findall(r"(?:^|,)gpu(?::[^:,(]+)?:(\d+)", gres))


def rows(text: str) -> list[list[str]]:
    """Lines as lists of fields."""
    return [line.split("|") for line in text.splitlines() if line]


def node_samples(text: str) -> list[Sample]:
    """Nodes, CPUs and GPUs; a node of several partitions is there several times and counts once."""
    nodes = {row[0].strip(): [field.strip() for field in row[1:5]] for row in rows(text)}
    states = Counter(state_of(node[0]) for node in nodes.values())
    cpus: Counter[str] = Counter()
    for node in nodes.values():
        for place, count in enumerate(node[1].split("/")):
            cpus[CPUS[place]] += int(count)
    total, used = (sum(gpus(node[place]) for node in nodes.values()) for place in (2, 3))
    samples: list[Sample] = [(f"slurm_nodes_{state}", {}, states[state]) for state in STATES]
    samples += [(f"slurm_cpus_{name}", {}, cpus[name]) for name in CPUS]
    return [*samples, ("slurm_gpus_total", {}, total), ("slurm_gpus_alloc", {}, used)]


def job_samples(text: str) -> list[Sample]:
    """Jobs by state, and by partition, account and user."""
    jobs = [[field.strip() for field in row[:5]] for row in rows(text)]
    states = Counter(job[0].lower() for job in jobs)
    samples: list[Sample] = [(f"slurm_queue_{state}", {}, states[state]) for state in JOB_STATES]
    for label, place in (("partition", 1), ("account", 2), ("user", 3)):
        for state in ("pending", "running"):
            found = [job for job in jobs if job[0].lower() == state]
            counts = Counter(job[place] for job in found)
            samples += [(f"slurm_{label}_jobs_{state}", {label: name}, n) for name, n in sorted(counts.items())]
        cpus: Counter[str] = Counter()
        for job in jobs:
            if job[0].lower() == "running":
                cpus[job[place]] += int(job[4])
        samples += [(f"slurm_{label}_cpus_running", {label: name}, n) for name, n in sorted(cpus.items())]
    return samples


def scheduler_samples(text: str) -> list[Sample]:
    """What sdiag says of slurmctld."""
    found = ((name, re.search(sign, text, re.DOTALL)) for name, sign in _SDIAG)
    return [(name, {}, int(match.group(1))) for name, match in found if match]


def rendered(samples: Iterable[Sample]) -> str:
    """The text format of Prometheus; samples of one name together."""
    lines: list[str] = []
    seen = ""
    for name, labels, value in sorted(samples, key=lambda sample: sample[0]):
        if name != seen:
            lines.append(f"# TYPE {name} gauge")
            seen = name
        quoted = ",".join(
            '{}="{}"'.format(key, text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
            for key, text in labels.items()
        )
        lines.append(f"{name}{{{quoted}}} {value:g}" if quoted else f"{name} {value:g}")
    return "\n".join([*lines, ""])


def collect() -> str:
    """Ask Slurm."""
    samples: list[Sample] = []
    for command, parse in ((SINFO, node_samples), (SQUEUE, job_samples), (SDIAG, scheduler_samples)):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
            samples += [*parse(done.stdout), ("slurm_up", {"program": command[0]}, 1)]
        except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
            told = getattr(error, "stderr", None) or error
            sys.stderr.write(f"{command[0]}: {told}\n")
            samples.append(("slurm_up", {"program": command[0]}, 0))
    return rendered(samples)


class Handler(BaseHTTPRequestHandler):
    """GET /metrics."""

    def do_GET(self) -> None:
        """Answer with what Slurm says now."""
        body = collect().encode()
        self.send_response(200 if self.path == "/metrics" else 404)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """A line for each question would fill the journal."""


if __name__ == "__main__":
    ThreadingHTTPServer(ADDRESS, Handler).serve_forever()
