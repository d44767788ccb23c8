# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a killed groupadd has left goes; nothing else does."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.locks import clear_locks


def test_files_of_processes_that_are_no_more_go_and_nothing_else(tmp_path: Path) -> None:
    etc, proc = tmp_path / "etc", tmp_path / "proc"
    (proc / "77").mkdir(parents=True)
    etc.mkdir()
    stay = {
        "group": "root:x:0:\n",
        "group.77": "77\0",
        "group.lock": "5938\0",
        "group.2024": "root:x:0:\n",
        "group.5938.bak": "5938\0",
        "hosts.5938": "5938\0",
    }
    for name, content in {**stay, "group.5938": "5938\0", "gshadow.5938": ""}.items():
        (etc / name).write_text(content, encoding="utf-8")
    (etc / "shadow.5938").symlink_to("group")
    (etc / "subuid.5938").mkdir()
    clear_locks(str(etc), str(proc))
    assert {path.name for path in etc.iterdir()} == {*stay, "shadow.5938", "subuid.5938"}
