# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python for the modules of a run: what they import is not compiled for each of them. Private to this collection.

Ansible sends each module with the library that it uses, as a zip. Python keeps no compiled code of what it imports from
there, and compiles it twice, the first time to learn what the file is called (L(zipimport,
https://github.com/python/cpython/blob/3.11/Lib/zipimport.py)): more than half of the time that a small module takes.
Here code is kept in a folder, under its name and the hash of its source.

Started as C(python3 kept_code.py <folder> [program [arguments]]), by the script of :func:`script`, with the node's own
Python, which finds as much as without.
"""

from __future__ import annotations

import _imp
import contextlib
import marshal
import os
import runpy
import shlex
import sys
import types
import typing as t
import zipimport
from importlib.util import source_hash
from pathlib import Path


def script(python: str, folder: str) -> str:
    """A shell script that stands in for C(python) and keeps code in a folder."""
    words = [python, __file__, folder]
    return f'#!/bin/sh\nexec {" ".join(map(shlex.quote, words))} "$@"\n'


def install(folder: str) -> None:
    """Keep the code of what is imported from zips from now on. Who can write to the folder decides what runs."""

    def import_kept_code(path: str) -> KeptCode:
        return KeptCode(path, folder)

    # the last one to say where code is kept is right
    names = ("zipimporter", import_kept_code.__name__)
    sys.path_hooks[:] = [import_kept_code if getattr(x, "__name__", "") in names else x for x in sys.path_hooks]


class KeptCode(zipimport.zipimporter):
    """Imports from a zip; the code of its sources comes from a folder once it is there."""

    def __init__(self, path: str, folder: str) -> None:
        """Open a zip.

        Raises:
            ImportError: it is none.
        """
        super().__init__(path)
        self._folder = folder

    def get_filename(self, fullname: str) -> str:
        """Path of a module; nothing is compiled for it."""
        return self._source(fullname) or super().get_filename(fullname)

    def get_code(self, fullname: str) -> types.CodeType:
        """The code of a module, which is kept when it isn't yet and can be."""
        source = self._source(fullname)
        if source is None:
            return super().get_code(fullname)
        text = self.get_data(source)
        kept = Path(self._folder, f"{fullname}.{source_hash(text).hex()}.{sys.implementation.cache_tag}")
        try:
            code: types.CodeType = marshal.loads(kept.read_bytes())  # noqa: S302 - as Python does with its own
        except (OSError, EOFError, ValueError, TypeError):
            code = compile(text, source, "exec", dont_inherit=True)
            _keep(kept, marshal.dumps(code))
        else:
            # the zip has another name each time
            _imp._fix_co_filename(code, source)  # type: ignore[attr-defined]
        return code

    def _source(self, fullname: str) -> str | None:
        path = self.prefix + fullname.rpartition(".")[2]
        path += f"{os.sep}__init__.py" if self.is_package(fullname) else ".py"
        files: t.Mapping[str, object] = getattr(zipimport, "_zip_directory_cache", {}).get(self.archive, {})
        return f"{self.archive}{os.sep}{path}" if path in files else None


def _keep(path: Path, code: bytes) -> None:
    new = path.with_name(f"{path.name}.{os.getpid()}")
    # a module of another user, or a full disk: it has run all the same
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(code)
        new.replace(path)  # whole, or not there


def main(argv: t.Sequence[str]) -> None:
    """Run a program, or what comes through standard input, as Python does."""
    folder, *program = argv
    install(folder)
    sys.argv = program or [""]
    # no module is to import what lies beside this file
    del sys.path[0]
    if program:
        runpy.run_path(program[0], run_name="__main__")
    else:
        code = compile(sys.stdin.buffer.read(), "<stdin>", "exec")
        exec(code, {"__name__": "__main__"})  # noqa: S102


if __name__ == "__main__":
    main(sys.argv[1:])
