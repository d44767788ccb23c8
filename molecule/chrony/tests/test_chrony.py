# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""chrony runs, asks the Amazon Time Sync Service, and stays repaired."""

from __future__ import annotations

from typing import Any

from support import playbook
from support import said

CONF = "/etc/chrony/chrony.conf"


def test_chrony_runs_and_only_measures_in_a_container(compute: Any, login: Any) -> None:
    for name, host in (("compute", compute), ("login", login)):
        assert host.service("chrony").is_running, name
        assert host.service("chrony").is_enabled, name
        assert "chronyd -F 1 -x" in host.check_output("ps -C chronyd -o args="), name


def test_the_time_sync_service_is_the_only_source(compute: Any, login: Any) -> None:
    for name, host in (("compute", compute), ("login", login)):
        sources = host.check_output("chronyc -c -n sources").splitlines()
        assert [line.split(",")[2] for line in sources] == ["169.254.169.123"], name
        assert sources[0].split(",")[4] == "4", name  # minpoll 4
        assert host.file(CONF).contains("^server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4$")
        host.run_expect([0], f"chronyd -p -f {CONF}")


def test_chrony_has_left_the_agents_namespace(compute: Any) -> None:
    assert compute.file("/lib/systemd/system/chrony.service").contains("^NetworkNamespacePath=/var/run")
    assert compute.check_output("systemctl show --property=NetworkNamespacePath --value chrony") == ""
    # its command port, 323, is open in the namespace of the node
    compute.run_expect([0], "grep -q ':0143 ' /proc/net/udp")


def test_the_repair_outlives_an_upgrade_of_the_package(login: Any) -> None:
    # the package brings its unit again, this time with the fault
    login.check_output(
        "sed -i 's#^.Service.#&\\nNetworkNamespacePath=/var/run/netns/sagemaker_agent_namespace#' "
        "/lib/systemd/system/chrony.service && systemctl daemon-reload && systemctl restart chrony"
    )
    assert login.service("chrony").is_running
    assert login.check_output("systemctl show --property=NetworkNamespacePath --value chrony") == ""


def test_other_time_daemons_stay_off(compute: Any) -> None:
    for unit in ("systemd-timesyncd.service", "ntp.service", "openntpd.service"):
        assert compute.check_output(f"systemctl show --property=LoadState --value {unit}") == "masked"


def test_a_wrong_directive_is_refused_and_the_old_file_kept(compute: Any) -> None:
    before = compute.file(CONF).content_string
    wrong = {"chrony_servers": [{"address": "169.254.169.123", "options": ["iburst", "sometimes"]}]}
    done = playbook("chrony/converge.yml", "--limit=compute", variables=wrong)
    assert done.returncode != 0
    assert "Could not parse server directive" in said(done)
    assert compute.file(CONF).content_string == before
    assert compute.service("chrony").is_running


def test_a_changed_source_is_used_at_once(compute: Any) -> None:
    more = {"chrony_servers": [{"address": "169.254.169.123"}, {"address": "192.0.2.7", "options": ["offline"]}]}
    done = playbook("chrony/converge.yml", "--limit=compute", variables=more)
    assert done.returncode == 0, done.stdout
    assert "192.0.2.7" in compute.check_output("chronyc -c -n sources")
    # as a run leaves it that was killed between the file and the daemon's restart
    compute.check_output(f"sed -i /192.0.2.7/d {CONF} && echo '[\"{CONF}\"]' >/run/podforge-chrony.pending")
    assert playbook("chrony/converge.yml", "--limit=compute").returncode == 0
    assert "192.0.2.7" not in compute.check_output("chronyc -c -n sources")
    assert not compute.file("/run/podforge-chrony.pending").exists
