# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests nodes, one job each, and has the bad ones rebooted or replaced: ``python3 node_health.py --help``.

A test is a shell script that is readable on the nodes. It gets HC_TEST_PARAMS (JSON), HC_RESULTS_DIR and HC_TIMESTAMP,
and says on standard output what is to be done:

    HEALTH_CHECK_RESULT:<host>:<Passed|Failed|Skipped>:<none|reboot|replace>:<reason>
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Collection
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from typing import NamedTuple

RESULT = re.compile(r"HEALTH_CHECK_RESULT:([^:\s]+):(Passed|Failed|Skipped):(none|reboot|replace):(.*)")
REASONS = {"reboot": "Action:Reboot", "replace": "Action:Replace"}
FEATURE = "HealthCheck:"
RESOURCE_CONFIG = "/opt/ml/config/resource_config.json"
# seconds: a slurmctld that is restarted, or taken over from, is away for a moment
AWAY = 300
# no job is started on nodes of these states
_CLOSED = ("DOWN", "DRAIN", "FAIL", "NOT_RESPONDING", "REBOOT", "MAINT", "POWERED_DOWN", "FUTURE", "UNKNOWN")


class Node(NamedTuple):
    """What Slurm says of a node."""

    name: str
    state: str
    partitions: tuple[str, ...]
    features: tuple[str, ...]


class Result(NamedTuple):
    """What a test says of a node."""

    host: str
    verdict: str
    action: str
    reason: str


def nodes_of(text: str) -> dict[str, Node]:
    """The nodes in the output of ``scontrol show node --oneliner``."""
    found = {}
    for line in text.splitlines():
        fields = dict(re.findall(r"(?:^| )(NodeName|State|Partitions|AvailableFeatures)=(\S+)", line))
        if "NodeName" in fields:
            name = fields["NodeName"]
            features = fields.get("AvailableFeatures", "(null)")
            found[name] = Node(
                name,
                fields.get("State", "UNKNOWN"),
                tuple(fields.get("Partitions", "").split(",")) if fields.get("Partitions") else (),
                () if features == "(null)" else tuple(features.split(",")),
            )
    return found


def closed(node: Node) -> str | None:
    """Why no job can be started there, if so."""
    if "*" in node.state or any(word in node.state for word in _CLOSED):
        return f"the node is {node.state.lower()}"
    return None if node.partitions else "the node is in no partition"


def in_group(resource_config: dict[str, Any], group: str) -> list[str]:
    """Names of the nodes of an instance group.

    :raises SystemExit: there is no such group.
    """
    for found in resource_config["InstanceGroups"]:
        if found["Name"] == group:
            return ["ip-" + one["CustomerIpAddress"].replace(".", "-") for one in found["Instances"]]
    names = ", ".join(sorted(found["Name"] for found in resource_config["InstanceGroups"]))
    raise SystemExit(f"node_health: no instance group {group}; there are {names}")


def result_of(host: str, output: str) -> Result:
    """What the test has said of its host: its last word counts. One that has said nothing is a case for a person."""
    said = [found for found in RESULT.findall(output) if found[0] == host]
    if said:
        return Result(*said[-1])
    lines = output.strip().splitlines()
    return Result(
        host, "Failed", "none", f"the test ended without a result; its last line: {lines[-1] if lines else '-'}"
    )


def features_with(features: Iterable[str], verdict: str) -> str:
    """The features of a node with what is known of its health."""
    return ",".join([*(name for name in features if not name.startswith(FEATURE)), FEATURE + verdict])


def to_mark(results: Iterable[Result], most: int) -> tuple[list[Result], list[Result]]:
    """Whom to reboot or replace, and who is too many: replacements first, as reboots wouldn't help those."""
    wanted = [result for result in results if result.verdict == "Failed" and result.action in REASONS]
    wanted.sort(key=lambda result: (result.action != "replace", result.host))
    return wanted[:most], wanted[most:]


def table(results: Iterable[Result]) -> str:
    """The results for people."""
    rows = [("NODE", "RESULT", "ACTION", "REASON"), *sorted(results)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join((*(f"{row[i]:{widths[i]}}" for i in range(3)), row[3])) for row in rows)


def say(text: str) -> None:
    """To whoever runs this."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Output of a command.

    :raises SystemExit: it failed.
    """
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, **(environment or {})}
    )
    if done.returncode:
        raise SystemExit(f"node_health: {shlex.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def try_run(*command: str) -> bool:
    """Run what may fail; whether it did not."""
    try:
        run(*command)
    except SystemExit as error:
        say(str(error))
        return False
    return True


def chosen(options: argparse.Namespace, known: dict[str, Node]) -> list[Node]:
    """The nodes that are to be tested."""
    if options.target_nodes:
        names = run("scontrol", "show", "hostnames", options.target_nodes).split()
    elif options.instance_group:
        names = in_group(json.loads(Path(RESOURCE_CONFIG).read_text(encoding="utf-8")), options.instance_group)
    else:
        names = sorted(name for name, node in known.items() if options.target_partition in node.partitions)
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise SystemExit(f"node_health: Slurm knows no node {', '.join(unknown) or 'there'} (sinfo --Node)")
    return [known[name] for name in names]


def submit(node: Node, options: argparse.Namespace, folder: Path, stamp: str) -> str:
    """Have the test run on a node, alone there; the id of the job."""
    partition = options.target_partition if options.target_partition in node.partitions else node.partitions[0]
    environment = {"HC_TEST_PARAMS": options.test_script_args, "HC_RESULTS_DIR": str(folder), "HC_TIMESTAMP": stamp}
    return (
        run(
            *(
                "sbatch",
                "--parsable",
                "--nodes=1",
                f"--nodelist={node.name}",
                f"--partition={partition}",
                "--exclusive",
            ),
            *(f"--job-name=health-{node.name}", f"--output={folder / node.name}.log", f"--time={options.minutes}"),
            *("--no-requeue", f"--chdir={folder}", "--wrap", f"exec bash {shlex.quote(str(options.test_script))}"),
            environment=environment,
        )
        .split(";")[0]
        .strip()
    )


def wait_for(jobs: dict[str, str], minutes: int, pause: float) -> dict[str, str]:
    """Wait for the jobs (id -> node). Those still waiting for their node at the end are cancelled and returned."""
    answered = time.monotonic()
    deadline = answered + minutes * 60
    cancelled: dict[str, str] = {}
    while True:
        try:
            lines = run("squeue", "--noheader", "--format=%A %T").splitlines()
        except SystemExit:
            if time.monotonic() > answered + AWAY:
                raise
            time.sleep(pause)
            continue
        answered = time.monotonic()
        queue = dict(line.split(None, 1) for line in lines)
        left = {job: queue[job] for job in jobs if job in queue and queue[job] != "COMPLETING" and job not in cancelled}
        if answered > deadline:
            for job in [job for job, state in left.items() if state == "PENDING"]:
                if try_run("scancel", job):
                    cancelled[job] = jobs[job]
                    del left[job]
        if not left:
            return cancelled
        time.sleep(pause)


def remediate(result: Result, own: Collection[str] = ()) -> str:
    """Have the service act on a node; what was done. Jobs of our own there have said what they had to."""
    # first nothing new starts there, then the service is told: it waits for no job
    if not try_run(
        "scontrol", "update", f"nodename={result.host}", "state=fail", f"reason=health check: {result.reason[:80]}"
    ):
        return "could not be marked"
    states = "--states=running,completing,suspended"
    found = run("squeue", "--noheader", f"--nodelist={result.host}", states, "--format=%A").split()
    jobs = [job for job in found if job not in own]
    reason = REASONS[result.action]
    mark = f"scontrol update nodename={result.host} state=fail reason={reason}"
    if jobs:
        return f"closed for new jobs; {', '.join(jobs)} run there. When they have ended: {mark}"
    return f"marked with {reason}" if try_run(*mark.split()) else "closed for new jobs, and no more"


def tag(node: Node, features: str) -> None:
    """Give a node these features, as root."""
    if not os.geteuid():
        change = (f"availablefeatures={features}", f"activefeatures={features}")
        try_run("scontrol", "update", f"nodename={node.name}", *change)


def take_back(jobs: dict[str, Node]) -> None:
    """Nothing is left of tests that nobody waits for any more."""
    if jobs:
        try_run("scancel", *jobs)
    for node in jobs.values():
        tag(node, ",".join(node.features))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="node_health.py", description="Test nodes, one Slurm job each.")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--target-nodes", metavar="NODES", help="such as ip-10-1-0-[12-14]")
    target.add_argument("--target-partition", metavar="NAME")
    target.add_argument("--instance-group", metavar="NAME", help="on the controller, as root")
    own = Path(__file__).resolve().with_name("dcgm.sh")
    parser.add_argument("--test-script", type=Path, default=own, help="default: dcgm.sh beside this file")
    parser.add_argument("--test-script-args", default="{}", metavar="JSON", help='such as {"level": 3}')
    parser.add_argument("--output-dir", type=Path, help="a new folder on shared storage; default: health-<time> here")
    parser.add_argument("--remediate", action="store_true", help="reboot or replace what has failed; as root")
    parser.add_argument("--max-remediate", type=int, default=1, metavar="N", help="no more nodes than that (default 1)")
    parser.add_argument("--minutes", type=int, default=200, help="for one test")
    parser.add_argument("--wait", type=int, default=60, metavar="MINUTES", help="for nodes that are busy")
    parser.set_defaults(pause=2.0, target_partition=None)
    options = parser.parse_args()
    try:
        json.loads(options.test_script_args)
    except ValueError as error:
        parser.error(f"--test-script-args is no JSON: {error}")
    if not options.test_script.is_file():
        parser.error(f"--test-script {options.test_script}: there is no such file")
    if options.remediate and os.geteuid():
        parser.error("--remediate needs root: Slurm lets nobody else change a node")
    return options


def main() -> int:
    """0: no node has failed; 1: some have."""
    options = arguments()
    stamp = time.strftime("%Y%m%dT%H%M%S")
    folder = (options.output_dir or Path(f"health-{stamp}")).resolve()
    nodes = chosen(options, nodes_of(run("scontrol", "show", "node", "--oneliner")))
    folder.mkdir(parents=True, exist_ok=True)
    options.test_script = options.test_script.resolve()

    results: list[Result] = []
    jobs: dict[str, Node] = {}
    try:
        for node in nodes:
            why = closed(node)
            if why:
                results.append(Result(node.name, "Skipped", "none", why))
            else:
                jobs[submit(node, options, folder, stamp)] = node
                tag(node, features_with(node.features, "InProgress"))
        say(f"node_health: {len(jobs)} jobs, output in {folder}")
        busy = wait_for({job: node.name for job, node in jobs.items()}, options.wait, options.pause)
    except BaseException:
        take_back(jobs)
        raise
    for job, node in jobs.items():
        log = folder / f"{node.name}.log"
        if job in busy:
            results.append(Result(node.name, "Skipped", "none", f"busy for {options.wait} minutes"))
        else:
            results.append(result_of(node.name, log.read_text(errors="replace") if log.exists() else ""))
    say(table(results))
    (folder / "summary.json").write_text(json.dumps([result._asdict() for result in sorted(results)], indent=2) + "\n")
    for result in results:
        node = next(node for node in nodes if node.name == result.host)
        tag(node, features_with(node.features, result.verdict))
    marked, too_many = to_mark(results, options.max_remediate)
    if options.remediate:
        for result in marked:
            say(f"{result.host}: {remediate(result, jobs)}")
        for result in too_many:
            say(f"{result.host}: to {result.action}, and left: --max-remediate is {options.max_remediate}")
    elif marked:
        say(f"{len(marked) + len(too_many)} nodes to reboot or replace: run it with --remediate, or mark them yourself")
    return 1 if any(result.verdict == "Failed" for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
