# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m local_cloud.ami [--json]``: make the node image and say how to run it."""

from __future__ import annotations

import argparse
import json
import sys

from local_cloud.ami.build import ensure_image
from local_cloud.errors import LocalCloudError
from local_cloud.providers.podman_runtime import detect


def main() -> int:
    """Exit status 0, or 1 with one message on stderr."""
    parser = argparse.ArgumentParser(prog="python -m local_cloud.ami", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print image and podman arguments as JSON")
    arguments = parser.parse_args()
    try:
        runtime = detect()
        image = ensure_image(lambda line: print(line, file=sys.stderr, flush=True))  # noqa: T201 # progress of a command
    except LocalCloudError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    result = {"image": image, "runtime_args": runtime.global_args, "run_args": runtime.run_args}
    sys.stdout.write((json.dumps(result) if arguments.json else image) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
