# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual environment from the bundle's own wheels: no network, no pip. Private to this collection.

C(python3 -m venv --without-pip) needs nothing that Debian splits off (ensurepip is what python3-venv adds), and the
C(installer) library, run from its own wheel, unpacks wheels. Nothing is compiled ahead: Python keeps what it imports.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import typing as t
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

COMPLETE = ".podforge-complete"
JsonDict = dict[str, t.Any]


class BootstrapError(Exception):
    """The environment cannot be made; the text names what is there and the fix."""


@dataclass(frozen=True)
class Interpreter:
    """What decides which wheels fit: version (C(3.11)) and machine (C(x86_64), C(aarch64))."""

    version: str
    machine: str

    @classmethod
    def running(cls) -> Interpreter:
        """The interpreter that runs this."""
        return cls(f"{sys.version_info[0]}.{sys.version_info[1]}", platform.machine())


def choose_wheels(manifest: JsonDict, interpreter: Interpreter) -> list[str] | None:
    """The file names of the wheels for the interpreter, None when the bundle has none for it."""
    for entry in manifest["wheel_sets"]:
        if entry["python"] == interpreter.version and entry["machine"] == interpreter.machine:
            return [str(name) for name in entry["wheels"]]
    return None


def find_interpreter(
    manifest: JsonDict, running: Interpreter, which: t.Callable[[str], str | None] = shutil.which
) -> str | None:
    """The interpreter to go on with: None for the running one, else the path of one that the bundle has wheels for.

    :raises BootstrapError: the node has none of the bundle's Pythons.
    """
    if choose_wheels(manifest, running) is not None:
        return None
    fitting = [entry["python"] for entry in manifest["wheel_sets"] if entry["machine"] == running.machine]
    for version in reversed(fitting):
        path = which(f"python{version}")
        if path:
            return path
    has = ", ".join(f"{entry['python']} on {entry['machine']}" for entry in manifest["wheel_sets"]) or "none"
    raise BootstrapError(
        f"the bundle has wheels for Python {has}; this node has Python {running.version} on {running.machine} and none "
        "of the others. Stage the lifecycle again with this version in node_pythons and this machine in architectures"
    )


def venv_is_complete(venv: Path, wheels: t.Sequence[str], interpreter: Interpreter) -> bool:
    """Whether the environment was finished for these wheels, and its interpreter is still there."""
    try:
        noted = (venv / COMPLETE).read_text(encoding="utf-8")
    except OSError:
        return False
    return noted == _note(wheels, interpreter) and (venv / "bin" / "python").exists()


def ensure_venv(release: Path, manifest: JsonDict) -> tuple[Path, bool]:
    """Make C(release/venv) with the running interpreter, unless it is there; returns its path, and whether it was made.

    :raises BootstrapError: no wheels fit, one is missing or damaged, or the environment cannot be made.
    """
    interpreter = Interpreter.running()
    names = choose_wheels(manifest, interpreter)
    if names is None:
        raise BootstrapError(f"the bundle has no wheels for Python {interpreter.version} on {interpreter.machine}")
    venv = release / "venv"
    if venv_is_complete(venv, names, interpreter):
        return venv, False
    wheels = [_checked_wheel(release, manifest, name) for name in names]
    shutil.rmtree(venv, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-I", "-m", "venv", "--without-pip", str(venv)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BootstrapError(f"{sys.executable} -m venv {venv} failed: {done.stdout.strip()}")
    try:
        _install(wheels, venv, interpreter)
        (venv / COMPLETE).write_text(_note(names, interpreter), encoding="utf-8")
    except OSError as error:
        # half of it is of no use, and the disk may be full
        shutil.rmtree(venv, ignore_errors=True)
        free = shutil.disk_usage(release).free // 2**20
        raise BootstrapError(
            f"{venv} cannot be made: {error.strerror}; {free} MiB are free there, about 100 are needed"
        ) from error
    return venv, True


def read_manifest(release: Path) -> JsonDict:
    """The bundle's list of contents."""
    path = release / "manifest.json"
    try:
        manifest: JsonDict = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BootstrapError(f"{path}: cannot be read ({error}); remove {release} and start again") from error
    return manifest


def _install(wheels: t.Sequence[Path], venv: Path, interpreter: Interpreter) -> None:
    sys.path.insert(0, str(next(wheel for wheel in wheels if wheel.name.startswith("installer-"))))
    install = import_module("installer").install
    wheel_file = import_module("installer.sources").WheelFile
    library = str(venv / "lib" / f"python{interpreter.version}" / "site-packages")
    destination = import_module("installer.destinations").SchemeDictionaryDestination(
        {
            "purelib": library,
            "platlib": library,
            "scripts": str(venv / "bin"),
            "headers": str(venv / "include"),
            "data": str(venv),
        },
        interpreter=str(venv / "bin" / "python"),
        script_kind="posix",
    )
    for wheel in wheels:
        with wheel_file.open(wheel) as source:
            install(source, destination, {"INSTALLER": b"podforge"})


def _checked_wheel(release: Path, manifest: JsonDict, name: str) -> Path:
    path = release / "wheels" / name
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BootstrapError(f"{path}: cannot be read ({error.strerror}); remove {release} and start again") from error
    expected = manifest["files"][f"wheels/{name}"]["sha256"]
    if found != expected:
        raise BootstrapError(
            f"{path}: SHA-256 is {found}, the manifest says {expected}; remove {release} and start again"
        )
    return path


def _note(wheels: t.Sequence[str], interpreter: Interpreter) -> str:
    return json.dumps({"python": interpreter.version, "machine": interpreter.machine, "wheels": list(wheels)})
