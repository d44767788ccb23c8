# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection and let Galaxy's own importer judge the artifact. Runs in a copy of the tree (see tree.py)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Exit status of the importer, or 1 if it reports an error although it went on."""
    programs = Path(sys.executable).parent
    with tempfile.TemporaryDirectory(prefix="podforge-artifact-") as folder:
        config = Path(folder, "galaxy-importer.cfg")
        # the gate runs ansible-lint on these files itself, with all rules and without the importer's limit of time
        config.write_text(
            "[galaxy-importer]\nCHECK_REQUIRED_TAGS = True\nRUN_ANSIBLE_LINT = False\nRUN_FLAKE8 = False\n"
        )
        environment = {
            **os.environ,
            "ANSIBLE_HOME": f"{folder}/ansible",
            "GALAXY_IMPORTER_CONFIG": str(config),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        }
        build = [str(programs / "ansible-galaxy"), "collection", "build", "--output-path", folder]
        subprocess.run(build, env=environment, check=True)
        artifact = next(Path(folder).glob("*.tar.gz"))
        done = subprocess.run(
            [sys.executable, "-m", "galaxy_importer.main", str(artifact)],
            cwd=folder,
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    sys.stdout.write(done.stdout)
    refused = [line for line in done.stdout.splitlines() if line.startswith(("ERROR", "CRITICAL"))]
    return done.returncode or int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
