# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which declarations are read, and when the node is not asked again."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.podforge.hyperpod.plugins.action import system_packages


def test_roles_by_full_and_by_short_name() -> None:
    assert system_packages.full_name("chrony") == "podforge.hyperpod.chrony"
    assert system_packages.full_name("other.collection.role") == "other.collection.role"
    assert (system_packages.role_folder("podforge.hyperpod.chrony") / "vars" / "packages.yml").exists()


@pytest.mark.parametrize(
    "name",
    ["podforge.hyperpod.absent", "nobody.nothing.x", "podforge.hyperpod.", "podforge.hyperpod", "..", "a", "..x.y"],
)
def test_a_role_that_is_not_there(name: str) -> None:
    with pytest.raises(AnsibleActionFail, match="there is no role"):
        system_packages.role_folder(name)


def test_what_this_run_has_installed() -> None:
    # asked here: ansible-test gives each test a process of its own
    run = system_packages.this_run()
    assert system_packages.done_already({"run": run, "done": ["a.b.c"]}) == {"a.b.c"}
    assert system_packages.done_already({"run": run}) == set()


@pytest.mark.parametrize("fact", [None, "x", {"run": -1, "done": ["a.b.c"]}])  # the last was kept from another run
def test_what_another_run_has_installed(fact: Any) -> None:
    assert system_packages.done_already(fact) == set()
