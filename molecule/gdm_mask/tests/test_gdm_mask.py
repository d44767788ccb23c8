# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desktop stays off: now, after an upgrade, and when a package comes later."""

from __future__ import annotations

from typing import Any

import pytest
from support import playbook
from support import said


def load_state(host: Any, unit: str) -> str:
    return str(host.check_output(f"systemctl show --property=LoadState --value {unit}"))


@pytest.mark.parametrize(
    "unit",
    ["gdm.service", "gdm3.service", "avahi-daemon.service", "avahi-daemon.socket", "switcheroo-control.service"],
)
def test_units_are_stopped_and_masked(compute: Any, unit: str) -> None:
    assert load_state(compute, unit) == "masked"
    assert compute.run(f"systemctl is-active {unit}").stdout.strip() == "inactive"
    assert compute.run(f"systemctl start {unit}").rc != 0


def test_nothing_of_the_desktop_runs(compute: Any) -> None:
    running = compute.check_output("ps -e -o comm=").split()
    assert "systemd" in running
    assert [name for name in running if name.startswith(("avahi", "switcheroo", "gdm"))] == []


def test_the_masks_outlive_a_reinstalled_package(compute: Any) -> None:
    # what a package's maintainer scripts do: unit file anew, enable, start
    compute.check_output("dpkg-query --listfiles avahi-daemon | grep -q system/avahi-daemon.service")
    compute.run_expect(
        [0],
        "env DPKG_MAINTSCRIPT_PACKAGE=avahi-daemon DPKG_MAINTSCRIPT_NAME=postinst "
        "sh /var/lib/dpkg/info/avahi-daemon.postinst configure 0.8",
    )
    compute.run("deb-systemd-invoke start avahi-daemon.service")
    assert load_state(compute, "avahi-daemon.service") == "masked"
    assert not compute.service("avahi-daemon").is_running


def test_a_package_that_comes_later_starts_nothing(compute: Any) -> None:
    compute.check_output(
        "printf '[Service]\\nExecStart=/bin/sleep inf\\n[Install]\\nWantedBy=multi-user.target\\n' "
        "> /lib/systemd/system/cups.service && systemctl daemon-reload"
    )
    assert compute.run("systemctl enable --now cups.service").rc != 0
    assert compute.run("systemctl is-active cups.service").stdout.strip() == "inactive"


def test_dbus_is_untouched(compute: Any) -> None:
    assert compute.service("dbus").is_running
    assert load_state(compute, "dbus.service") == "loaded"
    assert load_state(compute, "dbus.socket") == "loaded"


def test_the_next_boot_is_without_graphics(compute: Any) -> None:
    assert compute.check_output("systemctl get-default") == "multi-user.target"


def test_vital_units_are_refused_before_anything_is_done(compute: Any) -> None:
    wrong = {"gdm_mask_units": ["bolt.service", "dbus", "NetworkManager.service"]}
    done = playbook("gdm_mask/converge.yml", variables=wrong)
    assert done.returncode != 0
    assert "gdm_mask_units: dbus, NetworkManager.service must keep running" in said(done)
    for unit in ("bolt.service", "dbus.service", "NetworkManager.service"):
        assert load_state(compute, unit) != "masked"
