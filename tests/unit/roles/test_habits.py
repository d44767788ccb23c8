# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Habits that all roles keep, and the generator of their READMEs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tools import role_readmes  # noqa: E402 - found by the line above, the tests run from anywhere

ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(params=ROLES, ids=lambda role: role.name)
def role(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_defaults_and_specification_agree(role: Path) -> None:
    defaults = load(role / "defaults" / "main.yml")
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    assert sorted(defaults) == sorted(options)
    for name, option in options.items():
        assert name.startswith(f"{role.name}_")
        assert option["description"]
        if "default" in option:
            assert option["default"] == defaults[name], name
        else:
            # null: nobody has said anything, which is not the same as either value
            assert defaults[name] is None or "{{" in str(defaults[name]), name


def test_private_variables_say_so(role: Path) -> None:
    for path in (role / "vars").glob("*.yml"):
        assert [name for name in load(path) if not name.startswith(f"__{role.name}_")] == []


def test_the_main_list_is_short(role: Path) -> None:
    assert len((role / "tasks" / "main.yml").read_text(encoding="utf-8").splitlines()) <= 30


def test_readmes_are_up_to_date() -> None:
    assert role_readmes.main(["--check"]) == 0


def test_a_readme_that_is_out_of_date_is_found_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "roles" / "demo"
    (place / "meta").mkdir(parents=True)
    (place / "meta" / "argument_specs.yml").write_text(
        "argument_specs: {main: {description: [Says C(x) | y.], options: {demo_a: {type: list, elements: str, "
        "default: [], description: 'See V(true).', choices: [p, q]}, demo_b: {description: B., required: true}}}}"
    )
    assert role_readmes.main(["--check"], tmp_path) == 1
    assert "missing; write what the role is for" in capsys.readouterr().err
    readme = place / "README.md"
    readme.write_text("# demo\n")
    assert role_readmes.main(["--check"], tmp_path) == 1
    assert "out of date" in capsys.readouterr().err
    assert readme.read_text() == "# demo\n"
    assert role_readmes.main([], tmp_path) == 0
    assert role_readmes.main(["--check"], tmp_path) == 0
    text = readme.read_text()
    assert text.startswith("# demo\n\n<!--")
    assert "| `demo_a` | list of str | `[]` | See `true`. One of `p`, `q`. |" in text
    assert "| `demo_b` | str | **required** | B. |" in text
    assert "Says `x` \\| y." in text
