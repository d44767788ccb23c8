# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the bundle, and that it is the same each time."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
import typing as t
import zipfile
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils import _lifecycle
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle import wheels
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.bundle import build_bundle
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.bundle import make_tar
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.common import LifecycleError
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.contents import collection_files
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.contents import collection_version
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.node_vars import refuse_secrets
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import WheelSet
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import collect_wheels
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import lock_for
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import pip_command

OWN = "podforge.hyperpod"
REPOSITORY = Path(str(next(iter(_lifecycle.__path__)))).parents[2]


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


@pytest.fixture(name="own")
def _own(tmp_path: Path) -> Path:
    return tree(
        tmp_path / "own",
        "galaxy.yml",
        "COPYING",
        "README.md",
        ".git/config",
        ".venv/lib/x.py",
        "docs/a.md",
        "local_cloud/app.py",
        "meta/runtime.yml",
        "molecule/default/x.yml",
        "playbooks/cluster.yml",
        "playbooks/node.yml",
        "playbooks/files/lifecycle/on_create.sh",
        "playbooks/files/slurm-jobs/x.sbatch",
        "plugins/inventory/x.py",
        "plugins/modules/__pycache__/a.cpython-311.pyc",
        "plugins/modules/a.py",
        "plugins/modules/a.py~",
        "plugins/module_utils/_lifecycle/x.py",
        "roles/r/molecule/x.yml",
        "roles/r/tasks/main.yml",
        "roles/r/templates/.keep",
        "roles/r/tests/x.yml",
        "tests/unit/x.py",
    )


EXPECTED = [
    "COPYING",
    "meta/runtime.yml",
    "playbooks/files/lifecycle/on_create.sh",
    "playbooks/files/slurm-jobs/x.sbatch",
    "playbooks/node.yml",
    "plugins/modules/a.py",
    "roles/r/tasks/main.yml",
]


def test_only_what_nodes_need(own: Path) -> None:
    assert list(collection_files(OWN, own)) == EXPECTED


def test_other_collections_keep_their_playbooks(tmp_path: Path) -> None:
    other = tree(tmp_path / "o", "playbooks/x.yml", "plugins/inventory/i.py", "tests/t.py", "roles/r/tests/x")
    assert list(collection_files("a.b", other)) == ["playbooks/x.yml", "plugins/inventory/i.py"]
    with pytest.raises(LifecycleError, match=r"collection a\.b: .* holds neither plugins nor roles"):
        collection_files("a.b", tmp_path)


def test_version_from_checkout_and_artifact(tmp_path: Path) -> None:
    assert collection_version(tmp_path) == "0.0.0"
    (tmp_path / "galaxy.yml").write_text('---\nname: x\nversion: "1.2.3"\n')
    assert collection_version(tmp_path) == "1.2.3"
    (tmp_path / "MANIFEST.json").write_text('{"collection_info": {"version": "1.2.4"}}')
    assert collection_version(tmp_path) == "1.2.4"


def wheel_set(folder: Path) -> WheelSet:
    folder.mkdir(exist_ok=True)
    (folder / "w.whl").write_bytes(b"wheel")
    return WheelSet("3.11", "x86_64", {"w.whl": hashlib.sha256(b"wheel").hexdigest()}, folder)


def test_same_inputs_same_bytes(own: Path, tmp_path: Path) -> None:
    wheels = wheel_set(tmp_path / "w")
    one = build_bundle({OWN: own}, [wheels], {"b": 1, "a": [2]}, {"version": "1.0.0"})
    copy = tmp_path / "copy"
    for relative in [*reversed(EXPECTED), "galaxy.yml"]:
        target = copy / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(own / relative, target)
        target.chmod(0o600)
    two = build_bundle({OWN: copy}, [wheels], {"a": [2], "b": 1}, {"version": "1.0.0"})
    assert one == two
    assert list(one.objects) == ["bundle.tar", "provisioning_parameters.json", "manifest.json", "on_create.sh"]


@pytest.mark.parametrize("change", ["role", "vars", "parameters", "wheels"])
def test_other_inputs_other_id(own: Path, tmp_path: Path, change: str) -> None:
    wheels = wheel_set(tmp_path / "w")
    before = build_bundle({OWN: own}, [wheels], {}, {})
    if change == "role":
        (own / "roles/r/tasks/main.yml").write_text("x")
    after = build_bundle(
        {OWN: own},
        [] if change == "wheels" else [wheels],
        {"a": 1} if change == "vars" else {},
        None if change == "parameters" else {},
    )
    assert before.content_id != after.content_id


def test_manifest_tells_all(own: Path, tmp_path: Path) -> None:
    bundle = build_bundle({OWN: own}, [wheel_set(tmp_path / "w")], {"a": 1}, None)
    manifest = json.loads(bundle.objects["manifest.json"])
    assert bundle.content_id == hashlib.sha256(bundle.objects["manifest.json"]).hexdigest()[:16]
    assert manifest["wheel_sets"] == [{"python": "3.11", "machine": "x86_64", "wheels": ["w.whl"]}]
    with tarfile.open(fileobj=io.BytesIO(bundle.objects["bundle.tar"])) as archive:
        files = {item.name: item for item in archive if item.isfile()}
        for name, entry in manifest["files"].items():
            content = archive.extractfile(name).read()  # type: ignore[union-attr] # all are files
            assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    assert sorted(files) == sorted(manifest["files"])
    assert json.loads(make_content(bundle.objects["bundle.tar"], "vars.json")) == {"a": 1}
    for name in ("bundle.tar", "on_create.sh"):
        assert manifest["objects"][name]["sha256"] == hashlib.sha256(bundle.objects[name]).hexdigest()


def make_content(tar: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        stream = archive.extractfile(name)
        assert stream is not None
        return stream.read()


def test_owners_modes_times() -> None:
    with tarfile.open(fileobj=io.BytesIO(make_tar({"b/c.sh": b"", "a": b"x"}))) as archive:
        seen = [(item.name, item.mode, item.uid, item.gid, item.uname, item.mtime) for item in archive]
    assert seen == [
        ("a", 0o644, 0, 0, "root", 315532800),
        ("b", 0o755, 0, 0, "root", 315532800),
        ("b/c.sh", 0o755, 0, 0, "root", 315532800),
    ]


def test_bundle_of_this_collection_is_closed() -> None:
    """Every module_utils file that bundled code imports, and every module and role that it names, is in the bundle."""
    files = collection_files(OWN, REPOSITORY)
    for path in files.values():
        if path.suffix not in (".py", ".yml"):
            continue
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"ansible_collections\.podforge\.hyperpod\.plugins\.([\w.]+) import", text):
            place = f"plugins/{name.replace('.', '/')}"
            assert {f"{place}.py", f"{place}/__init__.py"} & set(files), f"{path} needs {name}"
        for name in re.findall(r"(?m)^\s*podforge\.hyperpod\.(\w+):", text) if path.suffix == ".yml" else []:
            assert f"plugins/modules/{name}.py" in files, f"{path} needs module {name}"
        for name in re.findall(r"name: podforge\.hyperpod\.(\w+)", text):
            assert f"roles/{name}/tasks/main.yml" in files, f"{path} needs role {name}"
    assert "plugins/callback/node_report.py" in files


def test_locks() -> None:
    assert lock_for(REPOSITORY / "requirements", "3.10").name == "node-py3.10.txt"
    with pytest.raises(LifecycleError, match=r"no wheels are locked for Python 3\.9 .* known are 3\.10, 3\.11, 3\.12"):
        lock_for(REPOSITORY / "requirements", "3.9")
    for version in ("3.10", "3.11", "3.12"):
        text = lock_for(REPOSITORY / "requirements", version).read_text(encoding="utf-8")
        assert re.search(r"(?m)^ansible-core==2\.17\.", text)
        assert len(re.findall(r"(?m)^[a-z].*==", text)) <= text.count("--hash=sha256:")


def test_pip_is_called_for_the_other_machine(tmp_path: Path) -> None:
    command = pip_command(tmp_path / "lock", "3.10", "aarch64", tmp_path, Path("/wheels"))
    assert {"--require-hashes", "--only-binary=:all:", "--python-version=3.10", "--no-index"} <= set(command)
    assert "--platform=manylinux2014_aarch64" in command
    assert "--find-links=/wheels" in command
    assert "--no-index" not in pip_command(tmp_path / "lock", "3.10", "aarch64", tmp_path, None)


def test_wheels_from_a_folder_and_from_the_cache(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "given")
    lock = tmp_path / "lock.txt"
    lock.write_text(f"tiny==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    one = collect_wheels(lock, "3.11", "x86_64", tmp_path / "cache", wheel.parent)
    assert list(one.wheels) == [wheel.name]
    # a cleaner of caches has taken a wheel
    (one.folder / wheel.name).unlink()
    assert collect_wheels(lock, "3.11", "x86_64", tmp_path / "cache", wheel.parent) == one
    wheel.unlink()
    assert collect_wheels(lock, "3.11", "x86_64", tmp_path / "cache", tmp_path / "gone") == one
    (one.folder / wheel.name).write_bytes(b"broken")
    with pytest.raises(LifecycleError, match=r"is not in the lock; remove"):
        collect_wheels(lock, "3.11", "x86_64", tmp_path / "cache", None)
    with pytest.raises(LifecycleError, match=r"wheels_dir: .* is no folder"):
        collect_wheels(lock, "3.12", "x86_64", tmp_path / "cache", tmp_path / "gone")
    with pytest.raises(LifecycleError, match=r"for Python 3\.12 on x86_64 cannot be had in .*given: ERROR"):
        collect_wheels(lock, "3.12", "x86_64", tmp_path / "cache", tmp_path / "given")
    assert [path.name for path in (tmp_path / "cache" / "wheels").iterdir()] == [one.folder.name]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("tiny==1.0\n")
    (tmp_path / "file").touch()
    with pytest.raises(LifecycleError, match=r"^cache_dir: .*/file.*: Not a directory; give a folder that"):
        collect_wheels(lock, "3.11", "x86_64", tmp_path / "file" / "cache", None)


def test_what_another_run_has_put_there_meanwhile_stays(tmp_path: Path) -> None:
    for name in ("mine", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.whl").write_text(name)
        (tmp_path / name / wheels._COMPLETE).write_text("x.whl\n")
    wheels._put_in_place(tmp_path / "mine", tmp_path / "theirs")
    assert (tmp_path / "theirs" / "x.whl").read_text() == "theirs"
    (tmp_path / "theirs" / "x.whl").unlink()
    wheels._put_in_place(tmp_path / "mine", tmp_path / "theirs")
    assert (tmp_path / "theirs" / "x.whl").read_text() == "mine"


def make_wheel(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return path


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"ldap": {"password": "hunter2"}}, "node_vars.ldap.password"),
        ({"users": [{"api_key": "abc"}]}, "node_vars.users[0].api_key"),
        ({"db_secret": "abc"}, "node_vars.db_secret"),
        ({"tokens": {"join-token": "abc"}}, "node_vars.tokens.join-token"),
        ({"note": "-----BEGIN RSA PRIVATE KEY-----\nx"}, "node_vars.note"),
        ({"id": ["AKIAIOSFODNN7EXAMPLE"]}, "node_vars.id[0]"),
    ],
)
def test_secrets_are_refused_by_key_not_shown(values: dict[str, t.Any], where: str) -> None:
    with pytest.raises(LifecycleError) as caught:
        refuse_secrets(values)
    assert str(caught.value).startswith(f"{where} looks like a secret")
    for value in ("hunter2", "abc", "AKIA", "BEGIN"):
        assert value not in str(caught.value)


def test_references_and_switches_are_not() -> None:
    refuse_secrets(
        {
            "db_secret": "arn:aws:secretsmanager:us-west-2:123456789012:secret:x",
            "munge_secret": "/fsx/munge.key",
            "password": "",
            "password_authentication": "no",
            "token_ttl": "60",
            "imds": {"token": None},
            "secret": "{{ lookup('x') }}",
        }
    )
