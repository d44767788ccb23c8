# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages are wanted on this operating system, and what is to be done for them. Pure.

Private to this collection.

A role declares its packages in C(vars/packages.yml), by operating system::

    __chrony_packages:
      Debian: [chrony]
      RedHat: [chrony]
      Ubuntu-24.04: [chrony, something]

A name that ends with C(?) is optional: it comes where it can be had.
The most specific key counts, and no other: C(<distribution>-<version>), C(<distribution>-<major version>),
C(<distribution>), C(<family>).
"""

from __future__ import annotations

import fnmatch
import re
import typing as t
from dataclasses import dataclass

from .common import PackageError
from .common import State

# Debian Policy 5.6.7 and RPM's names; a version after =. Nothing that could be an option, a path or a URL.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]*(=[A-Za-z0-9][A-Za-z0-9+.:~^_-]*)?")
_OPTIONAL = "?"
_PATTERN = re.compile(r"[A-Za-z0-9*?\[][A-Za-z0-9+._*?\[\]-]*")


@dataclass(frozen=True)
class System:
    """An operating system as Ansible names it: C(Ubuntu), C(22.04), C(Debian)."""

    distribution: str
    version: str
    family: str

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of a declaration that fit, the most specific first."""
        major = self.version.split(".", maxsplit=1)[0]
        named = (f"{self.distribution}-{self.version}", f"{self.distribution}-{major}", self.distribution, self.family)
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class Plan:
    """What is to be done; nothing when all is empty."""

    install: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    hold: tuple[str, ...] = ()
    unhold: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.install or self.optional or self.hold or self.unhold)


def wanted(declared: t.Mapping[str, t.Any], system: System, names: t.Sequence[str] = ()) -> tuple[str, ...]:
    """Packages of all declarations for this system, and C(names), each once and in order; C(?) stays where it is.

    :param declared: role -> operating system -> packages.
    :raises PackageError: a declaration is none, or has nothing for this system.
    """
    found: dict[str, None] = {}
    for role, by_system in declared.items():
        if not isinstance(by_system, dict):
            raise PackageError(f"role {role}: vars/packages.yml must map operating systems to lists of packages")
        if not by_system:
            continue
        key = next((key for key in system.keys if key in by_system), None)
        if key is None:
            raise PackageError(
                f"role {role} declares no packages for {system.distribution} {system.version}: it has "
                f"{', '.join(sorted(by_system))}; add {system.distribution} or {system.family} to its vars/packages.yml"
            )
        listed = by_system[key]
        if not isinstance(listed, list):
            raise PackageError(f"role {role}: vars/packages.yml: {key} must be a list of packages")
        found.update(dict.fromkeys(check_name(name, f"role {role}, {key}") for name in listed))
    found.update(dict.fromkeys(check_name(name, "names") for name in names))
    return tuple(found)


def check_name(name: object, place: str) -> str:
    """The name, if it is one.

    :raises PackageError: it is none.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name[:-1] if name.endswith(_OPTIONAL) else name):
        raise PackageError(
            f"{place}: {name!r} is not the name of a package; for example jq, jq=1.6-2.1, jq? if it may be missing"
        )
    return name


def check_pattern(pattern: str, place: str) -> str:
    """The pattern of names, if it is one.

    :raises PackageError: it is none.
    """
    if not _PATTERN.fullmatch(pattern):
        raise PackageError(f"{place}: {pattern!r} matches no package; write for example linux-image-*")
    return pattern


def plan(state: State, names: t.Sequence[str], hold: t.Sequence[str] = (), unhold: t.Sequence[str] = ()) -> Plan:
    """What is missing, and which of the installed packages are to be held or let go.

    :param hold: patterns of names. What is not installed is not held: it would be no use before it comes.
    :param unhold: patterns of names; they win over C(hold).
    """
    packages = state.packages
    required = [name for name in names if not name.endswith(_OPTIONAL)]
    optional = [name[:-1] for name in names if name.endswith(_OPTIONAL) and name[:-1] not in required]
    release = [name for name in packages if _matches(name, unhold)]
    return Plan(
        install=tuple(name for name in required if not _is_there(state, name)),
        optional=tuple(name for name in optional if not _is_there(state, name)),
        hold=tuple(
            sorted(
                name for name in packages if not packages[name].held and _matches(name, hold) and name not in release
            )
        ),
        unhold=tuple(sorted(name for name in release if packages[name].held)),
    )


def _is_there(state: State, wanted_name: str) -> bool:
    name, _sign, version = wanted_name.partition("=")
    package = state.packages.get(name)
    if package is None:
        return not version and name in state.provided
    return version in ("", package.version)


def _matches(name: str, patterns: t.Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
