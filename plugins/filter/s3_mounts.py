# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: s3_mounts
short_description: Complete buckets for the role mount_s3
version_added: 0.1.0
description: Checks the list of the role's variable, fills in what is left out, and makes the files of the units.
author: podforge contributors (@podforge)
options:
  _input:
    description: C(mount_s3_buckets) of the role P(podforge.hyperpod.mount_s3#role).
    type: list
    elements: dict
    required: true
  region:
    description: Region of buckets that name none.
    type: str
    default: ''
positional: region
"""

EXAMPLES = r"""
- name: Show the arguments of mount-s3
  ansible.builtin.debug:
    msg: "{{ ([{'bucket': 'datasets', 'read_only': true}] | podforge.hyperpod.s3_mounts('us-west-2')).files }}"
"""

RETURN = r"""
_value:
  description: Files, units, and what is wrong with the input.
  type: dict
  contains:
    files:
      description: Environment files of the units, C(path) and C(content).
      type: list
      elements: dict
    units:
      description: Services by the path of their environment file.
      type: dict
    removed:
      description: Services of buckets that are not to be there.
      type: list
      elements: str
    problems:
      description: What is wrong, one line each.
      type: list
      elements: str
"""

import re
from typing import TYPE_CHECKING
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import is_path
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import unit_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping

FOLDER = "/etc/podforge/mount-s3"
# buckets of both kinds (Amazon S3 user guide, "Bucket naming rules"), or the ARN of an access point
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|arn:aws[a-z-]*:s3[a-z-]*:[^\s]+")


def s3_mounts(given: Any, region: str = "") -> dict[str, Any]:
    """Files and units of buckets, and problems."""
    if isinstance(given, (str, bytes)) or not all(hasattr(entry, "get") for entry in given):
        raise AnsibleFilterError("podforge.hyperpod.s3_mounts wants a list of mappings")
    problems: list[str] = []
    files, units, removed, paths = [], {}, [], {}
    for index, entry in enumerate(given):
        bucket = str(entry.get("bucket") or "")
        path = str(entry.get("path") or f"/mnt/{bucket}")
        wrong = _problems(bucket, path, entry)
        problems += [f"mount_s3_buckets[{index}]: {problem}" for problem in wrong]
        if wrong:
            continue
        place, unit = f"{FOLDER}{path}.env", f"podforge-s3@{unit_name(path)}.service"
        if place in units:
            problems.append(f"mount_s3_buckets[{index}]: {path} is there twice; one bucket can be at one path")
        paths[unit] = path
        if entry.get("state") == "absent":
            removed.append(unit)
            continue
        units[place] = unit
        files.append({"path": place, "content": _environment(bucket, region, entry)})
    return {"files": files, "units": units, "removed": removed, "paths": paths, "problems": problems}


def _problems(bucket: str, path: str, entry: Mapping[str, Any]) -> list[str]:
    found = []
    if not _BUCKET.fullmatch(bucket):
        found.append(
            f"bucket is {bucket!r}: write its name, without s3:// and without a prefix, or an access point's ARN"
        )
    elif not is_path(path):
        found.append(f"path is {path!r}: write an absolute path, of letters, digits, '.', '_' and '-'")
    prefix = str(entry.get("prefix") or "")
    if prefix and (not prefix.endswith("/") or re.search(r"[\s$\"'\\]", prefix)):
        found.append(f"prefix is {prefix!r}: it must end with / and have no blanks, quotes, '$' or backslashes")
    for key in ("uid", "gid"):
        if entry.get(key) is not None and not re.fullmatch(r"[0-9]{1,10}", str(entry[key])):
            found.append(f"{key} is {entry[key]!r}: write a number, as names can differ from node to node")
    for key in ("dir_mode", "file_mode"):
        if entry.get(key) is not None and not re.fullmatch(r"0?[0-7]{3}", str(entry[key])):
            found.append(f"{key} is {entry[key]!r}: write for example '0770', with quotes")
    wrong = [option for option in entry.get("options") or [] if not re.fullmatch(r"--[^\s$\"'\\]+", str(option))]
    if wrong:
        found.append(f"options has {', '.join(map(repr, wrong))}: write each as --name or --name=value, with no blanks")
    return found


def _environment(bucket: str, region: str, entry: Mapping[str, Any]) -> str:
    wanted = {
        "--read-only": entry.get("read_only", False),
        "--allow-other": entry.get("allow_other", True),
        "--allow-delete": entry.get("allow_delete", False),
        "--allow-overwrite": entry.get("allow_overwrite", False),
        **{
            f"--{key.replace('_', '-')}={entry[key]}": True
            for key in ("uid", "gid", "dir_mode", "file_mode")
            if entry.get(key) is not None
        },
        f"--prefix={entry.get('prefix')}": entry.get("prefix"),
        f"--region={entry.get('region') or region}": entry.get("region") or region,
    }
    arguments = [option for option, is_wanted in wanted.items() if is_wanted] + list(entry.get("options") or [])
    return (
        "# Written by the role podforge.hyperpod.mount_s3: changes made here are lost.\n"
        f"MOUNT_S3_BUCKET={bucket}\n"
        f'MOUNT_S3_ARGUMENTS="{" ".join(arguments)}"\n'
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"s3_mounts": s3_mounts}
