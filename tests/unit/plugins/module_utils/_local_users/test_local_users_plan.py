# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is there to what is wanted: steps, what stays, and what forbids to begin."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.plan import Account
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.plan import Current
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.plan import Members
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.plan import Place
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.plan import plan
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import wanted

HOME = "/fsx/ana"
ANA = {"name": "ana", "uid": 2001, "home": HOME}
THERE = {
    "accounts": {"ana": Account(2001, 2001, HOME), "mail": Account(8, 8, "/var/mail")},
    "groups": {"ana": Members(2001), "docker": Members(998), "mail": Members(8)},
    "places": {HOME: Place("directory", 2001)},
}


def made(users: list[dict[str, Any]], there: dict[str, Any], *policies: str, groups: Any = ()) -> Any:
    return plan(Current(**there), wanted({"users": users, "groups": groups, "home_root": "/fsx"}), *policies)


def commands(result: Any) -> list[str]:
    return [" ".join(step.argv) or step.kind for step in result.steps]


def test_nothing_is_done_where_all_is_as_wanted() -> None:
    result = made([ANA], THERE)
    assert (result.steps, result.drift, result.refusals, result.notes) == ([], [], [], [])


def test_a_new_user_comes_with_group_and_home() -> None:
    result = made([{"name": "ben", "uid": 2002, "gid": 3001, "group": "vision", "groups": ["docker"]}], THERE)
    useradd = "useradd --no-log-init --no-create-home --uid 2002 --gid vision"
    assert commands(result) == [
        "groupadd --gid 3001 vision",
        f"{useradd} --home-dir /fsx/ben --shell /bin/bash --comment  ben",
        "home",
        "gpasswd --add ben docker",
    ]
    home = result.steps[2]
    assert (home.home, home.uid, home.gid, home.old_home) == ("/fsx/ben", 2002, 3001, "")


def test_what_is_not_said_stays() -> None:
    there = {**THERE, "accounts": {"ana": Account(2001, 2001, HOME, "/bin/zsh", "Ana")}}
    assert made([ANA], there).steps == []
    assert commands(made([{**ANA, "shell": "/bin/sh", "comment": "A"}], there)) == [
        *("usermod --shell /bin/sh ana", "usermod --comment A ana"),
    ]


def test_a_home_is_moved_while_somebody_is_there() -> None:
    there = {**THERE, "busy": {"ana": ["bash[7]"]}, "places": {HOME: Place("directory", 2001)}}
    result = made([{**ANA, "home": "/fsx/new"}], there)
    assert [(step.kind, step.home, step.old_home) for step in result.steps] == [
        *(("home", "/fsx/new", HOME), ("relocate", "/fsx/new", "")),
    ]
    assert result.notes == ["home of ana is /fsx/new from the next login on; bash[7] stays in /fsx/ana"]
    there["places"] = {"/fsx/new": Place("directory", 2001)}  # another node was here before
    assert commands(made([{**ANA, "home": "/fsx/new"}], there)) == ["relocate"]


@pytest.mark.parametrize(
    ("there", "words", "command"),
    [
        (
            {"accounts": {"ana": Account(1005, 2001, HOME)}},
            "user ana has uid 1005 on this node, 2001",
            "usermod --uid 2001 ana",
        ),
        ({"accounts": {"ana": Account(2001, 998, HOME)}}, "user ana has the primary gid 998", "usermod --gid ana ana"),
        ({"groups": {"ana": Members(1005)}}, "group ana has gid 1005 on this node, 2001", "groupmod --gid 2001 ana"),
    ],
)
def test_another_id_is_refused_told_or_corrected(there: dict[str, Any], words: str, command: str) -> None:
    there = {**THERE, **there}
    refused, told, corrected = (made([ANA], there, policy) for policy in ("fail", "report", "correct"))
    assert any(words in text for text in refused.refusals)
    assert any(words in text for text in told.drift)
    assert (told.refusals, commands(told)) == ([], [])
    assert (corrected.refusals, commands(corrected)) == ([], [command])


def test_an_id_never_changes_under_a_process() -> None:
    there = {**THERE, "accounts": {"ana": Account(1005, 2001, HOME)}, "busy": {"ana": ["bash[7]"]}}
    result = made([ANA], there, "correct")
    assert "it can't change while bash[7] runs" in result.refusals[0]
    assert result.steps == []


@pytest.mark.parametrize(
    ("place", "refused"),
    [
        (Place("directory", 2009), "home /fsx/ana of ana belongs to uid 2009"),
        (Place("link", 2009), "home /fsx/ana of ana is a link of uid 2009"),
        (Place("file", 2001), "home /fsx/ana of ana is a file"),
        (Place("link", 0), ""),
        (Place("link", 2001), ""),
    ],
)
@pytest.mark.parametrize("policy", ["fail", "correct"])
def test_what_another_has_laid_where_a_home_belongs_is_not_taken(place: Place, refused: str, policy: str) -> None:
    result = made([ANA], {**THERE, "places": {HOME: place}}, policy)
    assert [text[: len(refused)] for text in result.refusals] == ([refused] if refused else [])
    assert result.steps == []


@pytest.mark.parametrize(
    ("users", "groups", "there", "words"),
    [
        ([{"name": "ben", "uid": 2001}], [], {}, "user ben is to have uid 2001, which is that of ana on this node"),
        ([{"name": "mail", "uid": 2002}], [], {}, "user mail is the system's, with uid 8"),
        (
            [{"name": "mail", "uid": 2002, "state": "absent"}],
            [],
            {},
            "user mail is the system's, with uid 8, and is not",
        ),
        ([], [{"name": "docker", "gid": 3001}], {}, "group docker is the system's, with gid 998"),
        (
            [],
            [{"name": "docker", "state": "absent"}],
            {},
            "group docker is the system's, with gid 998, and",
        ),
        ([], [{"name": "x", "gid": 2001}], {}, "group x is to have gid 2001, which is that of ana on this node"),
        ([], [{"name": "ana", "gid": 2001, "state": "absent"}], {}, "group ana is the primary group of ana"),
        ([{"name": "eve", "uid": 2002}], [], {"foreign": {"eve": 70001}}, "user eve is one of the directory's"),
    ],
)
def test_what_belongs_to_others_is_refused(users: Any, groups: Any, there: dict[str, Any], words: str) -> None:
    for policy in ("fail", "report", "correct"):
        result = made(users, {**THERE, **there}, policy, groups=groups)
        assert any(words in text for text in result.refusals), policy


def test_membership_is_exact_in_managed_groups_only() -> None:
    groups = {
        **THERE["groups"],
        "vision": Members(3001, frozenset({"ben", "old"})),
        "docker": Members(998, frozenset({"ben"})),
    }
    vision = [{"name": "vision", "gid": 3001}]
    result = made([{**ANA, "groups": ["vision", "docker", "later"]}], {**THERE, "groups": groups}, groups=vision)
    assert commands(result) == [
        *(
            "gpasswd --add ana docker",
            "gpasswd --add ana vision",
            "gpasswd --delete ben vision",
            "gpasswd --delete old vision",
        ),
    ]
    assert result.notes == [
        "group later is not there, so that ana is not in it: list it in groups, or run this again when it is there"
    ]


def test_members_of_a_primary_group_that_nobody_has_listed_stay() -> None:
    groups = {**THERE["groups"], "ana": Members(2001, frozenset({"prom"}))}
    assert made([ANA], {**THERE, "groups": groups}).steps == []
    listed = made([ANA], {**THERE, "groups": groups}, groups=[{"name": "ana", "gid": 2001}])
    assert commands(listed) == ["gpasswd --delete prom ana"]


@pytest.mark.parametrize("home", [HOME, "/fsx/new"])
def test_no_home_is_made_for_an_owner_who_is_somebody_else_elsewhere(home: str) -> None:
    there = {**THERE, "accounts": {"ana": Account(1005, 2001, HOME)}, "places": {}}
    result = made([{**ANA, "home": home}], there, "report")
    assert (result.steps, result.refusals) == ([], [])
    assert result.drift[1:] == [f"home {home} of ana is not made on a node where the uid differs"]
    corrected = made([{**ANA, "home": home}], there, "correct")
    assert [step.uid for step in corrected.steps if step.kind == "home"] == [2001]


def test_who_is_removed_takes_the_own_group_along_and_frees_the_ids() -> None:
    users = [{"name": "ana", "state": "absent"}, {"name": "ben", "uid": 2001}]
    result = made(users, THERE)
    assert result.refusals == []
    assert commands(result)[:3] == ["leave", "groupdel ana", "groupadd --gid 2001 ben"]
    assert commands(made([{**ANA, "state": "absent"}], {"accounts": {}, "groups": {}})) == []


def test_who_is_not_named_any_more_is_told_or_removed() -> None:
    there = {**THERE, "managed_users": frozenset({"ana", "gone"}), "managed_groups": frozenset({"ana"})}
    told = made([], there)
    assert (told.steps, len(told.notes)) == ([], 1)
    assert "user ana was made by this role and is not named any more" in told.notes[0]
    assert commands(made([], there, "fail", "remove")) == ["leave", "groupdel ana"]
