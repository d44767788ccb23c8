# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image's hash follows its content, and its files are what systemd and sudo accept."""

from __future__ import annotations

import configparser
import dataclasses
import io
import py_compile
import tarfile
from pathlib import Path

from local_cloud.ami import recipe
from local_cloud.image_base import tail
from local_cloud.image_layer import overlay_tar

ENTRIES = recipe.overlay()
BY_PATH = {entry.path: entry for entry in ENTRIES}


def test_the_archive_is_the_same_each_time_and_belongs_to_root() -> None:
    data = overlay_tar(ENTRIES)
    assert data == overlay_tar(recipe.overlay())
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = {member.name: member for member in archive.getmembers()}
    assert all((m.uid, m.gid) == (0, 0) for m in members.values())
    assert members["etc/sudoers.d/50-hyperpod"].mode == 0o440
    assert members["etc/systemd/system-generators/local-cloud"].mode == 0o755
    assert members["etc/systemd/system/getty.target"].linkname == "/dev/null"


def test_a_changed_agent_changes_the_node_image_and_not_the_base() -> None:
    base = recipe.base_key("http://mirror")
    changed = [
        dataclasses.replace(entry, data=b"#") if entry.path.endswith("/host_agent.py") else entry for entry in ENTRIES
    ]
    assert recipe.node_key(base, changed) != recipe.node_key(base, ENTRIES)
    assert recipe.node_key(recipe.base_key("http://other"), ENTRIES) != recipe.node_key(base, ENTRIES)


def test_every_path_is_there_once() -> None:
    assert len(BY_PATH) == len(ENTRIES)


def test_agents_are_in_the_image_and_compile_for_the_node(tmp_path: Path) -> None:
    agents = [path for path in BY_PATH if path.startswith(recipe.AGENT_PACKAGE_DIR) and path.endswith(".py")]
    assert f"{recipe.AGENT_PACKAGE_DIR}/host_agent.py" in agents
    for path in agents:
        source = tmp_path / "x.py"
        source.write_bytes(BY_PATH[path].data or b"")
        py_compile.compile(str(source), doraise=True)


def test_units_of_ours_that_are_enabled_exist() -> None:
    for unit, target in recipe.ENABLED_UNITS:
        link = BY_PATH[f"etc/systemd/system/{target}.wants/{unit}"]
        if link.target is not None and link.target.startswith("/etc/"):
            assert link.target.lstrip("/") in BY_PATH


def test_slurm_units_are_not_enabled_and_keep_the_literal_options() -> None:
    enabled = {unit for unit, _target in recipe.ENABLED_UNITS}
    assert not enabled & {"slurmd.service", "slurmctld.service", "slurmdbd.service", "mariadb.service", "munge.service"}
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # as configparser's documentation says to
    unit.read_string((BY_PATH["etc/systemd/system/slurmd.service"].data or b"").decode())
    assert unit["Service"]["ExecStart"] == "/opt/slurm/sbin/slurmd -D $SLURMD_OPTIONS"
    assert unit["Service"]["ExecStartPre"] == "/bin/rm -f /opt/slurm/etc/slurm.conf"


def test_all_requirements_are_pinned_with_hashes() -> None:
    text = recipe.REQUIREMENTS.read_text(encoding="utf-8").replace("\\\n", " ")
    wanted = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert {line.split("==")[0] for line in wanted} >= {"awscli", "boto3"}
    assert all("==" in line and "--hash=sha256:" in line for line in wanted)


def test_tail_keeps_the_end() -> None:
    assert tail("a\n\nb\nc\n", 2) == "b\nc"
