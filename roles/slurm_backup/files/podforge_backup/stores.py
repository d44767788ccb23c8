# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where backups are: a folder, or S3."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import BackupError
from .programs import run


class Folder:
    """Backups in a folder, on FSx for example."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def names(self) -> list[str]:
        """What is there."""
        return [path.name for path in self.path.iterdir()] if self.path.is_dir() else []

    def put(self, file: Path, name: str) -> None:
        """All of it, or nothing under this name."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.path / f".{name}.part"
        try:
            with part.open("wb") as target, file.open("rb") as source:
                os.fchmod(target.fileno(), 0o600)
                shutil.copyfileobj(source, target, 1 << 20)
                os.fsync(target.fileno())
            part.rename(self.path / name)
        finally:
            part.unlink(missing_ok=True)

    def get(self, name: str, file: Path) -> None:
        """Fetch one."""
        shutil.copyfile(self.path / name, file)

    def remove(self, name: str) -> None:
        """Remove one."""
        (self.path / name).unlink(missing_ok=True)


class Bucket:
    """Backups in S3, by the AWS CLI and the node's role."""

    def __init__(self, address: str, region: str) -> None:
        self.address = address.rstrip("/")
        self.environment = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region} if region else {}

    def _aws(self, *arguments: str) -> str:
        return run("aws", "s3", *arguments, environment=self.environment)

    def names(self) -> list[str]:
        """What is there."""
        try:
            lines = self._aws("ls", f"{self.address}/").splitlines()
        except BackupError as error:
            # a prefix without objects: status 1 and no words
            if str(error).endswith("failed: 1"):
                return []
            raise
        return [line.split()[-1] for line in lines if line.split()]

    def put(self, file: Path, name: str) -> None:
        """An object is there as a whole, or not at all."""
        self._aws("cp", "--only-show-errors", str(file), f"{self.address}/{name}")

    def get(self, name: str, file: Path) -> None:
        """Fetch one."""
        self._aws("cp", "--only-show-errors", f"{self.address}/{name}", str(file))

    def remove(self, name: str) -> None:
        """Remove one."""
        self._aws("rm", "--only-show-errors", f"{self.address}/{name}")


def store_of(place: str, region: str) -> Folder | Bucket:
    """What is at a path, or at s3://bucket/prefix."""
    return Bucket(place, region) if place.startswith("s3://") else Folder(place)
