# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that mounts, with a node that is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import FileSystem
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.node import Node
from ansible_collections.podforge.hyperpod.plugins.modules import fsx_mounts

RIGHT = "lustre 10.1.0.9@tcp:/abcdefgh"


class Host:
    """What the module sees of AnsibleModule."""

    def __init__(self, *systems: FileSystem, check: bool = False) -> None:
        self.params = {
            "filesystems": [system.document() for system in systems],
            "timeout": 5,
            "spread": 0.0,
            "availability_zone_id": None,
        }
        self.check_mode = check
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def run(node: Node, *systems: FileSystem, check: bool = False) -> tuple[dict[str, Any], list[str]]:
    host = Host(*systems, check=check)
    return fsx_mounts.run(host, node), host.warnings  # type: ignore[arg-type]


def test_the_module_mounts_and_enables_and_then_changes_nothing(world: type[Any], fsx: Any) -> None:
    node = world()
    predicted, _warnings = run(node, fsx(), check=True)
    assert (predicted["changed"], predicted["diff"]) == (
        True,
        {"before": {"/fsx": "absent"}, "after": {"/fsx": "mounted"}},
    )
    assert node.calls == [
        "is-enabled podforge-fsx@fsx.service podforge-fsx@fsx.timer",
        "is-active --quiet podforge-fsx@fsx.timer",
    ]
    done, _warnings = run(node, fsx())
    assert (done["changed"], done["diff"]) == (True, predicted["diff"])
    assert "enable podforge-fsx@fsx.service podforge-fsx@fsx.timer" in node.calls
    for check in (True, False):
        assert run(node, fsx(), check=check)[0]["changed"] is False


def test_a_failure_is_an_error_or_a_warning_and_is_tried_again_later(world: type[Any], fsx: Any) -> None:
    node = world()
    node.comes_after, node.stderr = 1000, "Is the filesystem name correct?"
    failed, _warnings = run(node, fsx())
    assert failed["failed"] is True
    assert "no file system by the mount name" in failed["msg"]
    assert "start podforge-fsx@fsx.timer" in node.calls
    done, warnings = run(node, fsx(required=False))
    assert "failed" not in done
    assert "no file system by the mount name" in warnings[0]


def test_efa_that_is_required_and_not_there_is_an_error(world: type[Any], fsx: Any) -> None:
    node = world()
    node.devices, node.counters = ("rdmap0s6",), [5, 5]
    assert "Lustre goes by TCP" in run(node, fsx(efa="required"))[0]["msg"]
    # mounted by now, and no better
    node.counters = [5, 5]
    assert "Lustre goes by TCP" in run(node, fsx(efa="required"))[0]["msg"]
    node.counters = [5, 90000]
    assert "failed" not in run(node, fsx(efa="required"))[0]
    # proven: nobody asks again, until it is mounted anew
    assert "failed" not in run(node, fsx(efa="required"))[0]
    node.mounted, node.counters = "", [5, 5]
    assert "Lustre goes by TCP" in run(node, fsx(efa="required"))[0]["msg"]


def test_a_proof_is_noted_and_forgotten(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    node = Node(str(tmp_path))
    assert not node.is_proven("fsx")
    for proven in (True, True, False, False):
        node.note_proof("fsx", proven)
        assert node.is_proven("fsx") is proven


def test_what_is_not_wanted_any_more(world: type[Any], fsx: Any) -> None:
    node = world(RIGHT)
    gone = fsx(state="absent")
    assert run(node, gone, check=True)[0]["changed"] is True
    assert node.mounted == RIGHT
    done, _warnings = run(node, gone)
    assert (done["changed"], done["filesystems"]["/fsx"]["state"], node.mounted) == (True, "absent", "")
    assert "disable --now podforge-fsx@fsx.timer" in node.calls
    assert run(node, gone)[0]["changed"] is False


def test_an_image_build_only_enables(monkeypatch: pytest.MonkeyPatch, world: type[Any], fsx: Any) -> None:
    node = world()
    monkeypatch.setattr(node, "booted", lambda: False)
    assert run(node, fsx())[0]["changed"] is True
    assert node.mounted == ""
    assert run(node, fsx())[0]["changed"] is False


def test_units_that_systemd_does_not_know_yet_are_read(
    monkeypatch: pytest.MonkeyPatch, world: type[Any], fsx: Any
) -> None:
    node = world(RIGHT)
    run(node, fsx())
    assert "daemon-reload" not in node.calls
    real = node.systemctl
    generated = (0, "FragmentPath=/run/systemd/generator/fsx.mount\nNeedDaemonReload=no\n")
    monkeypatch.setattr(node, "systemctl", lambda *words: generated if words[0] == "show" else real(*words))
    run(node, fsx())
    assert "daemon-reload" in node.calls
