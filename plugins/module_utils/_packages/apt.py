# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt and dpkg of Debian and Ubuntu. Private to this collection.

Their words are those of apt 2.4 (Ubuntu 22.04) to 2.8 (24.04) and dpkg 1.21 to 1.22, in the locale C.
"""

from __future__ import annotations

import os
import re
import time
import typing as t
from pathlib import Path

from .common import FINAL
from .common import INTERRUPTED
from .common import LOCK
from .common import MIRROR
from .common import UNKNOWN
from .common import Command
from .common import Package
from .common import PackageError
from .common import State
from .common import Trouble
from .common import last_lines

ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "APT_LISTCHANGES_FRONTEND": "none",
    # Ubuntu's needrestart would ask, or restart the daemons of the node; l: list only
    "NEEDRESTART_MODE": "l",
}
# binary:Package has the architecture where there may be several
QUERY = "${binary:Package}\\t${db:Status-Want}\\t${db:Status-Status}\\t${Version}\\t${Provides}\\n"
_NOT_THERE = ("not-installed", "config-files")
_WAITING = ("triggers-awaited", "triggers-pending")
FRESH_SECONDS = 86400.0
_UNKNOWN = re.compile(
    r"Unable to locate package (\S+)|Package '([^']+)' has no installation candidate|"
    r"Version '[^']*' for '([^']+)' was not found"
)
_SIGNS = (
    (LOCK, r"Could not get lock|Unable to lock directory|is another process using it|frontend lock was locked"),
    (INTERRUPTED, r"dpkg was interrupted"),
    (UNKNOWN, r"Unable to locate package|has no installation candidate|Version '.*' for '.*' was not found"),
    (FINAL, r"No space left on device|don't have enough free space|NO_PUBKEY|is not signed|isn't signed"),
    (
        MIRROR,
        (
            r"Failed to fetch|Unable to fetch|Could not connect|Connection (?:failed|timed out|refused)|"
            r"Temporary failure resolving|Hash Sum mismatch|File has unexpected size|"
            r"index files failed to download"
        ),
    ),
)


def parse(text: str) -> State:
    """What dpkg-query has printed for QUERY."""
    packages: dict[str, Package] = {}
    provided: set[str] = set()
    unfinished: set[str] = set()
    for line in text.splitlines():
        name, want, status, version, provides = line.split("\t")
        if status != "installed":
            if status not in _NOT_THERE:
                unfinished.add(name.split(":")[0])
            continue
        packages[name.split(":")[0]] = Package(version, held=want == "hold")
        provided.update(entry.split(" ")[0] for entry in provides.split(", ") if entry)
    return State(packages, frozenset(provided), frozenset(unfinished))


def half_done(text: str) -> list[str]:
    """Packages of which dpkg-query says for QUERY that their installation has begun and not ended.

    One that is configured and waits for a trigger (of another one that is broken) is none of these.
    """
    lines = [line.split("\t") for line in text.splitlines()]
    return [line[0] for line in lines if line[2] not in ("installed", *_NOT_THERE, *_WAITING)]


def explain(output: str) -> Trouble:
    """What kind of trouble apt tells of, in its own words."""
    complaints = [line for line in output.splitlines() if line.startswith(("E:", "W:", "dpkg: error"))]
    # which package it is about, apt tells in a list before its error
    unmet = re.search(r"unmet dependencies:\n((?: .*\n)+)", output)
    if unmet:
        complaints += [" ".join(line.split()) for line in unmet.group(1).splitlines()]
    said = "; ".join(dict.fromkeys(line.strip() for line in complaints)) or last_lines(output)
    kind = next((kind for kind, sign in _SIGNS if re.search(sign, output)), FINAL)
    return Trouble(kind, said, tuple("".join(groups) for groups in _UNKNOWN.findall(output)))


class Apt:
    """apt-get, dpkg-query and apt-mark."""

    family = "Debian"
    sources = "/etc/apt/sources.list and /etc/apt/sources.list.d"

    def __init__(
        self, command: Command, lists: Path = Path("/var/lib/apt/lists"), settings: Path = Path("/etc/apt")
    ) -> None:
        self._command = command
        self._lists = lists
        self._settings = settings

    def read(self, names: t.Sequence[str]) -> State:
        """One call of dpkg-query for all packages."""
        return parse(self._query())

    def are_lists_fresh(self) -> bool:
        """Whether there is a list, of today, and no repository has changed since."""
        if not any(self._lists.glob("*_*")):
            return False
        asked = self._lists.stat().st_mtime
        changed = max((path.stat().st_mtime for path in self._settings.rglob("*")), default=0.0)
        return 0 <= time.time() - asked < FRESH_SECONDS and changed < asked

    def refresh(self) -> Trouble | None:
        """apt-get update, which by itself would only warn of a repository that it cannot reach."""
        trouble = self._apt("-o", "APT::Update::Error-Mode=any", "update")
        if trouble is None and self._lists.exists():
            # where there was nothing new, the folder is as it was
            os.utime(self._lists)
        return trouble

    def install(self, names: t.Sequence[str]) -> Trouble | None:
        """One transaction that keeps changed configuration files and removes nothing."""
        return self._apt(
            *("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
            *("-o", "Dpkg::Use-Pty=0", "-o", "APT::Keep-Downloaded-Packages=false"),
            *("--yes", "--no-remove", "--no-install-recommends", "install", "--", *names),
        )

    def repair(self) -> Trouble | None:
        """Configure what is unpacked."""
        command = ["dpkg", "--force-confdef", "--force-confold", "--configure", "--pending"]
        return self._run(command)

    def discard(self, before: State) -> Trouble | None:
        """Purge what is half done and was not there before; until then apt would try it again with each call."""
        there = before.unfinished.union(before.packages)
        half = [name for name in half_done(self._query()) if name.split(":")[0] not in there]
        return self._run(["dpkg", "--force-remove-reinstreq", "--purge", "--", *half]) if half else None

    def hold_needs(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def hold(self, names: t.Sequence[str]) -> Trouble | None:
        """The selection "hold" of dpkg, which apt keeps to."""
        return self._run(["apt-mark", "hold", "--", *names])

    def unhold(self, names: t.Sequence[str]) -> Trouble | None:
        """The selection "install" again."""
        return self._run(["apt-mark", "unhold", "--", *names])

    def _query(self) -> str:
        code, out, err = self._command(["dpkg-query", "--show", f"--showformat={QUERY}"])
        if code != 0:
            raise PackageError(f"dpkg-query failed with code {code}: {last_lines(err or out)}")
        return out

    def _apt(self, *arguments: str) -> Trouble | None:
        return self._run(
            ["apt-get", "--quiet", "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=20", *arguments]
        )

    def _run(self, command: t.Sequence[str]) -> Trouble | None:
        code, out, err = self._command(command)
        return explain(f"{out}\n{err}") if code != 0 else None
