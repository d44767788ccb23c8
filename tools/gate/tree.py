# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the collection where ansible-test and galaxy expect it: <folder>/ansible_collections/podforge/hyperpod.

ansible-test wants that path, the collections it depends on beside it, and writes into the tree; the working tree stays
clean this way.
"""

from __future__ import annotations

import fcntl
import filecmp
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tools.gate.model import ROOT
from tools.gate.model import cache_folder

# ansible-test makes a virtual environment per sanity test and fetches get-pip.py for it from a site of its own. The
# interpreter's bundled pip does as well and needs no second site: names and pip versions that the two cores ask for.
_GET_PIP = {"get_pip_24_2.py": "24.2", "get_pip_25_2.py": "25.2"}
_SHIM = """\
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"])
subprocess.check_call([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "pip=={version}"])
"""


def copy_folder(name: str, version: str | None = None) -> Path:
    """Folder of the copy that ``name`` works in, with this Python (or ``version``, such as 3.12)."""
    return (
        cache_folder() / "ansible-test" / f"{name}-py{version or f'{sys.version_info.major}.{sys.version_info.minor}'}"
    )


def git_environment() -> dict[str, str]:
    """Let git read a tree that belongs to another user (a clone made by the user, tests run by root)."""
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}


def source_files() -> list[str]:
    """Paths of all files of the project, ignored ones left out."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        env={**os.environ, **git_environment()},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted({name for name in listing.split("\0") if name and (ROOT / name).exists()})


def synchronise(target: Path, names: list[str]) -> None:
    """Make ``target`` hold exactly these files, touching only those that differ."""
    wanted = set(names)
    for folder, folders, files in os.walk(target, topdown=False):
        for file in files:
            path = Path(folder, file)
            name = path.relative_to(target).as_posix()
            if name not in wanted and not name.startswith("tests/output/"):
                path.unlink()
        # an empty folder of roles/ would be a role without a README
        for path in (Path(folder, name) for name in folders):
            if not path.is_symlink() and not any(path.iterdir()):
                path.rmdir()
    for name in names:
        source, copy = ROOT / name, target / name
        if copy.is_symlink() or source.is_symlink():
            copy.unlink(missing_ok=True)
        elif copy.exists() and filecmp.cmp(source, copy, shallow=False):
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy, follow_symlinks=False)


def prepare(folder: Path) -> Path:
    """Copy the tree below ``folder`` and return the collection's path in it."""
    target = folder / "ansible_collections" / "podforge" / "hyperpod"
    target.mkdir(parents=True, exist_ok=True)
    synchronise(target, source_files())
    bundled = Path(sysconfig.get_path("purelib"), "ansible_collections")
    for name in ("amazon", "ansible", "containers"):
        link = target.parents[1] / name
        if not link.is_symlink() or link.readlink() != bundled / name:
            link.unlink(missing_ok=True)
            link.symlink_to(bundled / name)
    shims = folder / "home" / ".ansible" / "test" / "cache"
    shims.mkdir(parents=True, exist_ok=True)
    for name, version in _GET_PIP.items():
        (shims / name).write_text(_SHIM.format(version=version))
    return target


def main() -> None:
    """``python -m tools.gate.tree <name> <command...>``: run a command in the copy, with a home of its own.

    What is slow to make (environments of the sanity tests) is kept in the cache between runs and clones.
    """
    name, command = sys.argv[1], sys.argv[2:]
    folder = copy_folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    # another clone may use the same copy; the lock lives as long as the command that inherits it
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)
    target = prepare(folder)
    environment = {**os.environ, "HOME": str(folder / "home")}
    if os.sep in command[0]:
        command[0] = str(Path(command[0]).absolute())  # it was meant from here
    os.chdir(target)
    os.execvpe(command[0], command, environment)  # noqa: S606  # becoming the command keeps its process group and signals


if __name__ == "__main__":
    main()
