# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of associations and QOS: read from sacctmgr, read from the operator, compared, written. Pure. Private.

Names and forms: sacctmgr(1) of Slurm 22.05, "SPECIFICATIONS FOR ACCOUNTS", "... USERS", "... QOS", "... CLUSTERS".
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

# What a value is once it is read: None is "not set".
Value: t.TypeAlias = "int | float | str | frozenset[str] | tuple[tuple[str, int], ...] | None"

COUNT, TRES, MINUTES, SECONDS, NUMBER, NAME, NAMES, SHARE = (
    *("count", "tres", "minutes", "seconds", "number", "name", "names", "share"),
)


@dataclass(frozen=True)
class Setting:
    """A setting: how sacctmgr(1) calls it, what form it has, and what it is when nobody has set it."""

    name: str
    kind: str
    unset: Value = None


_GROUP = (
    *(Setting(name, COUNT) for name in ("GrpJobs", "GrpSubmitJobs")),
    *(Setting(name, TRES) for name in ("GrpTRES", "GrpTRESMins", "GrpTRESRunMins")),
    Setting("GrpWall", MINUTES),
    *(Setting(name, TRES) for name in ("MaxTRESPerJob", "MaxTRESPerNode", "MaxTRESMinsPerJob")),
    Setting("MaxWallDurationPerJob", MINUTES),
)
ASSOCIATION = (
    Setting("Fairshare", SHARE, 1),
    Setting("Priority", COUNT),
    *_GROUP,
    *(Setting(name, COUNT) for name in ("MaxJobs", "MaxSubmitJobs")),
    Setting("QOS", NAMES),
    Setting("DefaultQOS", NAME),
)
QOS = (
    Setting("Priority", COUNT, 0),
    *_GROUP,
    *(
        Setting(name, COUNT)
        for name in ("MaxJobsPerUser", "MaxSubmitJobsPerUser", "MaxJobsPerAccount", "MaxSubmitJobsPerAccount")
    ),
    *(Setting(name, TRES) for name in ("MaxTRESPerUser", "MaxTRESPerAccount", "MinTRESPerJob")),
    Setting("GraceTime", SECONDS, 0),
    Setting("Preempt", NAMES),
    Setting("PreemptMode", NAME, "cluster"),
    Setting("PreemptExemptTime", SECONDS),
    Setting("Flags", NAMES),
    *(Setting("UsageFactor", NUMBER, 1.0), Setting("LimitFactor", NUMBER), Setting("UsageThreshold", NUMBER)),
)
# Further names that sacctmgr(1) has for the same.
_ALIASES = {
    "grpsubmit": "GrpSubmitJobs",
    "maxjobspa": "MaxJobsPerAccount",
    "maxjobspu": "MaxJobsPerUser",
    "maxsubmit": "MaxSubmitJobs",
    "maxsubmitpa": "MaxSubmitJobsPerAccount",
    "maxsubmitjobspa": "MaxSubmitJobsPerAccount",
    "maxsubmitpu": "MaxSubmitJobsPerUser",
    "maxsubmitjobspu": "MaxSubmitJobsPerUser",
    "maxtres": "MaxTRESPerJob",
    "maxtresmins": "MaxTRESMinsPerJob",
    "maxtrespa": "MaxTRESPerAccount",
    "maxtrespu": "MaxTRESPerUser",
    "maxwall": "MaxWallDurationPerJob",
    "mintres": "MinTRESPerJob",
    "qoslevel": "QOS",
    "share": "Fairshare",
}
_TRES = re.compile(r"^[a-z]+(/[A-Za-z0-9_.:-]+)?$")
_WORD = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.@-]*$")
_CLOCK = re.compile(r"^(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?$")
_UNITS = {"": 0, "K": -1, "M": 0, "G": 1, "T": 2, "P": 3}


class AccountsError(Exception):
    """Something the operator must mend; the text names the place and the fix."""


def setting_of(key: str, settings: t.Sequence[Setting], where: str) -> Setting:
    """The setting of that name, whatever its case.

    Raises:
        AccountsError: there is none.
    """
    wanted = _ALIASES.get(key.lower(), key).lower()
    for setting in settings:
        if setting.name.lower() == wanted:
            return setting
    known = ", ".join(sorted(setting.name for setting in settings))
    raise AccountsError(f"{where}: {key} is not a setting here; known are {known}")


def given(value: t.Any, setting: Setting, where: str) -> Value:
    """What the operator has written, null for "not set".

    Raises:
        AccountsError: it does not have the form of this setting.
    """
    place = f"{where}: {setting.name}"
    if value is None:
        return setting.unset
    if isinstance(value, bool):
        raise AccountsError(f"{place} is {value}, and must not be a boolean; put words such as 'yes' in quotes")
    return _READERS[setting.kind](value, place)


def shown(text: str, setting: Setting) -> Value:
    """A field of ``sacctmgr --parsable2 list``.

    Raises:
        AccountsError: this version of sacctmgr writes it in another way.
    """
    return given(text, setting, "sacctmgr list") if text != "" else setting.unset


def written(setting: Setting, before: Value, after: Value) -> str:
    """``Name=value`` for sacctmgr that makes one of the other."""
    return f"{setting.name}={_text(setting, before, after)}"


def plain(value: Value) -> t.Any:
    """For results and diffs."""
    if isinstance(value, tuple):
        return dict(value)
    return sorted(value) if isinstance(value, frozenset) else value


def _text(setting: Setting, before: Value, after: Value) -> str:
    if isinstance(after, tuple) or (setting.kind == TRES and after is None):
        # what is left out stays, so that each one that is to go is named with -1
        wanted = dict(after) if isinstance(after, tuple) else {}
        gone = [name for name in (dict(before) if isinstance(before, tuple) else {}) if name not in wanted]
        return ",".join([*(f"{name}={number}" for name, number in wanted.items()), *(f"{name}=-1" for name in gone)])
    if isinstance(after, frozenset):
        return ",".join(sorted(after))
    if after is None:
        # Flags, Preempt, QOS: an empty list; all others: -1
        return "" if setting.kind == NAMES and setting.name != "Flags" else "-1"
    return str(after)


def _count(value: t.Any, place: str) -> Value:
    text = str(value)
    if not re.fullmatch(r"\d{1,10}", text) or isinstance(value, float):
        raise AccountsError(f"{place} is {value!r}; give a whole number, or null for none")
    return int(text)


def _number(value: t.Any, place: str) -> Value:
    if not re.fullmatch(r"\d+(\.\d+)?", str(value)):
        raise AccountsError(f"{place} is {value!r}; give a number, or null for none")
    return float(value)


def _share(value: t.Any, place: str) -> Value:
    return "parent" if str(value).lower() == "parent" else _count(value, place)


def _name(value: t.Any, place: str) -> Value:
    if not isinstance(value, str) or not _WORD.match(value):
        raise AccountsError(f"{place} is {value!r}; give a name")
    return value.lower()


def _names(value: t.Any, place: str) -> Value:
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) and _WORD.match(item) for item in items):
        raise AccountsError(f"{place} is {value!r}; give a list of names")
    return frozenset(item.lower() for item in items) or None


def _tres(value: t.Any, place: str) -> Value:
    fix = "write for example cpu=8,mem=64G,gres/gpu=2, or the same as a dictionary"
    if isinstance(value, str):
        pairs = [item.partition("=")[::2] for item in value.split(",") if item]
    elif isinstance(value, dict):
        pairs = [(str(name), str(number)) for name, number in value.items() if number is not None]
    else:
        raise AccountsError(f"{place} is {value!r}; {fix}")
    found = {}
    for name, number in pairs:
        match = re.fullmatch(r"(\d{1,15})([KMGTP]?)", number.strip().upper())
        if not _TRES.match(name.strip()) or not match:
            raise AccountsError(f"{place} has {name}={number}; {fix}")
        found[name.strip()] = int(int(match.group(1)) * 1024.0 ** _UNITS[match.group(2)])
    return tuple(sorted(found.items())) or None


def _seconds(value: t.Any, place: str, unit: int) -> int:
    """``D-HH:MM:SS``, ``HH:MM:SS``, ``MM:SS``, or a bare number of this many seconds each."""
    match = _CLOCK.match(str(value))
    if match is None or isinstance(value, float):
        raise AccountsError(f"{place} is {value!r}; give a number, or 'days-hours:minutes:seconds' in quotes")
    days, minutes_or_hours, second, third = (int(part) if part else None for part in match.groups())
    first = minutes_or_hours or 0
    if days is not None:
        return ((days * 24 + first) * 60 + (second or 0)) * 60 + (third or 0)
    if third is not None:
        return (first * 60 + (second or 0)) * 60 + third
    return first * 60 + second if second is not None else first * unit


def _minutes(value: t.Any, place: str) -> Value:
    return _seconds(value, place, 60) // 60


_READERS: dict[str, t.Callable[[t.Any, str], Value]] = {
    COUNT: _count,
    NUMBER: _number,
    SHARE: _share,
    NAME: _name,
    NAMES: _names,
    TRES: _tres,
    MINUTES: _minutes,
    SECONDS: lambda value, place: _seconds(value, place, 1),
}
