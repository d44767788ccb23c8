# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see who log in, what counts more than the role, and tools that cannot be had."""

from __future__ import annotations

import re
from typing import Any

from support import changed
from support import hostname
from support import playbook
from support import said

GREETING = "HyperPod cluster molecule (us-west-2): login node my-login-group-1, ml.c5.xlarge"
OURS = "molecule login"
SSH = "ssh -tt -i /root/.ssh/id_test -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR ubuntu@127.0.0.1"
HOSTILE = r"ref: refs/heads/$(touch /srv/t/pwned)\033]0;x\007"


def typed(host: Any, shell: str, *lines: str) -> str:
    """What is on the screen of somebody who starts a shell in a terminal and types these lines."""
    text = "\n".join([*lines, "exit", ""])
    # as wide as any prompt: readline would break it where the screen ends
    wide = f"stty columns 250 && exec {shell}"
    screen = host.check_output(f"TERM=xterm timeout 60 script -qc '{wide}' /dev/null <<'TYPED'\n{text}TYPED\n")
    # without what terminals are told about pasting
    return re.sub(r"\r|\x1b\[\?2004[hl]", "", screen)


def converge(**variables: Any) -> Any:
    return playbook("shell_env/converge.yml", "--limit=login", variables=variables)


def test_a_login_is_greeted_once_however_it_comes(login: Any) -> None:
    for way in (SSH, "su - ubuntu"):
        screen = typed(login, way)
        assert screen.count(GREETING) == 1, (way, screen)
        assert f"controller {hostname('controller')} " in screen
        assert "Questions: #help" in screen
    assert login.check_output("su - ubuntu -c true") == ""
    login.check_output("touch /home/ubuntu/.hushlogin")
    assert GREETING not in typed(login, "su - ubuntu")
    login.check_output("rm /home/ubuntu/.hushlogin")


def test_the_greeting_alone_is_the_default(compute: Any) -> None:
    screen = typed(compute, "su - ubuntu", "alias")
    assert "HyperPod cluster molecule (us-west-2): compute node worker-group-1-1" in screen
    assert "molecule compute" not in screen
    assert not compute.file("/etc/tmux.conf").exists


def test_the_prompt_of_the_system_is_replaced_in_every_kind_of_shell(login: Any) -> None:
    for way in ("su - ubuntu", "su ubuntu", "bash", SSH):
        screen = typed(login, way, "false", "echo =$?=")
        assert OURS in screen, (way, screen)
        assert "=1=" in screen, "the prompt keeps the status"


def test_the_prompt_shows_the_branch_and_trusts_no_file(login: Any) -> None:
    login.check_output("rm -rf /srv/t && mkdir -p /srv/t/r/deep /srv/t/evil/.git && git init -q -b topic/one /srv/t/r")
    login.check_output(f"printf '{HOSTILE}\\n' >/srv/t/evil/.git/HEAD")
    login.check_output(
        "cd /srv/t/r && git -c user.email=a@b commit -q --allow-empty -m x && git worktree add -q -b two /srv/t/w"
    )
    screen = typed(login, "su - ubuntu", "cd /srv/t/r/deep", "cd /srv/t/w", "cd /srv/t/evil", "cd /")
    assert "/srv/t/r/deep\x1b[0m (topic/one)$" in screen
    assert "/srv/t/w\x1b[0m (two)$" in screen
    assert "/srv/t/evil\x1b[0m (??touch?/srv/t/pwned???0?x?)$" in screen
    assert "/\x1b[0m$" in screen
    assert not login.file("/srv/t/pwned").exists


def test_what_users_have_set_counts_more(login: Any) -> None:
    rc = "/home/ubuntu/.bashrc"
    login.check_output(f"cp {rc} /root/bashrc")
    login.check_output(
        f"printf '%s\\n' 'PS1=\"mine> \"' 'alias ll=\"echo own-ll\"' 'PROMPT_COMMAND=\"echo own-pc\"' >>{rc}"
    )
    login.check_output("su ubuntu -c 'git config --global pull.ff false'")
    try:
        screen = typed(login, "su - ubuntu", "ll", "git config pull.ff", "echo ed=$EDITOR", "EDITOR=nano bash -lc env")
    finally:
        login.check_output(f"cp /root/bashrc {rc} && rm /home/ubuntu/.gitconfig")
    assert "mine> " in screen
    assert OURS not in screen
    assert "own-ll" in screen.splitlines()
    assert "own-pc" in screen.splitlines()
    assert "false" in screen.splitlines()
    assert "ed=vim" in screen
    assert "EDITOR=nano" in screen.splitlines()
    # most isn't installed: man goes on without it
    assert "MANPAGER" not in screen


def test_settings_reach_the_programs(login: Any) -> None:
    ask = "su ubuntu -c 'git config --system {}'"
    assert login.check_output(ask.format("init.defaultBranch")) == "main"
    assert login.check_output(ask.format("--get alias.lolc")).startswith("log --graph --pretty=format:'%C(yellow)%h")
    # an admin has said so in the same file
    assert login.check_output(ask.format("pull.ff")) == "true"
    assert login.check_output(ask.format("user.name")) == "The Admin"
    mouse = "tmux -L test new-session -d && tmux -L test show-options -gv mouse && tmux -L test kill-server"
    assert login.check_output(f"su ubuntu -c '{mouse}'") == "on"
    typed(login, 'su - ubuntu -c "vim +redir!>/home/ubuntu/vim-says +set\\ shiftwidth? +redir\\ END +qa"')
    assert "shiftwidth=4" in login.file("/home/ubuntu/vim-says").content_string
    assert "completion-ignore-case is set to `on" in typed(login, "su - ubuntu", "bind -V | grep ignore-case")
    assert "ls -alF" in typed(login, "su ubuntu", "alias ll")


def test_tools_that_cannot_be_had_are_named_and_keep_nothing_away(login: Any) -> None:
    assert login.package("podforge-good").is_installed
    assert login.package("tmux").is_installed
    done = converge()
    assert done.returncode == 0, said(done)
    assert changed(done.stdout, "login") == 0
    assert "optional package podforge-absent is missing: no repository has it" in said(done)
    assert "optional package podforge-broken is missing: dpkg: error processing package podforge-broken" in said(done)
    # nothing half done is left that would break the next installation
    assert login.check_output("dpkg --audit") == ""
    assert not login.package("podforge-broken").is_installed


def test_wrong_lines_are_refused_and_nothing_is_written(login: Any) -> None:
    before = login.check_output("sha256sum /etc/tmux.conf /etc/vim/vimrc.local")
    quick: dict[str, Any] = {"shell_env_packages": []}
    done = converge(shell_env_vim=["set shiftwith=2"], shell_env_tmux=["set -g mouse off"], **quick)
    assert done.returncode != 0
    assert "/etc/vim/vimrc.local is refused" in said(done)
    assert "Unknown option: shiftwith=2" in said(done)
    done = converge(shell_env_tmux=["bogus on"], **quick)
    assert "unknown command: bogus" in said(done)
    done = converge(shell_env_aliases={"a;b": "x"}, shell_env_git={"nodot": "x"}, **quick)
    assert "shell_env_aliases: a;b: a name has" in said(done)
    assert "shell_env_git: nodot: write for example" in said(done)
    assert login.check_output("sha256sum /etc/tmux.conf /etc/vim/vimrc.local") == before


def test_what_is_not_wanted_any_more_is_taken_away(login: Any) -> None:
    none: dict[str, Any] = {"shell_env_parts": []}
    done = converge(**none)
    assert done.returncode == 0, said(done)
    login.check_output("sha256sum --check --quiet /root/others.sha256")
    ours = "tmux.conf vim/vimrc.local motd.d/60-podforge profile.d/podforge-motd.sh profile.d/podforge-shell.sh"
    assert not login.run(f"cd /etc && ls {ours}").stdout
    screen = typed(login, "su - ubuntu")
    assert OURS not in screen
    assert GREETING not in screen
    assert changed(converge(**none).stdout, "login") == 0
