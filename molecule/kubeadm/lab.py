# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of this scenario: ``lab.py up|down FOLDER NETWORK NODE...``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.kubernetes.lab import molecule_lab
from tests.support.kubernetes.packages import NoPackagesError


def main(action: str, folder: str, network: str, *nodes: str) -> int:
    """Exit status 1, with the reason, when there is nothing to make nodes from."""
    lab = molecule_lab(Path(folder), network, nodes)
    if action == "down":
        lab.down()
        return 0
    try:
        lab.up()
    except NoPackagesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
