# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of pull mode: environment, C(playbooks/node.yml), result. Private to this collection.

on_create.sh starts this module with the folder of the release and arguments for ansible-playbook.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
import typing as t
from pathlib import Path

from .bootstrap import BootstrapError
from .bootstrap import Interpreter
from .bootstrap import ensure_venv
from .bootstrap import find_interpreter
from .bootstrap import read_manifest
from .console import DEFAULT_LOG
from .console import Console
from .dns import name_to_resolve
from .dns import uses_resolver
from .dns import wait_for_name
from .kept_code import script
from .report import DEFAULT_FOLDER
from .report import FAILED
from .report import OK
from .report import RUNNING
from .report import RunReport

RESOURCE_CONFIG = "/opt/ml/config/resource_config.json"
COLLECTION = Path("collections/ansible_collections/podforge/hyperpod")
# the CloudWatch agent of the nodes flushes every 3 seconds; a script that ends sooner loses its last lines
FLUSH_SECONDS = 7.0
DNS_SECONDS = 60.0
_KEEP_RELEASES = 2
# argparse takes --che for --check, and -DC for -D -C; of the letters before the C none takes a value
_CHECK = re.compile(r"--ch(e|ec|eck)?|-[bkvDJK]*C.*")


def module_python(base: t.Mapping[str, str], release: Path) -> Path:
    """The Python of modules: the system's, which has the distribution's bindings (python3-apt), as a quick one."""
    python = shutil.which("python3", path=base.get("PATH")) or sys.executable
    path = release / "module_python"
    text = script(python, str(release / "module_code"))
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        new = path.with_name(".module_python")
        new.write_text(text, encoding="utf-8")
        new.chmod(0o755)
        new.replace(path)  # whole, or not there: a run may be killed at any time
    return path


def ansible_environment(base: t.Mapping[str, str], release: Path, report: RunReport, python: Path) -> dict[str, str]:
    """The environment of ansible-playbook: the caller's, without what would lead Python astray."""
    kept = {name: value for name, value in base.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    kept.update(
        ANSIBLE_CONFIG=str(release / COLLECTION / "playbooks/files/lifecycle/ansible.cfg"),
        ANSIBLE_COLLECTIONS_PATH=str(release / "collections"),
        ANSIBLE_HOME="/var/lib/podforge/ansible",
        ANSIBLE_PYTHON_INTERPRETER=str(python),
        PODFORGE_BUNDLE=report.bundle,
        PODFORGE_KEPT_MODULES=str(release / "kept_modules"),
        PODFORGE_RUN_FILE=str(report.path),
        PYTHONUNBUFFERED="1",
    )
    kept.setdefault("HOME", "/root")
    return kept


def playbook_command(release: Path, venv: Path, arguments: t.Sequence[str]) -> list[str]:
    """The command line; the caller's arguments come last, so that theirs win."""
    return [
        str(venv / "bin" / "python"),
        str(venv / "bin" / "ansible-playbook"),
        "--inventory=localhost,",
        f"--extra-vars=@{release / 'vars.json'}",
        str(release / COLLECTION / "playbooks/node.yml"),
        *arguments,
    ]


def wait_for_dns(console: Console, environment: t.Mapping[str, str]) -> None:
    """Wait for the resolver when there is one and a name will be needed; not when no file tells the region."""
    try:
        path = environment.get("SAGEMAKER_RESOURCE_CONFIG_PATH") or RESOURCE_CONFIG
        arn = json.loads(Path(path).read_text(encoding="utf-8"))["ClusterConfig"]["ClusterArn"].split(":")
        name = name_to_resolve(environment, arn[3], arn[1])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        # hyperpod_node_facts tells what is wrong with the file, better than could be done here
        return
    if name is None or not uses_resolver(Path("/etc/resolv.conf")):
        return
    begin = time.monotonic()
    seconds = float(environment.get("PODFORGE_DNS_SECONDS") or DNS_SECONDS)
    if not wait_for_name(name, seconds):
        console.say(f"podforge: no answer for {name} from the resolver in {seconds:.0f} s, going on without")
    elif time.monotonic() - begin > 1:
        console.say(f"podforge: the resolver answered after {time.monotonic() - begin:.0f} s")


def switch_current(release: Path) -> None:
    """Let C(current) beside the releases' folder lead to this release; remove all but the newest others."""
    root = release.parent.parent
    temporary = root / f".current.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(Path("releases") / release.name)
    temporary.replace(root / "current")
    os.utime(release)
    others = [entry for entry in release.parent.iterdir() if entry != release]
    # a dot: what a killed run was unpacking; nobody else does while the lock is held
    halves = [entry for entry in others if entry.name.startswith(".")]
    whole = sorted((entry for entry in others if entry not in halves), key=_age, reverse=True)
    for old in [*halves, *whole[_KEEP_RELEASES - 1 :]]:
        shutil.rmtree(old, ignore_errors=True)


def run_playbook(console: Console, command: list[str], environment: dict[str, str]) -> int:
    """Run it, relay its output; a signal to end is passed on to it and its children."""
    lock = environment.pop("PODFORGE_LOCK_FD", "")
    process = subprocess.Popen(
        command,
        pass_fds=[int(lock)] if lock else [],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )

    said: list[threading.Thread] = []

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.killpg(process.pid, number)
        # not here: the line that is being written at this moment holds the console
        text = f"podforge: got {signal.Signals(number).name}, ending ansible-playbook"
        said.append(threading.Thread(target=console.say, args=(text,)))
        said[-1].start()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, pass_on)
    if process.stdout is not None:
        console.relay(process.stdout)
    code = process.wait()
    for thread in said:
        thread.join()
    return code if code >= 0 else 128 - code


def finish(console: Console, report: RunReport, code: int, message: str | None) -> int:
    """Complete the report that the callback plugin has written, and wait for the log shipper before a failing exit.

    The status is the run's: a result that cannot be written (a full disk) is said in the log and changes nothing.
    """
    try:
        report = report.reload()
    except (OSError, ValueError, TypeError) as error:
        console.say(f"podforge: {report.path} cannot be read: {error}")
    if report.status == RUNNING or (code != 0 and report.status == OK):
        report.status = OK if code == 0 else FAILED
    place = f"result in {report.path}"
    try:
        report.finish(report.status, code, message or report.message)
    except OSError as error:
        place = f"{report.path} cannot be written: {error.strerror}"
    console.say(f"podforge: {report.status} in {report.seconds:.1f} s, exit status {code}, {place}")
    console.flush()
    if code != 0 and not console.interactive:
        time.sleep(float(os.environ.get("PODFORGE_FLUSH_SECONDS") or FLUSH_SECONDS))
    return code


def wants_check(arguments: t.Sequence[str]) -> bool:
    """Whether these arguments of ansible-playbook ask for check mode."""
    return any(_CHECK.fullmatch(argument) for argument in arguments)


def main(argv: t.Sequence[str]) -> int:
    """Run; returns the exit status: ansible-playbook's, or 1 when it did not come to that."""
    release, arguments = Path(argv[0]).resolve(), list(argv[1:])
    console = Console(os.environ.get("PODFORGE_LOG") or DEFAULT_LOG)
    folder = Path(os.environ.get("PODFORGE_RUNS") or DEFAULT_FOLDER)
    report = RunReport.new(folder, release.name, wants_check(arguments))
    console.open_log(f"podforge: run {report.path.stem} of bundle {release.name}")
    try:
        report.begin()
        manifest = read_manifest(release)
        other = find_interpreter(manifest, Interpreter.running())
        if other:
            report.path.unlink()
            command = [other, "-E", "-s", "-m", str(__spec__.name), *argv]
            os.execv(other, command)  # noqa: S606 (no shell is wanted)
        begin = time.monotonic()
        venv, made = ensure_venv(release, manifest)
        if made:
            console.say(f"podforge: environment made in {time.monotonic() - begin:.1f} s")
        switch_current(release)
        wait_for_dns(console, os.environ)
        environment = ansible_environment(os.environ, release, report, module_python(os.environ, release))
        report.write()  # the callback plugin goes on counting from here
        code = run_playbook(console, playbook_command(release, venv, arguments), environment)
    except (BootstrapError, OSError) as error:
        console.say(f"podforge: {error}")
        return finish(console, report, 1, str(error))
    except Exception as error:  # whatever it is, the log and the result tell of it
        for line in traceback.format_exc().splitlines():
            console.say(line)
        return finish(console, report, 1, f"{type(error).__name__}: {error}")
    return finish(console, report, code, None)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
