# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the zips of modules from run to run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: kept_modules
type: aggregate
short_description: Modules are packed once, not in each run
version_added: 0.1.0
description:
  - To send a module, Ansible parses it and all that it imports, and packs that into a zip, once in each run. For
    modules of Amazon Web Services that is half of a second of CPU time each, more than what most of them need to run.
  - Zips are kept in a folder, and a run begins with those that the runs before it have made.
  - They belong to the versions of ansible-core and of all collections, and to each file of a collection that is a
    working tree. When one of these changes, all are made again. An edit of what was installed is not seen; remove the
    folder after it.
  - Where a playbook or its roles have modules of their own, in folders C(library) or C(module_utils), nothing is kept
    and nothing that is kept is used.
author:
  - podforge contributors (@podforge)
requirements:
  - enable it by C(callbacks_enabled = podforge.hyperpod.kept_modules)
options:
  folder:
    description:
      - Where they are kept; only its owner can use it. Left out, nothing is kept.
    type: path
    env:
      - name: PODFORGE_KEPT_MODULES
    ini:
      - section: callback_kept_modules
        key: folder
"""

import typing as t
from pathlib import Path

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import module_loader
from ansible.plugins.loader import module_utils_loader
from ansible.release import __version__
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible_collections.podforge.hyperpod.plugins.module_utils._pull import kept_modules

# where ansible.executor.module_common has the zips of a run (ansible-core 2.17 to 2.21); if it moves, nothing is won
ZIPS_OF_RUN = "ansiballz_cache"


class CallbackModule(CallbackBase):  # type: ignore[misc]  # ansible-core is not type checked here
    """Zips of modules, from the folder at the beginning and into it at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "podforge.hyperpod.kept_modules"
    CALLBACK_NEEDS_ENABLED = True

    _kept: Path | None = None

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        """Offer what is kept to the run."""
        folder = self.get_option("folder")
        if not folder or self._are_others_there():
            return
        searched = [*constants.DEFAULT_MODULE_PATH, *constants.DEFAULT_MODULE_UTILS_PATH]
        paths = kept_modules.sources(map(Path, AnsibleCollectionConfig.collection_paths), map(Path, searched))
        kept = Path(folder, kept_modules.name(__version__, paths))
        try:
            kept_modules.offer(kept, self._zips())
        except OSError as error:
            self._display.vvv(f"podforge.hyperpod.kept_modules: {error}")
            return
        self._kept = kept

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Keep what the run has made."""
        # a role that was included on the way may have brought some
        if self._kept is None or self._are_others_there():
            return
        try:
            kept_modules.keep(self._zips(), self._kept)
        except OSError as error:
            self._display.vvv(f"podforge.hyperpod.kept_modules: {error}")

    @staticmethod
    def _are_others_there() -> bool:
        """Whether modules were found beside a playbook or in a role: their names say nothing of where they are from."""
        return any(loader._extra_dirs for loader in (module_loader, module_utils_loader))

    @staticmethod
    def _zips() -> Path:
        return Path(constants.DEFAULT_LOCAL_TMP, ZIPS_OF_RUN)
