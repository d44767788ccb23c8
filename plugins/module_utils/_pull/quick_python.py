# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python for the modules of a run: what is on the node is not compiled for each of them. Private to this collection.

Ansible sends each module with the library that it uses, as a zip. Python keeps no compiled code of what it imports from
there: that a module says a word costs a fifth of a second, most of it for compiling C(ansible.module_utils.basic). In
pull mode the same files are on the node anyway, in the release: taken from there they are compiled once.

Started as C(python3 quick_python.py <site-packages> <collections> [program [arguments]]), by the script of
:func:`script`, with the node's own Python. Nothing else of C(site-packages) can be imported by modules, as without it.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import runpy
import shlex
import sys
import typing as t
from pathlib import Path


def script(python: str, library: str, collections: str) -> str:
    """A shell script that stands in for C(python)."""
    words = [python, __file__, library, collections]
    return f'#!/bin/sh\nexec {" ".join(map(shlex.quote, words))} "$@"\n'


def have_package(name: str, folder: Path) -> None:
    """Let a package and all below it come from a folder, whatever a zip has that is looked into later."""
    begin = folder / "__init__.py"
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    if begin.exists():
        spec = importlib.util.spec_from_file_location(name, begin) or spec
    spec.submodule_search_locations = [str(folder)]
    sys.modules[name] = importlib.util.module_from_spec(spec)
    if spec.loader is not None:
        spec.loader.exec_module(sys.modules[name])


def main(argv: t.Sequence[str]) -> None:
    """Run a program, or what comes through standard input, as Python does."""
    library, collections, *program = argv
    have_package("ansible", Path(library, "ansible"))
    have_package("ansible_collections", Path(collections, "ansible_collections"))
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
