# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients with canned answers (botocore's Stubber checks them against the service model), and a clock of our own."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import botocore.config
import botocore.session
import pytest
from botocore.stub import Stubber


class Clock:
    """Time passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@functools.cache
def make_client(service: str) -> Any:
    """Reading the model of SageMaker takes a while, so once for all tests."""
    return botocore.session.get_session().create_client(
        service,
        region_name="us-west-2",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )


def stubbed(service: str) -> Iterator[tuple[Any, Stubber]]:
    client = make_client(service)
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


@pytest.fixture(name="sagemaker")
def _sagemaker() -> Iterator[tuple[Any, Stubber]]:
    yield from stubbed("sagemaker")


@pytest.fixture(name="logs")
def _logs() -> Iterator[tuple[Any, Stubber]]:
    yield from stubbed("logs")


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.sleep", clock.sleep)
    return clock
