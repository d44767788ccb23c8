# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m local_cloud``."""

from __future__ import annotations

import sys

from local_cloud.cli import main

if __name__ == "__main__":
    sys.exit(main())
