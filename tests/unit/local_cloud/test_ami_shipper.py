# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches for CloudWatch Logs, and shipping to (moto's) CloudWatch Logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local_cloud.ami.agents import shipper


def test_blank_lines_are_left_out_and_long_ones_divided() -> None:
    long = b"x" * (shipper.MAX_EVENT_BYTES + 1)
    events = shipper.events_of([b"a", b"", b"  ", long, b"\xff"], 5)
    assert events[0] == {"timestamp": 5, "message": "a"}
    assert events[-1] == {"timestamp": 5, "message": "\ufffd"}
    assert "".join(e["message"] for e in events[1:-1]) == long.decode()
    assert all(len(e["message"].encode()) <= shipper.MAX_EVENT_BYTES for e in events)


def test_binary_lines_stay_within_the_limit() -> None:
    events = shipper.events_of([b"\xff" * 600_000], 5)
    assert all(len(e["message"].encode()) <= shipper.MAX_EVENT_BYTES for e in events)


def test_batches_keep_the_order_and_both_limits() -> None:
    events = [{"timestamp": 1, "message": "y" * 200_000} for _dummy in range(11)]
    events += [{"timestamp": 1, "message": f"{n}"} for n in range(25_000)]
    batches = list(shipper.batches(events))
    assert [event for batch in batches for event in batch] == events
    for batch in batches:
        assert len(batch) <= 10_000
        assert sum(len(e["message"].encode()) + 26 for e in batch) <= 1_048_576


def test_no_events_no_batch() -> None:
    assert list(shipper.batches([])) == []


@pytest.fixture
def logs() -> Any:
    with mock_aws():
        yield boto3.client("logs", region_name="us-west-2", aws_access_key_id="a", aws_secret_access_key="b")


def lines(logs: Any) -> list[str]:
    answer = logs.get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)
    return [event["message"] for event in answer["events"]]


def test_each_line_arrives_once_even_over_a_restart(tmp_path: Path, logs: Any) -> None:
    log, state = tmp_path / "log", tmp_path / "state"
    log.write_text("one\ntwo\n")
    first = shipper.Shipper(log, state, "g", "s", lambda: logs)
    assert first.ship()
    assert not first.ship()
    with log.open("a") as stream:
        stream.write("three\nunfin")
    second = shipper.Shipper(log, state, "g", "s", lambda: logs)
    assert second.flush(5)
    assert lines(logs) == ["one", "two", "three", "unfin"]


def test_lines_wait_for_credentials_and_for_the_api(tmp_path: Path, logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    log.write_text("one\n")
    clients = [None]
    waiting = shipper.Shipper(log, tmp_path / "state", "g", "s", lambda: clients[0])
    assert not waiting.ship()
    clients[0] = logs
    with monkeypatch.context() as broken:

        def refuse(**_kwargs: Any) -> None:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutLogEvents")

        broken.setattr(logs, "put_log_events", refuse)
        with pytest.raises(ClientError):
            waiting.ship()
    assert waiting.ship()
    assert lines(logs) == ["one"]
