# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGTERM ends a run as Ctrl-C does: fixtures take down what they have started.

By default it would end pytest alone, and its playbooks and local clouds would go on.
"""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take the signal."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
