# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Examples of property tests: the same code gives the same answer; PODFORGE_EXPLORE=1 takes other ones at each run."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("podforge", derandomize=not os.environ.get("PODFORGE_EXPLORE"), deadline=None)
settings.load_profile("podforge")
