# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm_accounts: what sacctmgr answers, what operators write, and the calls that make one of the other."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts import plan as planning
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts import rows
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.state import State
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.values import ASSOCIATION
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.values import QOS
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.values import AccountsError
from ansible_collections.podforge.hyperpod.plugins.module_utils._slurm_accounts.wanted import wanted
from hypothesis import given
from hypothesis import strategies as st

# What ``sacctmgr --parsable2 --noheader list`` of Slurm 22.05.8 has answered, cut to what differs.
ANSWERS = {
    "clusters": "demo\nother\n",
    "accounts": "research|org|the r & d\nroot|root|default root account\nvision|org|vision\n",
    "users": "ana|research|Operator\nben|vision|None\nroot|root|Administrator\n",
    "associations": "",
    "qos": "",
}
NOBODY: dict[str, Any] = {"cluster": "demo", "accounts": [], "users": [], "qos": []}


def association(account: str, parent: str, user: str, partition: str = "", **settings: str) -> str:
    fields = [settings.get(setting.name, "1" if setting.name == "Fairshare" else "") for setting in ASSOCIATION]
    return "|".join([account, parent, user, partition, *fields])


def quality(name: str, **settings: str) -> str:
    usual = {"Priority": "0", "GraceTime": "00:00:00", "PreemptMode": "cluster", "UsageFactor": "1.000000"}
    return "|".join([name, *({**usual, **settings}.get(setting.name, "") for setting in QOS)])


def current(**parts: str) -> State:
    lines = [
        association("root", "", "", QOS="normal"),
        association("root", "", "root"),
        association("research", "root", "", Fairshare="3", GrpTRES="cpu=4,mem=10500M", QOS="high,normal"),
        association("research", "", "ana"),
        association("research", "", "ana", "p1", Fairshare="9"),
        association("vision", "research", ""),
        association("vision", "", "ben", Fairshare="parent", MaxJobs="7", MaxWallDurationPerJob="1-00:00:00"),
    ]
    answers = {
        **ANSWERS,
        "associations": "\n".join([*lines, ""]),
        "qos": f"{quality('normal')}\n{quality('high', Flags='DenyOnLimit,OverPartQOS', GraceTime='00:01:00')}\n",
    }
    return rows.parse("demo", {**answers, **parts})


def element(kind: str, **options: Any) -> dict[str, Any]:
    blank = {
        "accounts": {"parent": None, "description": None, "organization": None, "settings": None},
        "users": {"accounts": [], "default_account": None, "admin_level": None, "settings": None},
        "qos": {"settings": None},
    }
    return {**blank[kind], **options}


def desired(**kinds: list[dict[str, Any]]) -> State:
    return wanted({**NOBODY, **{kind: [element(kind, **one) for one in some] for kind, some in kinds.items()}})


def calls(state: State, purge: tuple[str, ...] = (), before: State | None = None) -> list[str]:
    return [" ".join(call) for call in planning.plan(before or current(), state, purge)]


def test_answers_are_read() -> None:
    state = current()
    assert state.known
    assert state.accounts["research"].description == "the r & d"
    assert state.users["ana"].admin_level == "operator"
    research = state.associations["research", ""].settings
    assert research["GrpTRES"] == (("cpu", 4), ("mem", 10500))
    assert research["QOS"] == frozenset({"high", "normal"})
    ben = state.associations["vision", "ben"].settings
    assert (ben["Fairshare"], ben["MaxJobs"], ben["MaxWallDurationPerJob"]) == ("parent", 7, 1440)
    # the one that holds in a partition does not hide the other
    assert state.associations["research", "ana"].settings["Fairshare"] == 1
    assert state.qos["high"]["GraceTime"] == 60


def test_a_name_with_the_separator_hides_nothing_else() -> None:
    hostile = f"a|b{association('', 'root', '')}"
    answers = {
        **ANSWERS,
        "associations": f"{hostile}\n{association('research', 'root', '')}\n",
        "accounts": "a|b|x|y\n",
    }
    assert list(rows.parse("demo", answers).associations) == [("research", "")]
    assert rows.unreadable(answers) == ["a|b|x|y", hostile]


def test_a_shorter_answer_is_an_error_that_shows_it() -> None:
    with pytest.raises(AccountsError, match=r"2 fields where 3 were asked for: ana\|research"):
        rows.parse("demo", {**ANSWERS, "associations": "", "users": "ana|research\n"})


def test_what_is_there_needs_no_call() -> None:
    state = desired(
        accounts=[
            {
                "name": "research",
                "description": "The R & D",
                "settings": {"fairshare": 3, "GrpTRES": {"mem": "10500M", "cpu": 4}},
            },
            {"name": "vision", "parent": "research"},
        ],
        users=[
            {
                "name": "ben",
                "accounts": ["vision"],
                "settings": {"MaxWall": "24:00:00", "Fairshare": "parent", "MaxJobs": 7},
            },
            {"name": "ana", "accounts": ["research"], "default_account": "research", "admin_level": "operator"},
        ],
        qos=[{"name": "high", "settings": {"Flags": "overpartqos,DenyOnLimit", "Preempt": [], "UsageFactor": 1}}],
    )
    assert calls(state) == []


def test_order_of_what_is_new() -> None:
    state = desired(
        users=[
            {"name": "eve", "accounts": ["child", "mother"], "default_account": "mother", "admin_level": "operator"}
        ],
        accounts=[{"name": "child", "parent": "mother"}, {"name": "mother", "settings": {"QOS": ["urgent"]}}],
        qos=[{"name": "urgent", "settings": {"Priority": 10}}],
    )
    nothing = rows.parse("demo", dict.fromkeys(ANSWERS, ""))
    assert calls(state, before=nothing) == [
        "add cluster name=demo",
        "add qos name=urgent",
        "modify qos where name=urgent set Priority=10",
        "add account name=mother cluster=demo parent=root QOS=urgent",
        "add account name=child cluster=demo parent=mother",
        "add user name=eve cluster=demo account=mother",
        "add user name=eve cluster=demo account=child",
        "modify user where name=eve set AdminLevel=operator",
    ]


def test_users_who_get_the_same_come_in_one_call() -> None:
    names = [f"u{number:03}" for number in range(250)]
    made = calls(desired(users=[{"name": name, "accounts": ["research"]} for name in names]))
    assert [call.count(",") for call in made] == [199, 49]


def test_settings_change_and_go() -> None:
    state = desired(
        accounts=[{"name": "research", "settings": {"GrpTRES": {"cpu": 8}, "QOS": None, "MaxJobs": 5}}],
        users=[{"name": "ben", "accounts": ["vision"], "settings": {"MaxJobs": None, "Fairshare": None}}],
        qos=[{"name": "high", "settings": {"Flags": None, "GraceTime": None}}],
    )
    assert calls(state) == [
        "modify qos where name=high set GraceTime=0 Flags=-1",
        "modify account where name=research cluster=demo set GrpTRES=cpu=8,mem=-1 MaxJobs=5 QOS=",
        "modify user where name=ben cluster=demo account=vision set Fairshare=1 MaxJobs=-1",
    ]


def test_purge_takes_users_first_and_spares_root_and_normal() -> None:
    assert calls(desired(), ("users", "accounts", "qos")) == [
        "delete user where name=ana cluster=demo account=research",
        "delete user where name=ben cluster=demo account=vision",
        "delete account where name=vision cluster=demo",
        "delete account where name=research cluster=demo",
        "delete qos where name=high",
    ]


def test_a_default_account_that_goes_is_replaced_first() -> None:
    state = desired(accounts=[{"name": "research"}], users=[{"name": "ben", "accounts": ["research"]}])
    assert calls(state, ("users", "accounts")) == [
        "add user name=ben cluster=demo account=research",
        "modify user where name=ben cluster=demo set DefaultAccount=research",
        # the default account of ana, who goes, is the last that sacctmgr takes
        "delete user where name=ben cluster=demo account=vision",
        "delete user where name=ana cluster=demo account=research",
        "delete account where name=vision cluster=demo",
    ]


@pytest.mark.parametrize("name", ["", "Ana", "a b", "a|b", "-x", "a,b", "a[1-2]", "x'y", 'x"y', "é", "a\nb", "a=b"])
@pytest.mark.parametrize("kind", ["accounts", "users", "qos"])
def test_hostile_names_are_refused(kind: str, name: str) -> None:
    with pytest.raises(AccountsError, match=rf"{kind}\[0\]"):
        desired(**{kind: [{"name": name}]})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"MaxJbos": 1}, "MaxJbos is not a setting here; known are DefaultQOS, Fairshare"),
        ({"MaxJobs": "many"}, "MaxJobs is 'many'; give a whole number"),
        ({"MaxJobs": True}, "MaxJobs is True, and must not be a boolean"),
        ({"MaxJobs": 1.5}, "MaxJobs is 1.5"),
        ({"MaxWall": "tomorrow"}, "MaxWallDurationPerJob is 'tomorrow'"),
        ({"GrpTRES": "cpu"}, "GrpTRES has cpu=; write for example"),
        ({"GrpTRES": {"gres/gpu": "two"}}, "GrpTRES has gres/gpu=two"),
        ({"GrpTRES": [1]}, r"GrpTRES is \[1\]"),
        ({"QOS": [1]}, r"QOS is \[1\]; give a list of names"),
        ({"MaxJobs": 1, "maxjobs": 2}, "MaxJobs is there twice"),
        ({"MaxWall": 1, "MaxWallDurationPerJob": 2}, "MaxWallDurationPerJob is there twice"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(AccountsError, match=message):
        desired(accounts=[{"name": "research", "settings": settings}])


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"accounts": [{"name": "a"}, {"name": "a"}]}, "the account is there twice"),
        ({"accounts": [{"name": "a", "description": "x|y"}]}, "leave out quotes, |"),
        ({"accounts": [{"name": "root", "parent": "a"}]}, "root is above all accounts"),
        ({"accounts": [{"name": "a", "parent": "b"}, {"name": "b", "parent": "a"}]}, "a is below itself"),
        ({"users": [{"name": "u", "accounts": ["a"]}, {"name": "u", "accounts": ["a"]}]}, "in account a twice"),
        ({"users": [{"name": "u", "accounts": ["a"], "default_account": "b"}]}, "is none of the accounts a"),
        ({"users": [{"name": "u", "settings": {"MaxJobs": 1}}]}, "name the accounts"),
        ({"qos": [{"name": "q"}, {"name": "q"}]}, "the QOS is there twice"),
    ],
)
def test_contradictions_are_refused(kinds: dict[str, Any], message: str) -> None:
    with pytest.raises(AccountsError, match=message):
        desired(**kinds)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(AccountsError) as caught:
        desired(accounts=[{"name": "A"}, {"name": "b", "settings": {"x": 1}}], users=[{"name": "c d"}])
    assert str(caught.value).count(";") >= 2
    assert "accounts[0]" in str(caught.value)
    assert "accounts[1] (b)" in str(caught.value)
    assert "users[0]" in str(caught.value)


def test_strangers_are_refused_before_the_first_call() -> None:
    state = desired(
        accounts=[{"name": "new", "parent": "nowhere", "settings": {"QOS": ["nonesuch"]}}],
        users=[{"name": "eve", "accounts": ["missing"]}],
    )
    with pytest.raises(AccountsError) as caught:
        planning.plan(current(), state)
    for text in ("account missing of user eve", "parent nowhere of account new", "QOS nonesuch of account new"):
        assert text in str(caught.value)


ACCOUNTS = st.lists(st.sampled_from("abcd"), unique=True, min_size=1)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "Fairshare": st.one_of(st.none(), st.integers(0, 9), st.just("parent")),
        "MaxJobs": st.one_of(st.none(), st.integers(0, 9)),
        "GrpTRES": st.one_of(
            st.none(), st.dictionaries(st.sampled_from(["cpu", "mem", "gres/gpu"]), st.integers(0, 9))
        ),
        "MaxWall": st.one_of(st.none(), st.integers(1, 3000)),
        "QOS": st.one_of(st.none(), st.just(["normal"])),
    },
)


@st.composite
def states(draw: st.DrawFn) -> State:
    names = draw(ACCOUNTS)
    accounts = [
        {"name": name, "parent": draw(st.sampled_from([None, "root", *names[:index]])), "settings": draw(SETTINGS)}
        for index, name in enumerate(names)
    ]
    users = [
        {
            "name": name,
            "accounts": (mine := draw(st.lists(st.sampled_from(names), unique=True, min_size=1))),
            "default_account": draw(st.sampled_from([None, *mine])),
            "admin_level": draw(st.sampled_from([None, "none", "operator"])),
            "settings": draw(SETTINGS),
        }
        for name in draw(st.lists(st.sampled_from("uvw"), unique=True))
    ]
    return desired(accounts=accounts, users=users, qos=[{"name": "normal"}])


@given(states(), states(), st.sets(st.sampled_from(planning.KINDS)))
def test_what_was_planned_is_all_there_is_to_do(before: State, state: State, purge: set[str]) -> None:
    nothing = rows.parse("demo", {**dict.fromkeys(ANSWERS, ""), "qos": quality("normal")})
    start = planning.after(nothing, before)
    end = planning.after(start, state, purge)
    left = {account for account, user in end.associations if not user}
    if any(one.parent and one.parent not in {*left, "root"} for one in end.associations.values()):
        # Slurm would take those below it along
        with pytest.raises(AccountsError, match="would not be there"):
            planning.plan(start, state, purge)
        return
    planning.plan(start, state, purge)
    assert planning.plan(end, state, purge) == []
    assert planning.after(end, state, purge) == end
    # what was not named is as it was
    if "users" not in purge and "accounts" not in purge:
        assert set(start.associations) <= set(end.associations)
