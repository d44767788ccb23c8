# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions about the lifecycle run."""

from __future__ import annotations

import dataclasses

import pytest

from local_cloud.ami.agents import lifecycle_plan
from local_cloud.ami.agents.lifecycle_plan import Noted
from local_cloud.ami.agents.lifecycle_plan import Plan

URI = "s3://b/p"


@pytest.mark.parametrize(
    ("on_create", "on_init", "orchestrator", "expected"),
    [
        ("a.sh", None, "Slurm", Plan(False, "a.sh", URI)),
        (None, "b.sh", "Slurm", Plan(True, "b.sh", URI)),
        (None, None, "Slurm", Plan(True, None, None)),
        ("a.sh", None, "Eks", Plan(False, "a.sh", URI)),
        (None, "b.sh", "Eks", Plan(False, "b.sh", URI)),
    ],
)
def test_modes(on_create: str | None, on_init: str | None, orchestrator: str, expected: Plan) -> None:
    lifecycle = {"source_s3_uri": URI, "on_create": on_create, "on_init_complete": on_init}
    assert lifecycle_plan.plan(lifecycle, orchestrator) == expected


@pytest.mark.parametrize(
    ("noted", "wanted", "attempt", "expected"),
    [
        (None, True, 1, True),
        (None, False, 1, False),
        (Noted(1, "succeeded", reported=True), True, 1, False),
        (Noted(1, "failed", reported=True), True, 2, True),
        (Noted(1, "failed", reported=True), False, 2, False),
        (Noted(1, "running"), True, 2, False),
    ],
)
def test_a_run_is_wanted_once_per_attempt(noted: Noted | None, wanted: bool, attempt: int, expected: bool) -> None:
    assert lifecycle_plan.wants_run(noted, {"wanted": wanted, "attempt": attempt}) is expected


def test_an_interrupted_run_has_failed() -> None:
    noted = lifecycle_plan.interrupted(Noted(3, "running"))
    assert noted is not None
    event = lifecycle_plan.report_of(noted)
    assert event is not None
    assert (event["type"], event["attempt"], event["exit_code"]) == ("LifecycleFailed", 3, 143)
    assert "interrupted" in event["message"]


@pytest.mark.parametrize("noted", [None, Noted(1, "succeeded"), Noted(1, "failed", 2, "m", True)])
def test_a_finished_run_is_not_interrupted(noted: Noted | None) -> None:
    assert lifecycle_plan.interrupted(noted) == noted


def test_reports() -> None:
    success = lifecycle_plan.report_of(Noted(1, "succeeded"))
    assert success == {"type": "LifecycleSucceeded", "attempt": 1, "exit_code": 0, "message": ""}
    assert lifecycle_plan.report_of(Noted(1, "succeeded", reported=True)) is None
    assert lifecycle_plan.report_of(Noted(1, "running")) is None


def test_notes_make_the_round_trip() -> None:
    noted = Noted(2, "failed", 3, "m", True)
    assert Noted.from_dict(dataclasses.asdict(noted)) == noted


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://b/p/q", ("b", "p/q/")),
        ("s3://b/p/q/", ("b", "p/q/")),
        ("s3://b", ("b", "")),
        ("s3://b/", ("b", "")),
        ("https://b.s3.us-west-2.amazonaws.com/p", ("b", "p/")),
        ("https://my.b.s3-us-west-2.amazonaws.com/p", ("my.b", "p/")),
        ("https://s3.us-west-2.amazonaws.com/b/p", ("b", "p/")),
    ],
)
def test_sources(uri: str, expected: tuple[str, str]) -> None:
    assert lifecycle_plan.source_of(uri) == expected


def test_no_source() -> None:
    with pytest.raises(ValueError, match="ftp://b/p"):
        lifecycle_plan.source_of("ftp://b/p")


@pytest.mark.parametrize(
    ("key", "name"),
    [("p/a.sh", "a.sh"), ("p/d/e", "d/e"), ("p/", None), ("p/d/", None), ("p/../x", None), ("p//etc/x", None)],
)
def test_local_names(key: str, name: str | None) -> None:
    assert lifecycle_plan.local_name(key, "p/") == name


def test_the_environment_has_no_home_and_no_keys() -> None:
    environment = lifecycle_plan.environment("/bin", "/opt/ml/config/resource_config.json", "http://127.0.0.1:1", "r")
    assert environment["SAGEMAKER_RESOURCE_CONFIG_PATH"] == "/opt/ml/config/resource_config.json"
    assert not {"HOME", "USER", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & set(environment)
