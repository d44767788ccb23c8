# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports for servers of tests that run side by side."""

from __future__ import annotations

import random
import socket

# below those that Linux gives to outgoing connections (ip(7), ip_local_port_range)
FIRST, LAST = 20000, 30000


def free_port() -> int:
    """A TCP port that nobody listens on; drawn by chance, so that two tests that ask at a time don't get the same."""
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(FIRST, LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
