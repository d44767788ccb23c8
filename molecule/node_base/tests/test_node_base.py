# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages in one transaction whatever is in the way, holds, one scratch disk, and settings that are in force."""

from __future__ import annotations

import json
from typing import Any

from support import changed
from support import playbook
from support import said

AUTHORITIES = (
    "openssl crl2pkcs7 -nocrl -certfile /etc/ssl/certs/ca-certificates.crt | openssl pkcs7 -print_certs -noout"
)
HISTORY = "/var/log/apt/history.log"
# a file system of 64 MiB
SMALL = "/dev/shm"  # noqa: S108 (it is there in each container)
SCRATCH = "/var/lib/podforge/scratch.json"


def installed(host: Any, name: str) -> bool:
    return str(host.run(f"dpkg-query -Wf '${{db:Status-Status}}' {name}").stdout) == "installed"


def converge(**variables: Any) -> Any:
    """The whole role again."""
    return playbook("node_base/converge.yml", variables=variables)


def install(*packages: str, **variables: Any) -> Any:
    """Only the task that installs."""
    return playbook("node_base/one_task.yml", variables={"packages": packages, **variables})


def test_packages_came_in_one_transaction_and_nothing_was_taken_along(compute: Any) -> None:
    assert installed(compute, "podforge-two")
    assert not installed(compute, "podforge-unwanted")
    installs = [line for line in compute.file(HISTORY).content_string.splitlines() if line.startswith("Install:")]
    assert len([line for line in installs if "podforge-" in line]) == 1
    assert "podforge-one" in installs[-1]
    # nothing but the node's own mirror was asked
    assert not compute.run("ls /var/lib/apt/lists | grep debian.org").stdout


def test_kernel_and_driver_are_held(compute: Any) -> None:
    held = compute.check_output("apt-mark showhold").split()
    assert held == ["linux-image-test", "nvidia-driver-550"]
    simulated = compute.check_output("apt-get --simulate upgrade")
    assert "Inst linux-image-test" not in simulated
    done = install("podforge-greedy")
    assert done.returncode != 0
    assert "linux-image-test" in said(done)
    assert compute.package("linux-image-test").version == "1"


def test_what_is_let_go_may_be_upgraded(compute: Any) -> None:
    assert install(unhold=["nvidia-*"]).returncode == 0
    assert compute.check_output("apt-mark showhold").split() == ["linux-image-test"]
    assert install(hold=["nvidia-*"]).returncode == 0
    assert compute.check_output("apt-mark showhold").split() == ["linux-image-test", "nvidia-driver-550"]


def test_a_node_that_has_all_calls_no_package_manager(compute: Any) -> None:
    # whoever calls it, fails
    compute.check_output(
        "for p in apt-get apt-mark dpkg; do mv /usr/bin/$p /usr/bin/$p.off; done; ln -s /bin/false /usr/bin/apt-get"
    )
    try:
        done = converge()
    finally:
        compute.check_output("for p in apt-get apt-mark dpkg; do mv /usr/bin/$p.off /usr/bin/$p; done")
    assert done.returncode == 0, said(done)
    assert changed(done.stdout, "compute") == 0


def test_a_lock_is_waited_for_and_its_holder_named(compute: Any) -> None:
    hold = (
        'python3 -c \'import fcntl, time; f = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(f, fcntl.LOCK_EX); '
        "time.sleep({})'"
    )
    compute.check_output(f"systemd-run --collect --unit=test-lock {hold.format(600)}")
    done = install("podforge-three", lock_timeout=1)
    assert done.returncode != 0
    assert "(lock_timeout): E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process" in said(done)
    assert "(python3)" in said(done)
    assert not installed(compute, "podforge-three")
    compute.check_output(f"systemctl stop test-lock; systemd-run --collect --unit=test-lock2 {hold.format(5)}")
    done = install("podforge-three")
    assert done.returncode == 0, said(done)
    assert installed(compute, "podforge-three")


def test_a_mirror_that_is_down_is_named_and_waited_for(compute: Any) -> None:
    compute.check_output("systemctl stop test-mirror; rm -f /var/lib/apt/lists/*_*")
    done = install("podforge-late", mirror_timeout=0)
    assert done.returncode != 0
    assert "no repository has answered as it should for 0 s (mirror_timeout)" in said(done)
    assert "127.0.0.1 8099" in said(done) or "127.0.0.1:8099" in said(done)
    serve = "--property=WorkingDirectory=/srv/mirror sh -c 'sleep 4; exec python3 -m http.server --bind=127.0.0.1 8099'"
    compute.check_output(f"systemd-run --collect --unit=test-mirror {serve}")
    done = install("podforge-late")
    assert done.returncode == 0, said(done)
    assert installed(compute, "podforge-late")


def test_what_a_killed_installation_has_left_is_finished(compute: Any) -> None:
    compute.check_output("apt-get -y purge podforge-late && dpkg --unpack /srv/mirror/podforge-late_1_all.deb")
    # what apt goes by: a journal that was not merged
    compute.check_output("cp /var/lib/dpkg/status /var/lib/dpkg/updates/0001")
    assert "dpkg was interrupted" in compute.run("apt-get -y install podforge-late").stderr
    done = install("podforge-late")
    assert done.returncode == 0, said(done)
    assert installed(compute, "podforge-late")


def test_a_full_disk_is_told(compute: Any) -> None:
    compute.check_output("apt-get -y purge podforge-late; mkdir -p /dev/shm/archives/partial")
    compute.check_output("echo 'Dir::Cache::Archives \"/dev/shm/archives\";' >/etc/apt/apt.conf.d/99-test")
    compute.run("dd if=/dev/zero of=/dev/shm/fill bs=1M; dd if=/dev/zero of=/dev/shm/fill2 bs=512")
    try:
        compute.check_output(f"truncate -s -4096 {SMALL}/fill && echo old >{SMALL}/old")
        done = install("podforge-late", room_for_files=f"{SMALL}/old")
    finally:
        compute.check_output("rm -rf /dev/shm/fill* /dev/shm/archives /etc/apt/apt.conf.d/99-test")
    assert done.returncode != 0
    assert "MiB free of" in said(done)
    assert "make room there, and run this again" in said(done)
    assert f"cannot read or change {SMALL}" in said(done)
    assert "No space left on device" in said(done)
    assert compute.file(f"{SMALL}/old").content_string == "old\n"
    assert not compute.run(f"ls {SMALL}/.podforge-*").stdout
    assert install("podforge-late").returncode == 0


def test_a_package_that_nobody_has_is_told_at_once(compute: Any) -> None:
    done = install("podforge-absent")
    assert done.returncode != 0
    assert "no repository has it: E: Unable to locate package podforge-absent" in said(done)


def test_drift_and_what_an_interrupted_run_did_not_apply_are_mended(compute: Any) -> None:
    assert json.loads(compute.file(SCRATCH).content_string) == {"kind": "root", "path": "/opt/podforge/scratch"}
    assert compute.file("/opt/podforge/scratch").is_directory
    # others have their data there
    compute.check_output(f"echo broken >{SCRATCH} && mv /opt/podforge/scratch /opt/podforge/aside")
    # as a run leaves it that was killed between the file and what it is for
    compute.check_output("rmdir /run/podforge-demo")
    compute.check_output("echo '[\"/etc/tmpfiles.d/60-podforge.conf\"]' >/var/lib/podforge/pending/node_base.json")
    done = converge()
    assert done.returncode == 0, said(done)
    assert compute.file("/run/podforge-demo").is_directory
    assert not compute.file("/var/lib/podforge/pending/node_base.json").exists
    if compute.check_output("sysctl -n fs.inotify.max_user_watches") != "524288":
        assert "fs.inotify.max_user_watches (read-only here; it has" in said(done)
    assert json.loads(compute.file(SCRATCH).content_string)["kind"] == "root"
    compute.check_output("rmdir /opt/podforge/scratch && mv /opt/podforge/aside /opt/podforge/scratch")


def test_settings_are_in_force(compute: Any) -> None:
    assert compute.file("/etc/sysctl.d/60-podforge.conf").contains("fs.inotify.max_user_watches = 524288")
    remove_ipc = (
        "busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager RemoveIPC"
    )
    assert compute.check_output(remove_ipc) == "b false"
    demo = compute.file("/run/podforge-demo")
    assert (demo.is_directory, demo.mode) == (True, 0o750)


def test_limits_count_for_sessions(compute: Any) -> None:
    # lower than before: raising a hard limit takes a capability that containers don't have
    assert compute.check_output("su - ubuntu -c 'ulimit -n; ulimit -l'").split() == ["512", "64"]


def test_certificates_are_trusted(compute: Any) -> None:
    assert "podforge-test-ca" in compute.check_output(AUTHORITIES)


def test_wrong_input_is_refused_before_anything_is_done(compute: Any) -> None:
    done = converge(node_base_proxy={"http": "http://user:word@proxy:3128"})
    assert done.returncode != 0
    assert "node_base_proxy: http and https must be like http://proxy.example.com:3128" in said(done)
    assert not compute.file("/etc/profile.d/podforge-proxy.sh").exists


def test_what_nobody_asks_for_any_more_is_removed(compute: Any) -> None:
    none = {"node_base_repositories": [], "node_base_repositories_only": False, "node_base_ca_certificates": []}
    done = converge(**none, node_base_tmpfiles=[])
    assert done.returncode == 0, said(done)
    assert "podforge-test-ca" not in compute.check_output(AUTHORITIES)
    assert not compute.run("find /etc/apt /etc/tmpfiles.d -name '*podforge*' -type f").stdout
    assert changed(converge(**none, node_base_tmpfiles=[]).stdout, "compute") == 0
