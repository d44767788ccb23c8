# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Promises of the collection as a whole that no linter checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tools import permissions

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for path in (ROOT / "plugins" / "modules").glob("*.py"))
ROLES = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/tasks/main.yml"))
# A role for a whole cluster is shown where there is one.
SHOWN_IN = {"nvidia_efa_plugins": "kubeadm"}
SCENARIOS = {path.parent.name for path in ROOT.glob("molecule/*/molecule.yml")}


def load(name: str) -> dict[str, object]:
    """A YAML file of the repository."""
    return yaml.safe_load((ROOT / name).read_text())


def documentation(module: Path) -> dict[str, object]:
    """DOCUMENTATION of a module."""
    found = re.search(r'^DOCUMENTATION = r?"""(.*?)"""', module.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{module.name} has no DOCUMENTATION"
    return yaml.safe_load(found.group(1))


def is_aws(module: Path) -> bool:
    """Whether a module talks to AWS: it takes the options of all AWS modules."""
    fragments = documentation(module).get("extends_documentation_fragment", [])
    return any("amazon.aws" in fragment for fragment in fragments)


def test_every_aws_module_names_its_permissions() -> None:
    for module in MODULES:
        assert bool(permissions.required_of(module.stem)) == is_aws(module), module.name
        assert not permissions.required_of(module.stem) & permissions.optional_of(module.stem), module.name


@pytest.mark.parametrize(
    ("notes", "problem"),
    [
        ([], "must have 'Required IAM actions ...' once, not 0 times"),
        (["Required IAM actions: s3:GetObject.", "Required IAM actions: s3:PutObject."], "once, not 2 times"),
        (["Required IAM actions: none."], "names no action"),
        (
            ["Required IAM actions: s3:GetObject.", "Optional IAM actions, for more: s3:GetObject."],
            "can't be required and",
        ),
    ],
)
def test_wrong_notes_about_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: list[str], problem: str
) -> None:
    described = {"extends_documentation_fragment": ["amazon.aws.boto3"], "notes": notes}
    module = tmp_path / "odd.py"
    module.write_text(f"DOCUMENTATION = {yaml.safe_dump(described)!r}\n")
    monkeypatch.setattr(permissions, "plugin_files", lambda: {"odd": module})
    with pytest.raises(ValueError, match=re.escape(problem)):
        permissions.policy(["odd"])


def test_action_group_lists_every_aws_module() -> None:
    group = load("meta/runtime.yml")["action_groups"]["hyperpod"]
    listed = [entry for entry in group if isinstance(entry, str)]
    assert listed == sorted(module.stem for module in MODULES if is_aws(module))
    assert {"metadata": {"extend_group": ["amazon.aws.aws", "community.aws.aws"]}} in group


def test_action_group_lists_every_module_of_active_directory() -> None:
    group = load("meta/runtime.yml")["action_groups"]["active_directory"]
    fragments = {module.stem: documentation(module).get("extends_documentation_fragment", []) for module in MODULES}
    assert group == sorted(name for name, used in fragments.items() if "podforge.hyperpod._active_directory" in used)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_module_says_what_it_supports(module: Path) -> None:
    document = documentation(module)
    assert document["version_added"], "says since when it is there"
    fragments = str(document.get("extends_documentation_fragment", ""))
    attributes = set(document.get("attributes", {})) | (
        {"check_mode", "diff_mode"} if "_attributes" in fragments else set()
    )
    assert attributes >= {"check_mode", "diff_mode"}
    assert ("action_group" in attributes or "actiongroup_hyperpod" in fragments) or not is_aws(module)


def test_there_is_something_to_check() -> None:
    assert len(MODULES) >= 4
    assert len(ROLES) >= 3


@pytest.mark.parametrize("role", ROLES)
def test_role_is_complete(role: str) -> None:
    folder = ROOT / "roles" / role
    for name in ("README.md", "meta/main.yml", "meta/argument_specs.yml", "defaults/main.yml"):
        assert (folder / name).is_file(), f"roles/{role}/{name}"
    # roles that are of no use without each other have one scenario, named as they begin
    assert {role, role.split("_", maxsplit=1)[0], SHOWN_IN.get(role)} & SCENARIOS, f"molecule/{role}"
    options = yaml.safe_load((folder / "meta/argument_specs.yml").read_text())["argument_specs"]["main"].get(
        "options", {}
    )
    defaults = yaml.safe_load((folder / "defaults/main.yml").read_text()) or {}
    assert set(defaults) <= set(options), "every default is a documented option"
    assert all(name.startswith(f"{role}_") for name in options), "options carry the role's name"


@pytest.mark.parametrize("role", ROLES)
def test_tasks_main_is_a_table_of_contents(role: str) -> None:
    assert len((ROOT / "roles" / role / "tasks" / "main.yml").read_text().splitlines()) <= 40


def test_packages_of_all_roles_of_a_node_come_in_one_transaction() -> None:
    """node_roles of node.yml has the roles below it, in their order and under their conditions."""
    (play,) = load("playbooks/node.yml")
    imports = [task for task in play["tasks"] if "ansible.builtin.import_role" in task]
    roles = [(task["ansible.builtin.import_role"]["name"].split(".")[-1], task.get("when")) for task in imports]
    assert roles[0] == ("node_base", None)
    wanted = play["vars"]["node_roles"]
    listed = [(name, None if when is True else when.strip("{ }")) for name, when in wanted.items()]
    assert listed == roles[1:]


@pytest.mark.parametrize("path", sorted(ROOT.glob("roles/*/vars/packages.yml")), ids=lambda path: path.parts[-3])
def test_a_role_that_declares_packages_installs_them_first(path: Path) -> None:
    role = path.parts[-3]
    assert list(load(str(path.relative_to(ROOT)))) == [f"__{role}_packages"]
    tasks = "\n".join(file.read_text() for file in sorted((path.parents[1] / "tasks").glob("*.yml")))
    assert "podforge.hyperpod.system_packages:" in tasks
    assert f"podforge.hyperpod.{role}" in tasks


def test_nothing_is_ignored() -> None:
    assert not list(ROOT.glob("tests/sanity/ignore*")), "ansible-test passes without exceptions"
    lint = load(".ansible-lint")
    assert lint["skip_list"] == []
    assert lint["warn_list"] == []
    assert lint["profile"] == "production"


def test_requirements_of_execution_environments_are_those_of_operators() -> None:
    def lines(name: str) -> set[str]:
        return {line.strip() for line in (ROOT / name).read_text().splitlines() if line.strip() and line[0] != "#"}

    assert lines("meta/ee-requirements.txt") <= lines("requirements/operator.in")


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_lock_pins_every_package_with_hashes(lock: Path) -> None:
    # pip and uv take a lock with hashes for all packages or for none
    entries = re.findall(
        r"^([A-Za-z0-9._\[\],-]+) ?==.*\\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)*)",
        lock.read_text(),
        re.MULTILINE,
    )
    assert entries
    assert [name for name, hashes in entries if not hashes] == []


def test_every_lock_has_the_same_uv() -> None:
    locks = [lock.read_text() for lock in (ROOT / "requirements").glob("*.txt") if not lock.name.startswith("node-")]
    found = [re.findall(r"^uv==(\S+)", lock, re.MULTILINE) for lock in locks]
    assert found
    assert all(versions == found[0] for versions in found), found


def test_version_is_the_next_one_of_the_changelog() -> None:
    version = load("galaxy.yml")["version"]
    released = set(
        (load("changelogs/changelog.yaml") if (ROOT / "changelogs/changelog.yaml").exists() else {}).get("releases", {})
    )
    fragments = list((ROOT / "changelogs" / "fragments").glob("*.yml"))
    assert version in released or fragments, "a version that is not released yet has fragments"


@pytest.mark.parametrize(
    "target",
    ["cluster", "test", "lint", "clean", "sanity", "unit", "integration", "molecule", "e2e", "faults", "bench"],
)
def test_makefile_explains_every_target(target: str) -> None:
    assert re.search(rf"^{target}:.* ## \S", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_ci_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert "make test" in script.read_text()
