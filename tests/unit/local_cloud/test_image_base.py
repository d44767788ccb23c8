# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror that fails once does not fail the image; a full disk does at once."""

from __future__ import annotations

import pytest

from local_cloud.image_base import PAUSES
from local_cloud.image_base import ImageError
from local_cloud.image_base import persist


class Making:
    """Fails as often as it is told to."""

    def __init__(self, failures: int, text: str = "Could not connect") -> None:
        self.left = failures
        self.text = text
        self.tries = 0

    def __call__(self) -> None:
        self.tries += 1
        if self.left:
            self.left -= 1
            raise ImageError(self.text)


def test_a_moment_without_the_mirror_is_waited_out_and_told() -> None:
    said: list[str] = []
    slept: list[float] = []
    making = Making(len(PAUSES))
    persist(making, said.append, slept.append)
    assert (making.tries, slept) == (3, list(PAUSES))
    assert said[0] == "Could not connect\nTrying again in 5 s"


def test_a_mirror_that_stays_away_is_an_error() -> None:
    making = Making(9)
    with pytest.raises(ImageError, match="Could not connect"):
        persist(making, lambda _: None, lambda _: None)
    assert making.tries == len(PAUSES) + 1


def test_a_full_disk_is_not_tried_again() -> None:
    making = Making(9, "No space left on device")
    with pytest.raises(ImageError, match="No space left"):
        persist(making, lambda _: None, lambda _: None)
    assert making.tries == 1
