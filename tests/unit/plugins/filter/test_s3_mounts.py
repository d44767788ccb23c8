# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""s3_mounts: what mount-s3 is told, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.filter.s3_mounts import FilterModule
from ansible_collections.podforge.hyperpod.plugins.filter.s3_mounts import s3_mounts


def test_a_bucket_s_service() -> None:
    result = s3_mounts([{"bucket": "my-data", "read_only": True}, {"bucket": "old", "state": "absent"}], "us-west-2")
    assert result["problems"] == []
    assert result["units"] == {"/etc/podforge/mount-s3/mnt/my-data.env": "podforge-s3@mnt-my\\x2ddata.service"}
    assert result["removed"] == ["podforge-s3@mnt-old.service"]
    assert result["files"][0]["content"].splitlines()[1:] == [
        "MOUNT_S3_BUCKET=my-data",
        'MOUNT_S3_ARGUMENTS="--read-only --allow-other --region=us-west-2"',
    ]


def test_all_options() -> None:
    entry = {
        "bucket": "arn:aws:s3:us-west-2:111122223333:accesspoint/mine",
        "path": "/data/s3",
        "prefix": "team-a/",
        "region": "eu-west-1",
        "allow_other": False,
        "allow_delete": True,
        "allow_overwrite": True,
        "options": ["--cache=/scratch/s3"],
    }
    content = s3_mounts([entry], "us-west-2")["files"][0]["content"]
    assert (
        'MOUNT_S3_ARGUMENTS="--allow-delete --allow-overwrite --prefix=team-a/ --region=eu-west-1 --cache=/scratch/s3"'
        in content
    )


def test_whose_it_is() -> None:
    entry = {"bucket": "data", "uid": 0, "gid": 3001, "dir_mode": "0775", "file_mode": "664"}
    content = s3_mounts([entry])["files"][0]["content"]
    assert '"--allow-other --uid=0 --gid=3001 --dir-mode=0775 --file-mode=664"' in content


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"bucket": "s3://data"}, "bucket is 's3://data'"),
        ({"bucket": "data", "path": "data"}, "path is 'data'"),
        ({"bucket": "data", "prefix": "a"}, "it must end with /"),
        ({"bucket": "data", "prefix": "$HOME/"}, "no blanks, quotes, '$'"),
        ({"bucket": "data", "options": ["--cache", "/x"]}, "options has '/x'"),
        ({"bucket": "data", "uid": "ana"}, "uid is 'ana'"),
        ({"bucket": "data", "gid": -1}, "gid is -1"),
        ({"bucket": "data", "dir_mode": 509}, "dir_mode is 509"),
        ({"bucket": "data", "file_mode": "rw"}, "file_mode is 'rw'"),
        ({"bucket": "data", "options": ["--a b"]}, "options has '--a b'"),
    ],
)
def test_mistakes(entry: dict[str, Any], problem: str) -> None:
    result = s3_mounts([entry])
    assert len(result["problems"]) == 1
    assert result["problems"][0].startswith("mount_s3_buckets[0]: ")
    assert problem in result["problems"][0]
    assert result["files"] == []


def test_a_path_has_one_bucket() -> None:
    twice = [{"bucket": "aaa", "path": "/x"}, {"bucket": "bbb", "path": "/x"}]
    assert s3_mounts(twice)["problems"] == ["mount_s3_buckets[1]: /x is there twice; one bucket can be at one path"]
    with pytest.raises(Exception, match="wants a list of mappings"):
        s3_mounts("aaa")
    assert list(FilterModule().filters()) == ["s3_mounts"]
