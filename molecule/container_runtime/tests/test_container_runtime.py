# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's data is on the scratch disk, containers outlive every change, and wrong settings never stay."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import MOLECULE
from support import eventually
from support import playbook
from support import said

FILE = "/etc/docker/daemon.json"
DROPINS = [f"/etc/systemd/system/{unit}.service.d/50-podforge.conf" for unit in ("docker", "containerd")]
# of Debian 13: the first one here that can be asked about a file
NEWER = """
cd /root && echo 'deb http://deb.debian.org/debian trixie main' >/etc/apt/sources.list.d/trixie.list
apt-get -qq update && apt-get -qq download docker.io/trixie; rm /etc/apt/sources.list.d/trixie.list
dpkg-deb --fsys-tarfile docker.io_*.deb | tar -x --to-stdout ./usr/sbin/dockerd >/usr/local/sbin/dockerd
chmod 0755 /usr/local/sbin/dockerd && dockerd --version
"""
# what NVIDIA's package would bring: here it runs what is there anyway
TOOLKIT = """
mkdir -p /root/toolkit/DEBIAN /root/toolkit/usr/bin && cd /root
printf 'Package: nvidia-container-toolkit\\nVersion: 1.18.1-1\\nArchitecture: all\\nMaintainer: x <x@example.com>\\n\
Description: for a test\\n' >toolkit/DEBIAN/control
printf '#!/bin/sh\\ntouch /run/test-nvidia\\nexec runc "$@"\\n' >toolkit/usr/bin/nvidia-container-runtime
chmod 0755 toolkit/usr/bin/nvidia-container-runtime && dpkg-deb --build toolkit toolkit.deb && dpkg -i toolkit.deb
touch /dev/nvidia0
"""


@pytest.fixture(scope="module")
def docker(nodes: dict[str, Any]) -> Any:
    """The node, with a container that runs."""
    host = nodes["docker"]
    host.check_output(
        "cd / && tar -ch bin/sleep lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6 | docker import - tiny"
    )
    host.check_output("docker run --detach --network=none --name=job tiny /bin/sleep 3600")
    return host


def converge(**variables: Any) -> Any:
    inventory = f"--inventory={MOLECULE}/container_runtime/inventory.yml"
    return playbook("container_runtime/converge.yml", inventory, variables=variables)


def settings(host: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host.file(FILE).content_string)
    return found


def process(host: Any, name: str = "job") -> str:
    return str(host.check_output(f"docker inspect --format='{{{{.State.Pid}}}}' {name}"))


def test_data_is_on_the_scratch_disk(docker: Any) -> None:
    assert docker.check_output("docker info --format='{{.DockerRootDir}} {{.LiveRestoreEnabled}}'") == (
        "/opt/sagemaker/docker true"
    )
    assert docker.file("/opt/sagemaker/containerd/io.containerd.metadata.v1.bolt/meta.db").exists
    # Debian's package has put its own there when it was installed; nothing has come since
    assert not docker.run("find /var/lib/docker -newer /etc/docker/daemon.json -type f").stdout
    assert 'root = "/opt/sagemaker/containerd"' in docker.check_output("containerd config dump")
    # the rest of the package's config.toml counts as before
    assert 'bin_dir = "/usr/lib/cni"' in docker.check_output("containerd config dump")


def test_a_user_needs_no_sudo(docker: Any) -> None:
    assert "tiny" in docker.check_output("su - ubuntu -c 'docker images'")


def test_what_others_have_set_stays_and_containers_live_on(docker: Any) -> None:
    docker.check_output(TOOLKIT)
    docker.check_output(f"echo '{json.dumps({**settings(docker), 'labels': ['team=a'], 'debug': True})}' >{FILE}")
    before, daemon = process(docker), docker.check_output("pgrep -x dockerd")
    done = converge(container_runtime_config={"max-concurrent-downloads": 5})
    assert done.returncode == 0, said(done)
    found = settings(docker)
    assert (found["labels"], found["debug"], found["max-concurrent-downloads"]) == (["team=a"], True, 5)
    assert found["log-opts"] == {"max-file": "3", "max-size": "100m"}
    assert docker.check_output("pgrep -x dockerd") != daemon
    assert docker.check_output("docker info --format='{{.Labels}}'") == "[team=a]"
    assert process(docker) == before
    assert docker.file(f"/proc/{before}/exe").exists


def test_containers_may_use_gpus(docker: Any) -> None:
    # /dev/nvidia0 and the package came before the last run
    assert docker.check_output("apt-mark showhold") == "nvidia-container-toolkit"
    assert docker.run("docker run --rm --network=none --runtime=nvidia tiny /bin/sleep 0").rc == 0
    assert docker.file("/run/test-nvidia").exists


def test_data_stays_where_it_is_while_containers_run(docker: Any) -> None:
    before = process(docker)
    done = converge(container_runtime_data_root="/opt/sagemaker/elsewhere")
    assert done.returncode == 0, said(done)
    assert "/opt/sagemaker/docker stay(s), as 1 container(s) run here" in said(done)
    assert settings(docker)["data-root"] == "/opt/sagemaker/docker"
    assert process(docker) == before


def test_settings_that_docker_cannot_live_with_are_taken_back(docker: Any) -> None:
    # Debian's 20.10 can't be asked before
    assert "--validate" not in docker.check_output("dockerd --help")
    before, old = process(docker), settings(docker)
    # as an older release has left it: one file is another, one is not there
    docker.check_output(f"echo '# older' >{DROPINS[0]} && rm {DROPINS[1]}")
    done = converge(container_runtime_config={"no-such-setting": 1})
    assert done.returncode != 0
    assert "Docker runs with it." in said(done)
    assert docker.file(DROPINS[0]).content_string == "# older\n"
    assert not docker.file(DROPINS[1]).exists
    assert "Docker did not come up with the new /etc/docker/daemon.json, and the old one is there again" in said(done)
    assert "no-such-setting" in said(done)
    assert settings(docker) == old
    assert eventually(lambda: docker.service("docker").is_running)
    assert process(docker) == before
    done = converge()
    assert done.returncode == 0, said(done)
    assert "AssertPathIsMountPoint" in docker.file(DROPINS[1]).content_string


def test_dockerd_judges_the_file_before_it_is_written(docker: Any) -> None:
    docker.check_output(NEWER)
    before, old, daemon = process(docker), settings(docker), docker.check_output("pgrep -x dockerd")
    done = converge(container_runtime_config={"no-such-setting": 1})
    assert done.returncode != 0
    assert f"{FILE} is refused by" in said(done)
    assert "no-such-setting" in said(done)
    # in the file and in the unit's flags: each is right, both are not
    done = converge(container_runtime_config={"hosts": ["unix:///run/other.sock"]})
    assert done.returncode != 0
    assert "specified both as a flag and in the configuration file: hosts" in said(done)
    assert (settings(docker), docker.check_output("pgrep -x dockerd"), process(docker)) == (old, daemon, before)


def test_a_file_that_others_have_broken_is_named(docker: Any) -> None:
    # as scripts leave it that append to it
    docker.check_output(f'cp {FILE} /root/daemon.json && echo \'{{"data-root": "/x"}}\' >>{FILE}')
    done = converge()
    docker.check_output(f"mv /root/daemon.json {FILE}")
    assert done.returncode != 0
    assert "/etc/docker/daemon.json, which is there already, is no JSON (Extra data: line" in said(done)


def test_data_of_stopped_containers_and_on_disks_of_others_stays(docker: Any) -> None:
    docker.check_output("docker rm --force job && docker create --network=none --name=stopped tiny /bin/sleep 0")
    done = converge(container_runtime_data_root="/opt/sagemaker/elsewhere")
    assert "/opt/sagemaker/docker stay(s), as 0 container(s) run here, and 1 container(s)" in said(done)
    assert "stopped" in docker.check_output("docker ps --all")
    docker.check_output("docker rm stopped && mkdir /srv/disk && mount -t tmpfs disk /srv/disk")
    old = docker.file(FILE).content_string
    docker.check_output(f"echo '{json.dumps({**settings(docker), 'data-root': '/srv/disk/docker'})}' >{FILE}")
    done = converge()
    assert done.returncode == 0, said(done)
    assert settings(docker)["data-root"] == "/srv/disk/docker"
    # on the root volume nothing stays
    docker.check_output(f"systemctl stop docker.socket docker && sed -i s,/srv/disk,/srv/plain, {FILE}")
    done = converge()
    assert done.returncode == 0, said(done)
    assert docker.file(FILE).content_string == old


def test_without_the_disk_docker_does_not_fill_the_root_volume(docker: Any) -> None:
    docker.check_output("systemctl stop docker.socket docker containerd")
    docker.check_output("umount --lazy /opt/sagemaker")
    assert docker.run("systemctl start docker").rc != 0
    assert not docker.file("/opt/sagemaker/docker").exists
    assert not docker.service("containerd").is_running
