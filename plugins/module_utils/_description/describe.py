# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: find the description among the module's arguments, read it, give the dictionary or the findings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from . import documents
from .documents import Document
from .normalise import description
from .ours import from_ours
from .published import from_published

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Iterable
    from collections.abc import Mapping

    from .._findings import Finding
    from .reading import Overrides

_FORMS = ("description", "description_file", "cluster_config_file")
_VARIABLE_FILES = (".yml", ".yaml", ".json")


def describe(
    params: Mapping[str, Any], overrides: Overrides, shape: Any, regions: Collection[str]
) -> tuple[dict[str, Any], list[Finding]]:
    """The description as the playbooks use it, and the findings; with findings the dictionary is empty.

    Args:
        params: the module's arguments ``description``, ``description_file``, ``cluster_config_file``,
            ``provisioning_parameters_file``, ``description_is_default``, ``variable``, ``search_paths`` and
            ``relative_to``, the folder that names of files start from.
        overrides: what playbook variables say besides.
        shape: the input shape of CreateCluster.
        regions: the regions that botocore knows.
    """
    given = [key for key in _FORMS if params.get(key) is not None]
    if params.get("description_is_default") and len(given) > 1:
        given = [key for key in given if key != "description"]
    findings = _choice(given, params)
    if findings:
        return {}, findings
    folder = Path(params.get("relative_to") or ".")
    if given[0] == "description":
        document = _variable(params["description"], params["variable"], params.get("search_paths") or [], folder)
        reading = from_ours(document, shape, overrides, regions)
        findings.extend(reading.findings)
    elif given[0] == "description_file":
        read, findings = _read(params["description_file"], folder)
        if read is None:
            return {}, findings
        reading = from_ours(read, shape, overrides, regions)
        findings.extend(reading.findings)
    else:
        config, findings = _read(params["cluster_config_file"], folder)
        form_file = params.get("provisioning_parameters_file")
        form, more = _read(form_file, folder) if form_file else (None, [])
        findings.extend(more)
        if config is None or (form_file and form is None):
            return {}, findings
        reading = from_published(config, form, shape, overrides, regions)
        findings.extend(reading.findings)
    return ({} if findings else description(reading, overrides)), findings


def _choice(given: list[str], params: Mapping[str, Any]) -> list[Finding]:
    variables = [f"hyperpod_{key}" for key in given]
    if len(given) > 1:
        what = f"The cluster is described in several ways at once: {', '.join(variables)}"
        return [failure("description", what, where="variables of the play", fix="set one of them")]
    if params.get("provisioning_parameters_file") and given != ["cluster_config_file"]:
        what = "hyperpod_provisioning_parameters_file is given without hyperpod_cluster_config_file"
        fix = "give both files of the pair, or put node types into the description as slurm_config"
        return [failure("description", what, where="variables of the play", fix=fix)]
    if not given:
        fix = "set hyperpod_description, or hyperpod_cluster_config_file and hyperpod_provisioning_parameters_file"
        return [failure("description", "Nothing describes the cluster", where="variables of the play", fix=fix)]
    return []


def _read(name: str, folder: Path) -> tuple[Document | None, list[Finding]]:
    path = folder / name  # an absolute name stays as it is
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        fix = f"correct the path; it was looked for as {path.absolute()}"
        return None, [failure("file", "There is no such file", where=name, fix=fix)]
    except UnicodeDecodeError as error:
        what = f"The file is not UTF-8 text (byte {error.start})"
        return None, [failure("file", what, where=name, fix="save it as UTF-8")]
    except OSError as error:
        return None, [failure("file", f"The file can't be read: {error.strerror}", where=name, fix="correct the path")]
    return documents.parse(name, text)


def _variable(value: Any, variable: str, search_paths: Iterable[str], folder: Path) -> Document:
    """The description as a variable, with the file that sets it where exactly one does."""
    found = [
        Document(_short(path, folder), value, text, (variable,))
        for inventory in search_paths
        for path in variable_files(Path(inventory))
        for text in [_text(path)]
        if documents.defines(text, variable)
    ]
    return found[0] if len(found) == 1 else Document(f"variable {variable}", value)


def variable_files(inventory: Path) -> list[Path]:
    """The files of variables beside an inventory, which is a folder or a file in it."""
    root = inventory if inventory.is_dir() else inventory.parent
    return sorted(
        path
        for name in ("group_vars", "host_vars")
        for path in (root / name).rglob("*")
        if path.suffix in _VARIABLE_FILES and path.is_file()
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # such a file is Ansible's to report
        return ""


def broken_variable_files(inventory: Path) -> list[Finding]:
    """Files of variables beside an inventory that are not valid YAML (JSON is YAML, too)."""
    found = (documents.yaml_syntax(str(path), _text(path)) for path in variable_files(inventory))
    return [finding for finding in found if finding is not None]


def _short(path: Path, folder: Path) -> str:
    relative = os.path.relpath(path, folder)
    return str(path) if relative.startswith("..") else relative
