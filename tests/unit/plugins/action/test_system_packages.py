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


@pytest.mark.parametrize(
    ("fact", "roles"),
    [
        (None, set()),
        ("x", set()),
        ({"run": -1, "roles": ["a.b.c"]}, set()),  # a fact that was kept from another run
        ({"run": system_packages.this_run()}, set()),
        ({"run": system_packages.this_run(), "roles": ["a.b.c"]}, {"a.b.c"}),
    ],
)
def test_what_this_run_has_installed(fact: Any, roles: set[str]) -> None:
    assert system_packages.done_already(fact) == roles
