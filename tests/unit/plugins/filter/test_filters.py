# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.podforge.hyperpod.plugins.filter.cluster_groups import cluster_groups
from ansible_collections.podforge.hyperpod.plugins.filter.table import table


def test_table():
    rows = [{"a": "x", "b": [1, 2]}, {"a": "longer"}]
    assert table(rows, {"NAME": "a", "N": "b"}) == "NAME    N\nx       1,2\nlonger"
    assert table([], {"NAME": "a"}) == "NAME"
    with pytest.raises(AnsibleFilterError):
        table("text", {"NAME": "a"})


def description(**group):
    return {"cluster": {"instance_groups": [{"instance_group_name": "a", "instance_count": 1, **group}]}}


def test_groups_get_role_and_lifecycle_files():
    given = description()
    assert cluster_groups(given, "arn:role", "s3://b/p", "go.sh") == [
        {
            "instance_group_name": "a",
            "instance_count": 1,
            "execution_role": "arn:role",
            "life_cycle_config": {"source_s3_uri": "s3://b/p", "on_create": "go.sh"},
        }
    ]
    assert given == description()


def test_groups_keep_what_they_say():
    theirs = {"execution_role": "arn:own", "life_cycle_config": {"source_s3_uri": "s3://own", "on_create": "own.sh"}}
    assert cluster_groups(description(**theirs), "arn:role") == description(**theirs)["cluster"]["instance_groups"]


def test_the_entry_point_of_the_description_stays():
    late = description(life_cycle_config={"on_init_complete": "x.sh"})
    config = cluster_groups(late, "arn:role", "s3://b/p")[0]["life_cycle_config"]
    assert config == {"source_s3_uri": "s3://b/p", "on_init_complete": "on_create.sh"}


def test_something_else_is_refused():
    with pytest.raises(AnsibleFilterError, match="hyperpod_description"):
        cluster_groups({}, "arn:role")
