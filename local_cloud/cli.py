# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: ``python -m local_cloud up | down | status | logs | env | fault | image``.

Exit status: 0; 1 when something is wrong (one line on stderr says what, and the fix); 2 for wrong usage; 3 from
``status`` when the instance isn't up.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import TYPE_CHECKING
from typing import Any

from local_cloud import client
from local_cloud import control
from local_cloud.errors import LocalCloudError
from local_cloud.faults import KINDS
from local_cloud.paths import CloudPaths
from local_cloud.server import is_running

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "python -m local_cloud"
DEFAULT_REGION = "us-west-2"
# moto's default account; moto takes only keys of 20 capital letters and digits for keys.
TEST_KEY = "AKIAIOSFODNN7EXAMPLE"
TEST_SECRET = "local-cloud-test-secret"  # noqa: S105 # says what it is


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except LocalCloudError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="A SageMaker HyperPod region on this machine.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("--name", default="default", help="which instance (default: %(default)s)")
        one.set_defaults(run=run)
        return one

    one = command("up", _up, "Start it in the background, and wait until it answers.")
    one.add_argument("--port", type=_port, help="TCP port on 127.0.0.1 (default: as last time, or 4567)")
    one.add_argument(
        "--provider",
        choices=["auto", "podman", "records"],
        help="what nodes are: systemd containers, or records only (default: auto)",
    )
    one.add_argument("--speed", type=_speed, help="virtual seconds per second, of what has no real duration (1)")
    one.add_argument("--enforce-iam", action="store_true", help="judge requests by their callers' IAM policies")
    one.add_argument("--foreground", action="store_true", help="stay in the foreground, log to the terminal")

    one = command("down", _down, "Stop it and its nodes; the state is kept.")
    one.add_argument("--purge", action="store_true", help="remove the nodes and the state as well")

    one = command("status", _status, "Say whether it is up, and what it has.")
    one.add_argument("--json", action="store_true", help="print JSON")

    one = command("logs", _logs, "Print the server's log, or lifecycle logs of nodes.")
    one.add_argument("-f", "--follow", action="store_true", help="go on as lines come")
    one.add_argument("--node", metavar="ID", help="of this instance id")
    one.add_argument("--cluster", metavar="NAME", help="of the nodes of this cluster")

    one = command("env", _env, "Print export lines for a shell.")
    one.add_argument("--region", help=f"region to work in (default: {DEFAULT_REGION})")

    _add_fault_commands(command("fault", None, "Inject faults."))

    one = command("image", _image, "Build the node image, if it is not there yet.")
    one.add_argument("--json", action="store_true", help="print image and podman arguments as JSON")
    return parser


def _add_fault_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("--name", default=argparse.SUPPRESS, help="which instance")
        one.set_defaults(run=run)
        return one

    one = action("set", _fault_set, "Add a fault, or replace the one of the same kind and aim.")
    one.add_argument("kind", choices=KINDS)
    how = one.add_mutually_exclusive_group()
    how.add_argument("--percent", type=float, help="how often")
    how.add_argument("--count", type=int, help="how many times")
    how.add_argument("--rate", type=float, help="of throttle: calls a second that pass")
    one.add_argument("--operation", help="which requests: CreateCluster, s3:PutObject, s3:* (default: all)")
    one.add_argument("--instance-group", help="which nodes (default: all)")
    one.add_argument("--resource", help="domain of a directory, name of a load balancer, address of a target")
    one.add_argument("--seconds", type=float, help="of directory_slow: by which everything is late, each way")
    one.add_argument(
        "--certificate",
        type=argparse.FileType("r"),
        metavar="FILE",
        help="of certificate_swapped: PEM with key, certificate and chain (default: one by an unknown authority)",
    )
    one = action("seed", _fault_seed, "Start the random sequences anew.")
    one.add_argument("seed", type=int)
    one = action("list", _fault_list, "Print the faults.")
    one.add_argument("--json", action="store_true", help="print JSON")
    one = action("clear", _fault_clear, "Remove faults.")
    one.add_argument("kind", nargs="?", choices=KINDS, help="only these")


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise argparse.ArgumentTypeError(f"{text} is no port (1 to 65535)")
    return port


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return speed


def _paths(options: argparse.Namespace) -> CloudPaths:
    return CloudPaths.of(options.name)


def _suffix(options: argparse.Namespace) -> str:
    return "" if options.name == "default" else f" --name {options.name}"


def _up(options: argparse.Namespace) -> int:
    paths = _paths(options)
    wanted = control.Wanted(
        port=options.port, provider=options.provider, speed=options.speed, enforce_iam=options.enforce_iam
    )
    if options.foreground:
        from local_cloud import serve  # noqa: PLC0415 # slow to import

        settings, note = control.resolve(paths, wanted)
        print(f"local_cloud '{paths.name}' on http://127.0.0.1:{settings.port}, {note}; end it with Ctrl-C")
        return serve.run(settings, None)
    outcome = control.up(paths, wanted)
    settings = outcome.settings
    print(f"local_cloud '{paths.name}' is up on http://127.0.0.1:{settings.port} ({outcome.note})")
    print(f"provider {settings.provider}, speed {settings.speed:g}, state in {paths.state}")
    print("\nNext:")
    print(f'  eval "$({PROGRAM} env{_suffix(options)})"')
    print("  aws sagemaker list-clusters")
    return 0


def _down(options: argparse.Namespace) -> int:
    paths = _paths(options)
    was_up = control.down(paths)
    if options.purge:
        removed = control.purge(paths)
        print(f"local_cloud '{paths.name}' {'is removed' if removed else 'has no state: nothing to do'}")
    elif was_up:
        print(f"local_cloud '{paths.name}' is down; its state is kept in {paths.state}")
    else:
        print(f"local_cloud '{paths.name}' is not up")
    return 0


def _status(options: argparse.Namespace) -> int:
    paths = _paths(options)
    if not is_running(paths):
        if options.json:
            print(json.dumps({"status": "down", "name": paths.name}))
        else:
            kept = f"; its state is in {paths.state}" if paths.state.exists() else ""
            print(f"local_cloud '{paths.name}' is not up{kept}")
        return 3
    status = {"status": "up", **client.call(paths, "GET", "status")}
    if options.json:
        print(json.dumps(status, indent=1))
        return 0
    print(
        f"local_cloud '{paths.name}' is up on http://127.0.0.1:{status['port']} "
        f"(provider {status['provider']}, speed {status['speed']:g}, pid {status['pid']})"
    )
    for fault in status["faults"]:
        print(f"fault: {_fault_text(fault)}")
    for service, why in status["not_saved"].items():
        print(f"not saved: {service} ({why})")
    for one in status["directories"]:
        reason = f"  {one['reason']}" if one["reason"] else ""
        print(f"directory: {one['name']}  {one['stage']}  {one['id']}  {' '.join(one['addresses'])}{reason}")
    for one in status["load_balancers"]:
        ports = " ".join(map(str, one["ports"])) or "no listeners"
        print(f"load balancer: {one['name']}  {one['state']}  {' '.join(one['addresses'])}  {ports}")
    if not status["clusters"]:
        print("no clusters")
    for cluster in status["clusters"]:
        print(f"{cluster['name']}  {cluster['status']}  {cluster['region']}  {cluster['account_id']}")
        if cluster.get("failure_message"):
            print(f"  {cluster['failure_message']}")
        rows: list[tuple[str, ...]] = [("INSTANCE", "GROUP", "TYPE", "ADDRESS", "STATUS")]
        rows += [
            (
                node["instance_id"] or "-",
                node["instance_group"],
                node["instance_type"],
                node.get("hostname") or "-",
                node["status"],
            )
            for node in cluster["nodes"]
        ]
        _table(rows)
    return 0


def _table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _logs(options: argparse.Namespace) -> int:
    paths = _paths(options)
    if options.node or options.cluster:
        return _node_logs(paths, options)
    if not paths.server_log.exists():
        raise LocalCloudError(f"local_cloud '{paths.name}' has no log yet: it was never up.")
    with paths.server_log.open(errors="replace") as stream:
        while True:
            for line in stream:
                sys.stdout.write(line)
            sys.stdout.flush()
            if not options.follow:
                return 0
            time.sleep(0.3)


def _node_logs(paths: CloudPaths, options: argparse.Namespace) -> int:
    query = {name: value for name, value in (("node", options.node), ("cluster", options.cluster)) if value}
    while True:
        found = client.call(paths, "GET", "logs", query=query)
        for line in found["lines"]:
            print(line["message"].rstrip("\n") if options.node else f"{line['node']} {line['message'].rstrip()}")
        sys.stdout.flush()
        if not options.follow:
            return 0
        query["after"] = found["next"]
        time.sleep(1)


def _env(options: argparse.Namespace) -> int:
    settings = client.running_settings(_paths(options))
    region = options.region or DEFAULT_REGION
    print("unset AWS_PROFILE AWS_SESSION_TOKEN")
    for name, value in (
        ("AWS_ENDPOINT_URL", f"http://127.0.0.1:{settings['port']}"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", TEST_KEY),
        ("AWS_SECRET_ACCESS_KEY", TEST_SECRET),
    ):
        print(f"export {name}={value}")
    return 0


def _fault_text(fault: dict[str, Any]) -> str:
    if "rate" in fault:
        often = f"above {fault['rate']:g} a second"
    elif "percent" in fault or "count" in fault:
        often = f"{fault['percent']:g} %" if "percent" in fault else f"{fault['count']} times"
    else:
        often = f"{fault['seconds']:g} s" if "seconds" in fault else "until cleared"
    aim = fault.get("operation") or fault.get("instance_group") or fault.get("resource") or "all"
    return f"{fault['kind']}  {often}  {aim}"


def _fault_set(options: argparse.Namespace) -> int:
    names = ("kind", "percent", "count", "rate", "operation", "instance_group", "resource", "seconds")
    fault = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    if options.certificate is not None:
        with options.certificate as stream:
            fault["certificate"] = stream.read()
    client.call(_paths(options), "PUT", "faults", fault)
    print(_fault_text(fault))
    return 0


def _fault_seed(options: argparse.Namespace) -> int:
    client.call(_paths(options), "PUT", "faults", {"seed": options.seed})
    return 0


def _fault_list(options: argparse.Namespace) -> int:
    found = client.call(_paths(options), "GET", "faults")
    if options.json:
        print(json.dumps(found))
        return 0
    for fault in found["faults"]:
        print(_fault_text(fault))
    if not found["faults"]:
        print("no faults")
    return 0


def _fault_clear(options: argparse.Namespace) -> int:
    client.call(_paths(options), "DELETE", "faults", query={"kind": options.kind} if options.kind else None)
    print("cleared")
    return 0


def _image(options: argparse.Namespace) -> int:
    from local_cloud.ami.build import ensure_image  # noqa: PLC0415 # nothing else needs it
    from local_cloud.providers.podman_runtime import detect  # noqa: PLC0415

    runtime = detect()
    image = ensure_image(lambda line: print(line, file=sys.stderr, flush=True))
    result = {"image": image, "runtime_args": runtime.global_args, "run_args": runtime.run_args}
    print(json.dumps(result) if options.json else image)
    return 0
