# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""mypy over the code.

The plugins are checked under the names by which they import each other (ansible_collections.podforge.hyperpod...).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.gate.model import BUILD
from tools.gate.model import ROOT

NAMED = BUILD / "types" / "ansible_collections" / "podforge" / "hyperpod"


def main() -> int:
    """Exit status of mypy."""
    NAMED.mkdir(parents=True, exist_ok=True)
    link = NAMED / "plugins"
    if not link.is_symlink():
        link.symlink_to(ROOT / "plugins")
    mypy = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", *sys.argv[1:]]
    path = {**os.environ, "MYPYPATH": str(BUILD / "types")}
    own = subprocess.run([*mypy, str(link)], cwd=ROOT, env=path, check=False).returncode
    rest = [name for name in ("local_cloud", "tools", "playbooks/files/slurm-jobs") if Path(ROOT, name).is_dir()]
    other = subprocess.run([*mypy, *rest], cwd=ROOT, env=path, check=False).returncode
    return own or other


if __name__ == "__main__":
    sys.exit(main())
