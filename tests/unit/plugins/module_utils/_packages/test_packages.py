# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages are wanted, what apt's and dnf's words mean, and how long is waited for what."""

from __future__ import annotations

import os
import time
import typing as t
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages import apt
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages import dnf
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages import optional
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import FINAL
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import INTERRUPTED
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import LOCK
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import MIRROR
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import UNKNOWN
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import Package
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import PackageError
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import State
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.common import Trouble
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.patience import Limits
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.patience import Patience
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import Plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import System
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import check_pattern
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._packages.plan import wanted

JAMMY = System("Ubuntu", "22.04", "Debian")
AMAZON = System("Amazon", "2023", "RedHat")
THERE = State(
    {"jq": Package("1.6"), "linux-image-aws": Package("6.8"), "efa": Package("1", held=True)}, frozenset({"editor"})
)


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (["Debian"], "Debian"),
        (["Debian", "Ubuntu"], "Ubuntu"),
        (["Debian", "Ubuntu", "Ubuntu-22"], "Ubuntu-22"),
        (["Debian", "Ubuntu-22.04", "Ubuntu-22", "Ubuntu"], "Ubuntu-22.04"),
        (["Debian", "Ubuntu-24.04", "RedHat"], "Debian"),
    ],
)
def test_the_most_specific_key_counts(keys: list[str], found: str) -> None:
    assert wanted({"a": {key: [key.lower()] for key in keys}}, JAMMY) == (found.lower(),)


def test_the_union_of_roles_has_each_package_once_and_in_order() -> None:
    declared = {"a": {"Debian": ["jq", "curl"]}, "b": {}, "c": {"Debian": [], "RedHat": ["x"]}, "d": {"Debian": ["jq"]}}
    assert wanted(declared, JAMMY, ["curl", "tree=1.8-1"]) == ("jq", "curl", "tree=1.8-1")


@pytest.mark.parametrize(
    ("declared", "problem"),
    [
        ({"a": {"Debian": ["x"]}}, "role a declares no packages for Amazon 2023: it has Debian; add Amazon or RedHat"),
        ({"a": {"RedHat": "x"}}, "role a: vars/packages.yml: RedHat must be a list"),
        ({"a": ["x"]}, "role a: vars/packages.yml must map"),
        ({"a": {"RedHat": [None]}}, "role a, RedHat: None is not the name"),
        ({"a": {"RedHat": ["--allow-unauthenticated"]}}, "is not the name of a package"),
        ({"a": {"RedHat": ["/tmp/evil.rpm"]}}, "is not the name of a package"),
        ({"a": {"RedHat": ["https://x/evil.rpm"]}}, "is not the name of a package"),
        ({"a": {"RedHat": ["x y"]}}, "is not the name of a package"),
        ({"a": {"RedHat": ["x\n"]}}, "is not the name of a package"),
        ({"a": {"RedHat": ["{{ x }}"]}}, "is not the name of a package"),
    ],
)
def test_wrong_declarations(declared: dict[str, t.Any], problem: str) -> None:
    with pytest.raises(PackageError, match=problem.replace("(", r"\(")):
        wanted(declared, AMAZON)


def test_only_what_is_missing_is_installed() -> None:
    assert plan(THERE, ["jq", "jq=1.6", "editor"]) == Plan()
    assert not plan(THERE, ["jq"], hold=["nothing-*"])
    assert plan(THERE, ["jq=1.7", "tree", "editor=2"]).install == ("jq=1.7", "tree", "editor=2")


def test_holds_are_for_what_is_installed() -> None:
    assert plan(THERE, [], hold=["linux-*", "efa", "absent"]) == Plan(hold=("linux-image-aws",))
    assert plan(THERE, [], hold=["*"], unhold=["efa", "linux-*"]) == Plan(hold=("jq",), unhold=("efa",))
    for pattern in ("-x", "a b", "", "a\n"):
        with pytest.raises(PackageError, match="matches no package"):
            check_pattern(pattern, "hold")


def test_what_dpkg_says() -> None:
    text = (
        "libc6:amd64\tinstall\tinstalled\t2.36\tlibc-bin-x (= 2)\n"
        "efa\thold\tinstalled\t1.0\t\nhalf\tinstall\thalf-configured\t1\t\ngone\tdeinstall\tconfig-files\t1\t\n"
        "vim-tiny\tinstall\tinstalled\t9\teditor, vi-like\n"
    )
    state = apt.parse(text)
    assert state.packages == {"libc6": Package("2.36"), "efa": Package("1.0", held=True), "vim-tiny": Package("9")}
    assert state.provided == {"libc-bin-x", "editor", "vi-like"}


def test_what_rpm_says() -> None:
    text = "kernel\t6.1-2.amzn2023\njq\t1.7-1\n"
    lock = "# Added lock on Mon\nkernel-0:6.1-2.amzn2023.*\n!other-0:1-1.*\n"
    assert dnf.parse(text, lock, ["x"]) == State(
        {"kernel": Package("6.1-2.amzn2023", held=True), "jq": Package("1.7-1")}, frozenset({"x"})
    )


@pytest.mark.parametrize(
    ("module", "words", "kind"),
    [
        (apt, "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 42 (apt-get)", LOCK),
        (apt, "E: Unable to lock directory /var/lib/apt/lists/", LOCK),
        (apt, "dpkg: error: dpkg frontend lock was locked by another process with pid 42", LOCK),
        (apt, "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct it", INTERRUPTED),
        (apt, "E: Unable to locate package nope", UNKNOWN),
        (apt, "E: Package 'nope' has no installation candidate", UNKNOWN),
        (apt, "E: Failed to fetch http://m/x.deb  Could not connect to m:80", MIRROR),
        (apt, "E: The repository 'http://m x Release' is not signed.\nW: Failed to fetch", FINAL),
        (apt, "E: Failed to fetch http://m/x  write (28: No space left on device)", FINAL),
        (apt, "E: You don't have enough free space in /var/cache/apt/archives/.", FINAL),
        (apt, "E: Unable to correct problems, you have held broken packages.", FINAL),
        (dnf, "Error: Failed to obtain the transaction lock (logged in as: root).", LOCK),
        (dnf, "metadata already locked by 42\n  The application with PID 42 is: python3", LOCK),
        (dnf, "Error: Unable to find a match: nope", UNKNOWN),
        (dnf, "Error: Failed to download metadata for repo 'x': Cannot download repomd.xml", MIRROR),
        (dnf, "Error Summary\nDisk Requirements:\n At least 12MB more space needed on the / filesystem.", FINAL),
    ],
)
def test_kinds_of_trouble(module: t.Any, words: str, kind: str) -> None:
    trouble = module.explain(words)
    assert trouble.kind == kind
    assert words.splitlines()[-1].strip() in trouble.text


def test_what_a_held_package_stops_is_named() -> None:
    words = (
        "The following packages have unmet dependencies:\n podforge-greedy : Depends: kernel (>= 2) but 1 is to be "
        "installed\n\nE: Unable to correct problems, you have held broken packages."
    )
    told = apt.explain(words).text
    assert told.startswith("E: Unable to correct problems")
    assert told.endswith("; podforge-greedy : Depends: kernel (>= 2) but 1 is to be installed")


def test_lists_are_fresh_when_they_are_of_today_and_newer_than_the_repositories(tmp_path: Path) -> None:
    lists, settings = tmp_path / "lists", tmp_path / "etc"
    lists.mkdir()
    settings.mkdir()
    source = settings / "a.sources"
    source.write_text("")
    os.utime(source, (1, 1))
    manager = apt.Apt(lambda _command: (0, "", ""), lists, settings)
    assert not manager.are_lists_fresh()  # there is none
    (lists / "mirror_Packages").write_text("")
    assert manager.are_lists_fresh()
    now = time.time()
    os.utime(source, (now + 5, now + 5))
    assert not manager.are_lists_fresh()
    os.utime(source, (1, 1))
    os.utime(lists, (now - 90000, now - 90000))
    assert not manager.are_lists_fresh()
    assert manager.refresh() is None
    assert manager.are_lists_fresh()


class Script:
    """A package manager that answers as a list says: None for done."""

    family = "Debian"
    sources = "/etc/apt"

    def __init__(self, *answers: str | None, fresh: bool = True, lists: Sequence[str | None] = ()) -> None:
        self.answers = list(answers)
        self.lists = list(lists)
        self.fresh = fresh
        self.calls: list[str] = []

    def read(self, names: Sequence[str]) -> State:
        return State()

    def are_lists_fresh(self) -> bool:
        return self.fresh

    def refresh(self) -> Trouble | None:
        self.calls.append("refresh")
        kind = self.lists.pop(0) if self.lists else None
        return Trouble(kind, f"E: {kind} of the lists") if kind else None

    def install(self, names: Sequence[str]) -> Trouble | None:
        self.calls.append("install")
        kind = self.answers.pop(0)
        return Trouble(kind, f"E: {kind}, held by process 42 (apt-get)") if kind else None

    def repair(self) -> Trouble | None:
        self.calls.append("repair")
        return None

    def hold_needs(self) -> tuple[str, ...]:
        return ()

    def hold(self, names: Sequence[str]) -> Trouble | None:
        return None

    unhold = hold


def patience(manager: Script, lock: float = 10, mirror: float = 60) -> Patience:
    clock = {"now": 0.0}

    def sleep(seconds: float) -> None:
        clock["now"] += seconds

    return Patience(manager, Limits(lock, mirror), lambda: clock["now"], sleep, lambda: 0.5)


def test_a_lock_is_waited_for() -> None:
    manager = Script(LOCK, LOCK, None)
    waiting = patience(manager)
    waiting.install(["x"])
    assert waiting.waited == {LOCK: 4.0}


def test_a_lock_that_stays_is_named() -> None:
    waiting = patience(Script(*[LOCK] * 10))
    with pytest.raises(PackageError, match=r"for 10 s \(lock_timeout\): E: lock, held by process 42 \(apt-get\)"):
        waiting.install(["x"])
    with pytest.raises(PackageError, match="for 0 s"):
        patience(Script(LOCK), lock=0).install(["x"])


def test_a_mirror_that_comes_back() -> None:
    manager = Script(MIRROR, UNKNOWN, None, fresh=False, lists=[MIRROR, MIRROR])
    waiting = patience(manager)
    waiting.install(["x"])
    # 5, then twice as long; the lists are asked for again after each
    assert waiting.waited == {MIRROR: 15.0}
    assert manager.calls == ["refresh", "install"] * 3
    assert waiting.notes == []


def test_a_mirror_that_stays_away_is_told_with_a_way_out() -> None:
    waiting = patience(Script(*[UNKNOWN] * 20, fresh=False, lists=[MIRROR] * 20))
    with pytest.raises(PackageError, match=r"for 60 s \(mirror_timeout\): E: mirror of the lists.*proxy.*/etc/apt"):
        waiting.install(["x"])
    assert waiting.waited == {MIRROR: 60.0}


def test_a_mirror_that_is_not_needed_is_a_note() -> None:
    waiting = patience(Script(None, fresh=False, lists=[MIRROR]))
    waiting.install(["x"])
    assert waiting.waited == {}
    assert waiting.notes == ["a repository did not answer, its old list was used: E: mirror of the lists"]


def test_lists_are_fetched_once_for_a_package_that_they_lack() -> None:
    manager = Script(UNKNOWN, None)
    patience(manager).install(["x"])
    assert manager.calls == ["install", "refresh", "install"]
    with pytest.raises(PackageError, match="no repository has it: E: unknown"):
        patience(Script(UNKNOWN, UNKNOWN)).install(["x"])


def test_an_interrupted_run_is_finished_once() -> None:
    manager = Script(INTERRUPTED, None)
    patience(manager).install(["x"])
    assert manager.calls == ["install", "repair", "install"]
    with pytest.raises(PackageError, match="E: interrupted"):
        patience(Script(INTERRUPTED, INTERRUPTED)).install(["x"])


def test_what_waiting_does_not_help_fails_at_once() -> None:
    manager = Script(FINAL)
    waiting = patience(manager)
    with pytest.raises(PackageError, match="E: final"):
        waiting.install(["x"])
    assert waiting.waited == {}


def test_a_full_disk_is_told_with_what_is_free() -> None:
    class Full(Script):
        def install(self, names: Sequence[str]) -> Trouble | None:
            return apt.explain("E: You don't have enough free space in /var/cache/apt/archives/.")

    with pytest.raises(PackageError, match=r"/ has \d+ MiB free of \d+.*; make room"):
        patience(Full()).install(["x"])


class Shelf(Script):
    """A package manager with some packages, of which those in ``broken`` fail half way and stay in the way."""

    def __init__(self, *packages: str, broken: Sequence[str] = (), down: bool = False) -> None:
        super().__init__()
        self.shelf, self.broken, self.down = packages, broken, down
        self.there: list[str] = []
        self.half: list[str] = []
        self.tried: list[list[str]] = []

    def read(self, names: Sequence[str]) -> State:
        return State({name: Package("1") for name in self.there})

    def install(self, names: Sequence[str]) -> Trouble | None:
        self.tried.append(list(names))
        unknown = [name for name in names if name.split("=")[0] not in self.shelf]
        if self.down:
            return Trouble(MIRROR, "E: Could not connect")
        if unknown:
            return apt.explain("\n".join(f"E: Unable to locate package {name.split('=')[0]}" for name in unknown))
        self.half += [name for name in names if name in self.broken]
        self.there += [name for name in names if name not in self.half]
        return Trouble(FINAL, f"dpkg: error processing {self.half}") if self.half else None

    def discard(self, before: State) -> Trouble | None:
        self.half = []
        return None


def test_optional_packages_come_in_the_same_transaction() -> None:
    manager = Shelf("a", "b")
    assert optional.install(manager, patience(manager), State(), ["a"], ["b"]) == {}
    assert manager.tried == [["a", "b"]]


def test_optional_packages_that_nobody_has_are_left_out_of_it() -> None:
    manager = Shelf("a", "b")
    missing = optional.install(manager, patience(manager), State(), ["a"], ["no", "b", "nay=1"])
    assert sorted(missing) == ["nay=1", "no"]
    assert "no repository has it: E: Unable to locate package no" in missing["no"]
    assert manager.tried[-1] == ["a", "b"]
    only = Shelf("a")
    assert list(optional.install(only, patience(only), State(), [], ["no"])) == ["no"]
    assert [] not in only.tried


def test_an_optional_package_that_breaks_keeps_nothing_else_away() -> None:
    manager = Shelf("a", "b", "c", broken=["b"])
    missing = optional.install(manager, patience(manager), State(), ["a"], ["b", "c"])
    assert missing == {"b": "dpkg: error processing ['b']"}
    assert set(manager.there) == {"a", "c"}
    assert manager.tried == [["a", "b", "c"], ["a"], ["b"], ["c"]]
    assert manager.half == []


def test_a_required_package_that_cannot_be_had_fails_whatever_is_optional() -> None:
    manager = Shelf("b")
    with pytest.raises(PackageError, match="Unable to locate package a"):
        optional.install(manager, patience(manager), State(), ["a"], ["b"])


def test_a_mirror_that_is_down_is_asked_once_for_optional_packages() -> None:
    manager = Shelf("b", "c", down=True)
    missing = optional.install(manager, patience(manager, mirror=0), State(), [], ["b", "c"])
    assert sorted(missing) == ["b", "c"]
    assert len(manager.tried) == 2  # both, then the first one alone
    assert "(mirror_timeout): E: Could not connect" in missing["c"]


def test_optional_names_and_what_is_half_done() -> None:
    steps = plan(THERE, wanted({"r": {"Debian": ["jq?", "tree?", "x"]}}, JAMMY, ["x?", "y=2?"]))
    assert (steps.install, steps.optional) == (("x",), ("tree", "y=2"))
    assert plan(THERE, ["tree?"])
    text = "a\tinstall\thalf-configured\t1\t\nb\tinstall\tinstalled\t1\t\nc:amd64\tinstall\tunpacked\t1\t\n"
    calls: list[Sequence[str]] = []

    def command(arguments: Sequence[str]) -> tuple[int, str, str]:
        calls.append(arguments)
        return 0, text, ""

    assert apt.Apt(command).discard(State({"a": Package("0")})) is None
    assert calls[-1] == ["dpkg", "--force-remove-reinstreq", "--purge", "--", "c:amd64"]
    # what was half done before, or waits for a trigger, is not of this run
    old = apt.parse("c:amd64\tinstall\thalf-configured\t1\t\nd\tdeinstall\tconfig-files\t1\t\n")
    assert old.unfinished == {"c"}
    assert old.packages == {}
    calls.clear()
    text = (
        "c:amd64\tinstall\thalf-configured\t1\t\nd\tinstall\ttriggers-awaited\t1\t\ne\tinstall\ttriggers-pending\t1\t\n"
    )
    assert apt.Apt(command).discard(old) is None
    assert [call[0] for call in calls] == ["dpkg-query"]
    words = "No match for argument: duf\nNo match for argument: most\nError: Unable to find a match: duf most"
    assert dnf.explain(words).unknown == ("duf", "most")
