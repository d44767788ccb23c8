# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of tests: what each runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.kubernetes import packages
from tools.gate.environment import prefix
from tools.gate.environment import search_path
from tools.gate.model import BUILD
from tools.gate.model import ROOT
from tools.gate.model import Check
from tools.gate.model import Layer
from tools.gate.tree import copy_folder

BIN = Path(sys.executable).parent
NEWEST = ROOT / ".venv-core-2.21"
REPORTS = BUILD / "reports"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
ON_CONTAINERS = "tests/integration/local_cloud/test_nodes_podman.py"
PLAYBOOKS = "tests/integration/operator"
MODULES = "tests/integration/modules"
STAGING = "tests/integration/lifecycle/test_lifecycle_staging.py"
KUBERNETES = ("kubeadm", "kubeadm_ha")
FAULTS_OF_KUBERNETES = "tests/faults/test_kubernetes.py"
NO_KUBERNETES = (
    f"no packages of Kubernetes are here (set {packages.VARIABLE} to a folder that has them, or have them made in a "
    "quarter of an hour, once: .venv/bin/python -m tests.support.kubernetes.packages)"
)
NO_NEWEST = "no Python 3.12 or 3.13 was found, which ansible-core 2.21 needs (set PODFORGE_PYTHON, or install one)"


def tool(name: str, *arguments: str) -> tuple[str, ...]:
    """Command line of a program of the virtual environment."""
    return (str(BIN / name), *arguments)


def scripts() -> list[str]:
    """Shell scripts of the project: by name, or by their first line."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    found = []
    for name in listed:
        path = ROOT / name
        if not name or not path.is_file() or path.is_symlink() or path.suffix == ".j2":
            continue
        with path.open("rb") as file:
            first = file.readline(80)
        shell = first.startswith(b"#!") and (b"bash" in first or first.rstrip().endswith(b"/sh"))
        if shell or path.suffix == ".sh":
            found.append(name)
    return sorted(found)


def pytest(name: str, *arguments: str, python: Path = BIN / "python", timeout: int = 1800) -> Check:
    """A pytest run whose tests are counted."""
    report = REPORTS / f"{name}.xml"
    command = (str(python), "-m", "pytest", "-q", f"--junitxml={report}", "-o", "junit_family=xunit2", *arguments)
    return Check(name, command, env={"PATH": search_path(python.parent)}, junit=str(report), timeout=timeout)


def in_tree(name: str, *command: str, python: Path = BIN / "python") -> tuple[str, ...]:
    """A command in the copy of the tree that belongs to ``name``."""
    return (str(python), "-m", "tools.gate.tree", name, *command)


def lint() -> Layer:
    """Everything that reads files only."""
    checks = (
        Check("ansible-lint", tool("ansible-lint", "--offline", "--profile", "production", "--strict")),
        Check("mypy", (str(BIN / "python"), "-m", "tools.gate.types")),
        Check("ruff-check", tool("ruff", "check", ".")),
        Check("ruff-format", tool("ruff", "format", "--check", ".")),
        Check("yamllint", tool("yamllint", "--strict", ".")),
        # SC1091: files that exist on nodes only can't be followed here
        Check("shellcheck", ("shellcheck", "-x", "--exclude=SC1091", *scripts())),
        Check(
            "antsibull-docs",
            tool(
                "antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=dependent", "."
            ),
            # it copies amazon.aws from .venv; taken for a part of this repository, its files would be "ignored by git"
            env={"GIT_CEILING_DIRECTORIES": str(ROOT)},
        ),
        Check("antsibull-changelog", tool("antsibull-changelog", "lint")),
        Check("reuse", in_tree("galaxy", *tool("reuse", "lint"))),
        Check("galaxy-importer", in_tree("galaxy", str(BIN / "python"), "-m", "tools.gate.artifact")),
        pytest("repository", "tests/repository"),
    )
    return Layer("lint", "style, types, documents, licences, artifact", checks, seconds=90, parallel=2)


def sanity() -> Layer:
    """ansible-test's own checks."""
    command = in_tree("sanity", *tool("ansible-test", "sanity", "--python", PYTHON, "--requirements", "--color", "no"))
    return Layer(
        "sanity",
        "ansible-test sanity, ansible-core 2.19",
        (Check("ansible-test", command, counts="sanity"),),
        seconds=150,
    )


def unit(newest: bool = False) -> Layer:
    """Pure logic: the plugins by ansible-test, all else by pytest."""
    name, venv, core = ("unit-2.21", NEWEST, "2.21") if newest else ("unit", BIN.parent, "2.19")
    title = f"pure logic, ansible-core {core}"
    if newest and not (NEWEST / "bin" / "python").exists():
        return Layer(name, title, (Check("units", not_run=NO_NEWEST),), seconds=1)
    python = venv / "bin" / "python"
    version = python_version(python)
    folder = copy_folder("units", version)
    units = Check(
        "ansible-test",
        in_tree(
            "units",
            *(str(venv / "bin" / "ansible-test"), "units", "--python", version, "--color", "no", "tests/unit/plugins/"),
            python=python,
        ),
        junit=str(folder / "ansible_collections/podforge/hyperpod/tests/output/junit/*.xml"),
    )
    others = pytest(f"{name}-local_cloud", "tests/unit", "--ignore=tests/unit/plugins", python=python)
    return Layer(name, title, (units, others), seconds=60)


def integration(newest: bool = False) -> Layer:
    """Modules, plugins and local_cloud over HTTP, nodes as records."""
    name, venv, core = ("integration-2.21", NEWEST, "2.21") if newest else ("integration", BIN.parent, "2.19")
    title = f"over HTTP, ansible-core {core}"
    if newest and not (NEWEST / "bin" / "python").exists():
        return Layer(name, title, (Check("integration", not_run=NO_NEWEST),), seconds=1)
    # what never imports ansible on the controller can't differ between its versions
    others = ("tests/integration", *(f"--ignore={path}" for path in (ON_CONTAINERS, PLAYBOOKS, MODULES)))
    chosen = ("-m", "not one_core") if newest else ()
    checks = tuple(
        pytest(f"{name}-{part}", *paths, *chosen, python=venv / "bin" / "python")
        for part, paths in (
            ("playbooks", (PLAYBOOKS,)),
            ("modules", (MODULES,)),
            ("others", (STAGING,) if newest else others),
        )
    )
    # each waits half of its time, for a cloud that takes its time
    return Layer(name, title, checks, seconds=400 if newest else 500, parallel=3)


def nodes() -> Layer:
    """The containers that play instances, without the service."""
    check = pytest("nodes", ON_CONTAINERS)
    return Layer("nodes", "containers as HyperPod instances", (check,), seconds=240, containers=True)


def directory() -> Layer:
    """Directories, their endpoints and what uses them, on containers."""
    check = pytest("directory", "tests/directory")
    return Layer("directory", "Active Directory and its LDAPS endpoint", (check,), seconds=180, containers=True)


def molecule() -> Layer:
    """Every role on containers: two runs side by side, as tests wait most of the time; each has its own containers."""
    found = sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml") if path.parent.name != "default")
    groups: dict[str, list[str]] = {"slurm": [], "others": [], "kubernetes": []}
    for name in found:
        about_slurm = name.startswith(("slurm_", "pam_slurm_"))
        groups["kubernetes" if name in KUBERNETES else "slurm" if about_slurm else "others"].append(name)
    if not packages.given():
        del groups["kubernetes"]
    checks = [scenarios(group, names) for group, names in groups.items()]
    checks += [Check(name, not_run=NO_KUBERNETES) for name in KUBERNETES if "kubernetes" not in groups]
    title = "each role: check, converge, idempotence, verify"
    return Layer("molecule", title, tuple(checks), seconds=900, containers=True, parallel=2)


def scenarios(group: str, names: list[str]) -> Check:
    """One run of some scenarios: their containers are made once."""
    arguments = [argument for name in names for argument in ("--scenario-name", name)]
    own = {"PODFORGE_TEST_PREFIX": f"{prefix()}-{group}", "ANSIBLE_HOME": str(BUILD / f"ansible-home-{group}")}
    return Check(f"molecule-{group}", tool("molecule", "test", *arguments), env=own, counts="molecule", timeout=3000)


def e2e() -> Layer:
    """The promise of the README."""
    return Layer("e2e", "a whole cluster", (pytest("e2e", "tests/e2e", timeout=2400),), seconds=420, containers=True)


def faults() -> Layer:
    """What happens when things break."""
    check = pytest("faults", "tests/faults", f"--ignore={FAULTS_OF_KUBERNETES}", timeout=2400)
    kubernetes = Check("faults-kubernetes", not_run=NO_KUBERNETES)
    if packages.given():
        kubernetes = pytest("faults-kubernetes", FAULTS_OF_KUBERNETES)
    return Layer("faults", "killed, throttled, cut off", (check, kubernetes), seconds=500, containers=True)


def python_version(python: Path) -> str:
    """Version of an interpreter, such as 3.12."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True).stdout.strip()


ALL = {
    "lint": lint,
    "sanity": sanity,
    "unit": unit,
    "integration": integration,
    "unit-2.21": lambda: unit(newest=True),
    "integration-2.21": lambda: integration(newest=True),
    "nodes": nodes,
    "directory": directory,
    "molecule": molecule,
    "e2e": e2e,
    "faults": faults,
}


def select(names: list[str]) -> list[Layer]:
    """Layers by name; ``all`` means all of them."""
    wanted = list(ALL) if names == ["all"] else names
    return [ALL[name]() for name in wanted]


def missing_tools() -> list[str]:
    """Programs outside the virtual environment that the layers call and that are not there."""
    return [name for name in ("git", "shellcheck") if shutil.which(name) is None]
