# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""dnf 4 and rpm of Amazon Linux 2023. Private to this collection.

Their words are those of dnf 4.14, seen with a repository, a lock and a mirror that was down on
Debian; not on Amazon Linux itself.
"""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

from .common import FINAL
from .common import LOCK
from .common import MIRROR
from .common import UNKNOWN
from .common import Command
from .common import Package
from .common import PackageError
from .common import State
from .common import Trouble
from .common import last_lines

QUERY = "%{NAME}\\t%{VERSION}-%{RELEASE}\\n"
VERSIONLOCK = Path("/etc/dnf/plugins/versionlock.list")
_PLUGIN = "python3-dnf-plugin-versionlock"
_SIGNS = (
    (LOCK, r"already locked by|locked by another process|Failed to obtain the transaction lock"),
    (UNKNOWN, r"Unable to find a match|No match for argument"),
    (FINAL, r"(?i)No space left on device|needs? \d+\s*\wB more space|at least \d+\s*\wB more space needed|GPG check"),
    (
        MIRROR,
        (
            r"Failed to download|Cannot download|Curl error|All mirrors were tried|Could ?n.t resolve host|"
            r"Cannot prepare internal mirrorlist|Status code: (?:4|5)\d\d"
        ),
    ),
)


def parse(text: str, versionlock: str, provided: t.Iterable[str] = ()) -> State:
    """What rpm has printed for QUERY, and the list of the plugin versionlock."""
    locked = _locked(versionlock)
    packages = {}
    for line in text.splitlines():
        name, version = line.split("\t")
        packages[name] = Package(version, held=name in locked)
    return State(packages, frozenset(provided))


def explain(output: str) -> Trouble:
    """What kind of trouble dnf tells of, in its own words."""
    kind = next((kind for kind, sign in _SIGNS if re.search(sign, output)), FINAL)
    # the lock's holder is told first, and then a lot about it
    # one line of all of them, or one line each
    unknown = [
        name
        for names in re.findall(r"(?:Unable to find a match|No match for argument): (.+)", output)
        for name in names.split()
    ]
    said = "; ".join(output.split("\n")[:2]) if kind == LOCK else last_lines(output)
    return Trouble(kind, said, tuple(dict.fromkeys(unknown)))


class Dnf:
    """dnf and rpm."""

    family = "RedHat"
    sources = "/etc/yum.repos.d"

    def __init__(self, command: Command, versionlock: Path = VERSIONLOCK) -> None:
        self._command = command
        self._versionlock = versionlock
        self._versions: dict[str, list[str]] = {}

    def read(self, names: t.Sequence[str]) -> State:
        """One call of rpm for all packages, and one for each name that none of them has."""
        code, out, err = self._command(["rpm", "--query", "--all", f"--queryformat={QUERY}"])
        if code != 0:
            raise PackageError(f"rpm --query --all failed with code {code}: {last_lines(err or out)}")
        text = self._versionlock.read_text(encoding="utf-8") if self._versionlock.exists() else ""
        self._versions = {}
        for line in out.splitlines():
            name, version = line.split("\t")
            self._versions.setdefault(name, []).append(f"{name}-{version}")
        others = [name for name in names if name.split("=")[0] not in self._versions]
        return parse(out, text, [name for name in others if self._is_provided(name)])

    def are_lists_fresh(self) -> bool:
        """dnf looks after them itself."""
        return True

    def refresh(self) -> Trouble | None:
        """Fetch the metadata anew; a repository that does not answer is an error then, and not left out."""
        return self._dnf("--setopt=*.skip_if_unavailable=False", "makecache", "--refresh")

    def install(self, names: t.Sequence[str]) -> Trouble | None:
        """One transaction; dnf installs name-version."""
        return self._dnf(
            "--setopt=install_weak_deps=False",
            "--setopt=keepcache=False",
            "install",
            *(n.replace("=", "-") for n in names),
        )

    def repair(self) -> Trouble | None:
        """rpm has no half-done packages that would keep dnf from working."""
        return None

    def discard(self, before: State) -> Trouble | None:
        """A transaction of rpm is tested before, and scripts that fail after it are warnings."""
        return None

    def hold_needs(self) -> tuple[str, ...]:
        """The plugin."""
        return (_PLUGIN,)

    def hold(self, names: t.Sequence[str]) -> Trouble | None:
        """Lock the versions that are there; a name alone would lock all that repositories have."""
        return self._dnf("versionlock", "add", *(version for name in names for version in self._versions[name]))

    def unhold(self, names: t.Sequence[str]) -> Trouble | None:
        """Take the locks away."""
        return self._dnf("versionlock", "delete", *names)

    def _is_provided(self, name: str) -> bool:
        return self._command(["rpm", "--query", "--whatprovides", name])[0] == 0

    def _dnf(self, *arguments: str) -> Trouble | None:
        # exit_on_lock: it is we who wait, so that there is an end to it
        code, out, err = self._command(["dnf", "--quiet", "--assumeyes", "--setopt=exit_on_lock=True", *arguments])
        return explain(f"{out}\n{err}".strip()) if code != 0 else None


def _locked(versionlock: str) -> set[str]:
    """Names in versionlock.list: C(name-epoch:version-release.arch) a line, C(!) before what is excluded."""
    found = set()
    for line in versionlock.splitlines():
        match = re.match(r"([^#!\s].*)-(?:\d+:)?[^-]+-[^-]+$", line.strip())
        if match:
            found.add(match.group(1))
    return found
