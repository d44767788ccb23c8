# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd_mask: names, the plan, and the links in a real directory with a systemctl that keeps books."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.modules import systemd_mask


class Host:
    """What the module sees of AnsibleModule; knows which units run and writes down each systemctl call."""

    def __init__(self, names: list[str], state: str = "masked", *, check: bool = False) -> None:
        self.params = {"names": names, "state": state}
        self.check_mode = check
        self.active: dict[str, str] = {}
        self.revived: set[str] = set()
        self.calls: list[list[str]] = []
        self.fail_on = ""

    def run_command(self, command: list[str]) -> tuple[int, str, str]:
        self.calls.append(command[1:])
        verb = command[1]
        if verb == self.fail_on:
            return 1, "", "Access denied"
        units = command[3:]
        if verb == "is-active":
            return 3, "".join(f"{self.active.get(unit, 'inactive')}\n" for unit in units), ""
        if verb == "stop":
            for unit in units:
                self.active[unit] = "active" if unit in self.revived else "inactive"
            self.revived.clear()
        return 0, "", ""

    def verbs(self) -> list[str]:
        return [call[0] for call in self.calls]


def run(host: Host, directory: Path, *, booted: bool = True) -> dict[str, Any]:
    return systemd_mask.run(host, directory, booted)  # type: ignore[arg-type]


def test_names_are_completed_and_unique() -> None:
    assert systemd_mask.normalise(["gdm", "avahi-daemon.socket", "gdm.service", "a@b.service"]) == [
        "gdm.service",
        "avahi-daemon.socket",
        "a@b.service",
    ]


@pytest.mark.parametrize("name", ["", "../x.service", "a b", "x.conf", "x/y.service", "gdm.service.d"])
def test_a_name_that_is_no_unit_is_refused(name: str) -> None:
    with pytest.raises(systemd_mask.MaskError, match="names: "):
        systemd_mask.normalise([name])


def test_masks_absent_and_running_units(tmp_path: Path) -> None:
    host = Host(["gdm", "avahi-daemon.socket"])
    host.active["avahi-daemon.socket"] = "active"
    result = run(host, tmp_path)
    assert result["changed"] is True
    assert result["units"] == {
        "gdm.service": {"masked": True, "active": False},
        "avahi-daemon.socket": {"masked": True, "active": False},
    }
    assert str((tmp_path / "gdm.service").readlink()) == "/dev/null"
    assert host.verbs() == ["is-active", "stop", "daemon-reload", "is-active"]
    assert host.calls[1] == ["stop", "--", "avahi-daemon.socket"]


def test_second_run_reads_once_and_changes_nothing(tmp_path: Path) -> None:
    run(Host(["gdm"]), tmp_path)
    host = Host(["gdm"])
    assert run(host, tmp_path)["changed"] is False
    assert host.verbs() == ["is-active"]


def test_an_empty_unit_file_counts_as_masked(tmp_path: Path) -> None:
    (tmp_path / "gdm.service").touch()
    assert run(Host(["gdm"]), tmp_path)["changed"] is False


def test_a_file_of_the_image_is_set_aside_and_put_back(tmp_path: Path) -> None:
    unit = tmp_path / "slurmd.service"
    unit.write_text("[Service]\n")
    run(Host(["slurmd"]), tmp_path)
    assert unit.is_symlink()
    assert (tmp_path / "slurmd.service.podforge-saved").read_text() == "[Service]\n"
    host = Host(["slurmd"], "unmasked")
    assert run(host, tmp_path)["changed"] is True
    assert unit.read_text() == "[Service]\n"
    assert not (tmp_path / "slurmd.service.podforge-saved").exists()
    assert "stop" not in host.verbs()


def test_a_link_of_the_image_is_set_aside(tmp_path: Path) -> None:
    unit = tmp_path / "display-manager.service"
    unit.symlink_to("/lib/systemd/system/gdm.service")
    run(Host(["display-manager"]), tmp_path)
    assert str(unit.readlink()) == "/dev/null"
    saved = tmp_path / "display-manager.service.podforge-saved"
    assert str(saved.readlink()) == "/lib/systemd/system/gdm.service"


def test_a_masked_unit_that_still_runs_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "gdm.service").symlink_to("/dev/null")
    host = Host(["gdm"])
    host.active["gdm.service"] = "activating"
    assert run(host, tmp_path)["changed"] is True
    assert host.verbs() == ["is-active", "stop", "is-active"]


def test_a_unit_that_its_socket_revived_is_stopped_again(tmp_path: Path) -> None:
    host = Host(["avahi-daemon"])
    host.active["avahi-daemon.service"] = "active"
    host.revived.add("avahi-daemon.service")
    run(host, tmp_path)
    assert host.verbs() == ["is-active", "stop", "daemon-reload", "is-active", "stop"]
    assert host.active["avahi-daemon.service"] == "inactive"


def test_check_mode_predicts_and_leaves_all_as_it_is(tmp_path: Path) -> None:
    host = Host(["gdm"], check=True)
    host.active["gdm.service"] = "active"
    result = run(host, tmp_path)
    assert result["changed"] is True
    assert result["diff"] == {
        "before": {"gdm.service": {"masked": False, "active": True}},
        "after": {"gdm.service": {"masked": True, "active": False}},
    }
    assert list(tmp_path.iterdir()) == []
    assert host.verbs() == ["is-active"]


def test_without_systemd_it_only_links(tmp_path: Path) -> None:
    host = Host(["gdm"])
    assert run(host, tmp_path, booted=False)["changed"] is True
    assert (tmp_path / "gdm.service").is_symlink()
    assert host.calls == []


def test_the_complaint_of_systemctl_is_passed_on(tmp_path: Path) -> None:
    host = Host(["gdm"])
    host.active["gdm.service"] = "active"
    host.fail_on = "stop"
    with pytest.raises(
        systemd_mask.MaskError, match=r"systemctl stop -- gdm\.service failed with code 1: Access denied"
    ):
        run(host, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_short_answer_of_systemctl_is_an_error(tmp_path: Path) -> None:
    host = Host(["gdm", "x"])
    host.run_command = lambda command: (1, "inactive\n", "")  # type: ignore[method-assign]
    with pytest.raises(systemd_mask.MaskError, match="answered 1 lines for 2 units"):
        run(host, tmp_path)
