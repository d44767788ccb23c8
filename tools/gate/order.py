# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which layer runs next. Pure."""

from __future__ import annotations

from collections.abc import Callable

from tools.gate.model import Layer

# What reads files only answers first.
FIRST = "lint"


def ordered(layers: list[Layer], seconds: Callable[[Layer], float]) -> list[Layer]:
    """The longest first, so that two workers end at about the same time."""
    return sorted(layers, key=lambda layer: (layer.name != FIRST, -seconds(layer)))


def take(waiting: list[Layer], containers: bool) -> Layer | None:
    """Take the next layer of a worker out of those that wait; None: there is none for it.

    Args:
        waiting: layers in their order; the one that is taken is removed.
        containers: this is the worker that takes layers with containers before all else; the other takes them last.
    """
    for kind in (containers, not containers):
        for layer in waiting:
            if layer.containers is kind:
                waiting.remove(layer)
                return layer
    return None


def duration(layers: list[Layer], seconds: Callable[[Layer], float]) -> float:
    """Seconds until both workers are done."""
    waiting = ordered(layers, seconds)
    clocks = {True: 0.0, False: 0.0}
    while waiting:
        worker = min(clocks, key=lambda key: clocks[key])
        layer = take(waiting, worker)
        assert layer is not None
        clocks[worker] += seconds(layer)
    return max(clocks.values())
