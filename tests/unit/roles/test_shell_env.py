# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""shell_env: greeting and shells of other systems, values that need quoting, refusals."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


def bash(script: str) -> str:
    """What bash prints, without anything of whoever runs the test."""
    clean = {"PATH": "/usr/bin:/bin", "TERM": "dumb"}
    command = ["bash", "--norc", "--noprofile", "-i", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=clean, start_new_session=True)
    return done.stdout


def test_the_greeting(rendered: dict[str, Any]) -> None:
    lines = [line for line in rendered["shell-ubuntu"]["motd"].splitlines() if line]
    assert lines[0] == "  HyperPod cluster demo (us-west-2): login node group-1, ml.p5.48xlarge"
    assert lines[1] == "  controller ip-10-1-0-1 10.1.0.1"
    assert lines[2].startswith("  login      ip-10-1-1-1 10.1.1.1, ")
    assert lines[2].endswith("ip-10-1-1-8 10.1.1.8 and 3 more")
    # no roles, no controllers, no logins
    assert rendered["shell-eks"]["motd"].split("\n")[1:3] == [
        "  HyperPod cluster demo (us-west-2): node group-1, ml.p5.48xlarge",
        "",
    ]
    assert "controller" not in rendered["shell-eks"]["motd"]


def test_places_of_each_system(rendered: dict[str, Any]) -> None:
    assert rendered["shell-ubuntu"]["vimrc"] == "/etc/vim/vimrc.local"
    assert rendered["shell-al2023"]["vimrc"] == "/etc/vimrc"
    assert ". /etc/profile.d/podforge-shell.sh" in rendered["shell-ubuntu"]["bashrc"]
    assert rendered["shell-eks"]["packages"] == []
    assert "vim-enhanced?" in rendered["shell-al2023"]["packages"]
    assert "ripgrep?" in rendered["shell-ubuntu"]["packages"]
    assert rendered["shell-own"]["packages"] == ["jq?", "duf?", "tree=1.8?"]


@pytest.mark.parametrize("case", ["shell-ubuntu", "shell-al2023", "shell-own"])
def test_shells_can_read_it(rendered: dict[str, Any], case: str) -> None:
    for text, shells in (
        (rendered[case]["shell"], ["bash", "sh"] if case == "shell-own" else ["bash"]),
        (rendered[case]["greeter"], ["bash", "sh"]),
    ):
        for shell in shells:
            subprocess.run([shell, "-n"], input=text, text=True, check=True)


# what home folders of each system come with, once bash has read it
PROMPTS = {
    "ubuntu": r"\[\e]0;\u@\h: \w\a\]${debian_chroot:+($debian_chroot)}\[\033[01;32m\]\u@\h\[\033[00m\]:"
    r"\[\033[01;34m\]\w\[\033[00m\]\$ ",
    "plain": r"${debian_chroot:+($debian_chroot)}\u@\h:\w\$ ",
    "conda": r"(base) ${debian_chroot:+($debian_chroot)}\u@\h:\w\$ ",
    "amazon": r"[\u@\h \W]\$ ",
    "bash": r"\s-\v\$ ",
}


@pytest.mark.parametrize("kind", PROMPTS)
def test_prompts_of_systems_are_replaced(rendered: dict[str, Any], tmp_path: Path, kind: str) -> None:
    file = tmp_path / "shell.sh"
    file.write_text(rendered["shell-al2023"]["shell"])
    said = bash(f". {file}; PS1='{PROMPTS[kind]}'; __podforge_prompt; printf %s \"$PS1\"; echo; echo $podforge_node")
    assert "${podforge_node}" in said
    assert said.endswith("demo compute\n")
    assert said.startswith("(base) ") is (kind == "conda")


@pytest.mark.parametrize("own", [r"$ ", r"\t \u@\h:\w\$ ", r"\u@\h:\w\n\$ ", ""])
def test_prompts_of_users_are_not(rendered: dict[str, Any], tmp_path: Path, own: str) -> None:
    file = tmp_path / "shell.sh"
    file.write_text(rendered["shell-al2023"]["shell"])
    assert bash(f". {file}; PS1='{own}'; __podforge_prompt; printf %s \"$PS1\"") == own


def test_values_are_quoted(rendered: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "shell.sh"
    file.write_text(rendered["shell-own"]["shell"])
    said = bash(f'. {file}; . {file}; printf \'%s\\n\' "$WORDS" "$PAGER"; alias odd')
    words, pager, odd = said.splitlines()
    assert words == "a b; $(id)"
    assert pager == ("less -R" if shutil.which("less", path="/usr/bin:/bin") else "")
    assert "$(id)" in odd
    # what is set already stays
    assert bash(f"PAGER=mine; . {file}; echo $PAGER") == "mine\n"


def test_git_reads_what_is_written_for_it(rendered: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(rendered["shell-own"]["git"])
    done = subprocess.run(["git", "config", "--file", str(file), "--list"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        'alias.say=!echo "a\\b" # c',
        "core.quotepath=false",
        "url.https://git.example/.insteadof=git@git.example:",
    ]


def test_all_problems_are_named_at_once(rendered: dict[str, Any]) -> None:
    assert rendered["shell-ubuntu"]["problems"] == []
    found = rendered["shell-all-wrong"]["problems"]
    expected = [
        "shell_env_aliases: a;b: a name",
        "shell_env_environment: 1A: a name",
        "shell_env_git: nodot: write",
        "these hold a line break, each must be one line: set -g mouse on run reboot",
    ]
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)
