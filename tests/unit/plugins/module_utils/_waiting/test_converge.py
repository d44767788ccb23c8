# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The course of a run that converges: rounds, waits, refusals that pass, slices, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import ClassVar

import botocore.exceptions
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting import reporting
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.converge import Converge
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.loop import Look
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.loop import Verdict
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.plans import Call
from ansible_collections.podforge.hyperpod.plugins.module_utils._waiting.plans import Outline


class Shape:
    members: ClassVar[dict[str, Any]] = {}


class Client:
    """All that is asked of a client here: the input shape of an operation, to judge requests by."""

    class meta:  # botocore's name
        class service_model:  # botocore's name
            @staticmethod
            def operation_model(_name: str) -> Any:
                return type("Operation", (), {"input_shape": Shape})


@dataclass
class Module:
    params: dict[str, Any]
    check_mode: bool = False
    region: str = "us-west-2"
    _diff: bool = True
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def refusal(code: str) -> HyperPodError:
    said = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return HyperPodError("Failed to build", botocore.exceptions.ClientError(said, "Build"))


class House(Converge[int]):
    """A house of two stories: each is built by a call of its own, and has to dry before the next."""

    kind = "house"
    service = "builders"

    def __init__(self, module: Any, site: dict[str, Any]) -> None:
        self.site = site
        super().__init__(module, "home")

    def read(self) -> int:
        return int(self.site["stories"])

    def plan(self, state: int) -> Outline:
        if self.site.get("forbidden"):
            return Outline(refusal="house home may not be built")
        before = {"stories": state} if state else {}
        after = {"stories": 2}
        if state >= 2:
            return Outline(before=before, after=before)
        call = Call("Build", self.site.get("request", {}), f"story {state + 1} is missing")
        later = (Call("Build", {}, "story 2 is missing"),) if state == 0 else ()
        goal = None if self.site.get("quick") else "dry"
        warnings = ("it rains",) if state == 0 else ()
        return Outline((call,), goal, bool(later), later, None, warnings, before, after)

    def prepare(self, state: int, outline: Outline) -> None:
        self.site["prepared"] = self.site.get("prepared", 0) + 1

    def apply(self, call: Call) -> None:
        if self.site["refusals"]:
            raise self.site["refusals"].pop(0)
        if not self.site.get("stubborn"):
            self.site["stories"] += 1
        self.site["wet"] = self.site["drying"]

    def passing(self, call: Call, error: HyperPodError) -> bool:
        return error.code == "Busy"

    def look(self, journey: Any) -> Look:
        self.site["wet"] -= 1
        if self.site.get("collapsed"):
            return Look("collapsed", Verdict(failed="it fell"), {"stories": 0})
        return Look(f"wet {max(self.site['wet'], 0)}", Verdict(done=self.site["wet"] <= 0), {"stories": 1})

    def status(self, described: dict[str, Any] | None) -> str | None:
        return None

    def shown(self, state: int) -> dict[str, Any]:
        return {"stories": state} if state else {}

    def normalised(self, state: int) -> dict[str, Any]:
        return self.shown(state)

    def aim(self, goal: str) -> str:
        return f"house home is not {goal}"


@pytest.fixture(name="build")
def _build(monkeypatch: pytest.MonkeyPatch) -> Any:
    now = [1000.0]
    monkeypatch.setattr("time.time", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(reporting, "client_of", lambda _module, _service: Client())

    def house(site: dict[str, Any], check_mode: bool = False, **params: Any) -> House:
        whole = {"stories": 0, "wet": 0, "drying": 1, "refusals": [], **site}
        site.clear()
        site.update(whole)
        options = {"wait": True, "wait_timeout": 600, "wait_delay": 10, "_resume": None, **params}
        made = House(Module(options, check_mode), site)
        # dataclass defaults are bound when the class is made
        made.waiter.clock = lambda: now[0]
        made.waiter.sleep = lambda seconds: now.__setitem__(0, now[0] + seconds)
        return made

    return house


def test_rounds_until_nothing_is_left(build: Any) -> None:
    site: dict[str, Any] = {"drying": 2}
    house = build(site)
    result = house.run()
    assert result["changed"]
    assert [call["reason"] for call in result["calls"]] == ["story 1 is missing", "story 2 is missing"]
    assert result["house"] == {"stories": 2}
    assert result["diff"] == {"before": {}, "after": {"stories": 2}}
    assert house.module.warnings == ["it rains"]
    assert site["prepared"] == 2


def test_a_second_run_changes_nothing(build: Any) -> None:
    result = build({"stories": 2}).run()
    assert not result["changed"]
    assert result["calls"] == []
    assert result["diff"]["before"] == result["diff"]["after"] == {"stories": 2}


def test_check_mode_stops_after_the_plan(build: Any) -> None:
    site: dict[str, Any] = {}
    result = build(site, check_mode=True).run()
    assert result["changed"]
    assert len(result["calls"]) == 2
    assert result["house"] == {"stories": 2}
    assert (site["stories"], site["prepared"]) == (0, 1)


def test_a_refused_plan(build: Any) -> None:
    site: dict[str, Any] = {"forbidden": True}
    with pytest.raises(HyperPodError, match="may not be built"):
        build(site).run()
    assert site["stories"] == 0


def test_what_the_model_does_not_know_is_refused_before_anything_is_done(build: Any) -> None:
    site: dict[str, Any] = {"request": {"Roof": "flat"}}
    with pytest.raises(HyperPodError, match="house home can't be like this: roof:"):
        build(site).run()
    assert (site["stories"], "prepared" in site) == (0, False)


def test_refusals_that_pass_are_waited_out(build: Any) -> None:
    site: dict[str, Any] = {"refusals": [refusal("Busy"), refusal("Busy")]}
    house = build(site)
    result = house.run()
    assert result["house"] == {"stories": 2}
    assert len(result["calls"]) == 2
    assert house.seconds() >= 20


def test_refusals_that_do_not_pass_end_it(build: Any) -> None:
    with pytest.raises(HyperPodError, match="Failed to build") as caught:
        build({"refusals": [refusal("Never")]}).run()
    assert caught.value.kwargs == {}


def test_a_failure_tells_what_was_done_until_then(build: Any) -> None:
    site: dict[str, Any] = {"quick": True, "refusals": []}
    house = build(site, _resume={})
    apply = house.apply

    def once(call: Call) -> None:
        apply(call)
        site["refusals"].append(refusal("Never"))

    house.apply = once
    with pytest.raises(HyperPodError, match="Failed to build") as caught:
        house.run()
    told = caught.value.kwargs
    assert (told["changed"], [call["reason"] for call in told["calls"]]) == (True, ["story 1 is missing"])
    assert [line.split(" ", 2)[2] for line in told["_progress"]["lines"]] == ["Build: story 1 is missing", "failed"]


def test_refusals_that_pass_end_it_when_time_is_up(build: Any) -> None:
    with pytest.raises(HyperPodError, match="Failed to build"):
        build({"refusals": [refusal("Busy")] * 99}, wait_timeout=35).run()


def test_not_waiting_tells_what_is_left(build: Any) -> None:
    site: dict[str, Any] = {}
    house = build(site, wait=False)
    result = house.run()
    assert result["changed"]
    assert site["stories"] == 1
    assert "left for another run: story 2 is missing" in house.module.warnings[-1]


def test_rounds_without_a_goal_go_on_without_waiting(build: Any) -> None:
    site: dict[str, Any] = {"quick": True}
    assert build(site, wait=False).run()["house"] == {"stories": 2}
    site = {"quick": True}
    assert build(site).run()["house"] == {"stories": 2}


def test_what_does_not_keep_what_it_is_told_ends(build: Any) -> None:
    with pytest.raises(HyperPodError, match=r"does not keep what it is told.*the last call was Build"):
        build({"quick": True, "stubborn": True}).run()


def test_a_failure_and_a_wait_that_is_too_long(build: Any) -> None:
    with pytest.raises(HyperPodError, match=r"house home is not dry after 00:00:00: it fell") as caught:
        build({"collapsed": True}).run()
    assert caught.value.kwargs["changed"] is True
    assert [call["operation"] for call in caught.value.kwargs["calls"]] == ["Build"]
    with pytest.raises(HyperPodError, match=r"not dry after 00:00:30 \(wait_timeout: 30 s\): wet .*run again to go on"):
        build({"drying": 99}, wait_timeout=30).run()


def test_slices_take_up_where_they_were(build: Any) -> None:
    site: dict[str, Any] = {"drying": 2}
    lines: list[str] = []
    token: dict[str, Any] | None = {}
    while token is not None:
        result = build(site, _resume=token).run()
        seen = result.pop("_progress", {})
        lines += seen.get("lines", [])
        token = seen.get("token")
    assert result["house"] == {"stories": 2}
    assert len(result["calls"]) == 2
    told = [line.split(" ", 2)[2] for line in lines]
    assert told == ["Build: story 1 is missing", "wet 1", "Build: story 2 is missing", "as wanted"]


@pytest.mark.parametrize("option", ["wait_timeout", "wait_delay"])
def test_numbers_too_small(build: Any, option: str) -> None:
    with pytest.raises(HyperPodError, match=f"{option}: 0, at least 1"):
        build({}, **{option: 0})
