# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node asks of the API for its own labels."""

from __future__ import annotations

import json

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import KubernetesError
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.worker import Worker


def worker(code: int = 0, said: str = "") -> tuple[Worker, list[list[str]]]:
    """A node, and the commands that it runs."""
    commands: list[list[str]] = []

    def command(words: list[str]) -> tuple[int, str, str]:
        commands.append(words)
        return code, "", said

    return Worker(command, {"node_name": "ip-10-1-0-11"}), commands


@pytest.mark.parametrize(
    ("note", "metadata"),
    [
        (None, {"labels": {"team": "robots", "old": None}}),
        ("", {"labels": {"team": "robots", "old": None}, "annotations": {"podforge.hyperpod/labels": ""}}),
    ],
)
def test_all_of_it_is_one_request(note: str | None, metadata: dict[str, object]) -> None:
    made, commands = worker()
    made.describe({"team": "robots", "old": None}, note)
    ((*words, patch),) = commands
    assert words[-4:] == ["patch", "node", "ip-10-1-0-11", "--type=merge"]
    assert json.loads(patch.partition("=")[2]) == {"metadata": metadata}


def test_a_refusal_names_the_labels_and_the_fix() -> None:
    made, _commands = worker(1, "Error from server (Forbidden): is not allowed to modify labels")
    with pytest.raises(
        KubernetesError, match=r"labels: the API refuses x/y, old: Error from .* Fix: nodes may not set"
    ):
        made.describe({"x/y": "1", "old": None}, None)
