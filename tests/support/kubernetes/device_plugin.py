# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device plugin without devices: ``python device_plugin.py FOLDER RESOURCE COUNT``.

It registers with a real kubelet by its socket in FOLDER (/var/lib/kubelet/device-plugins) and offers COUNT devices that
pods can have. Messages are written by hand; they are of k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

KUBELET = "kubelet.sock"


def text(number: int, value: bytes) -> bytes:
    """A field of a message that is a string or a message (shorter than 128 bytes)."""
    return bytes([number << 3 | 2, len(value)]) + value


def registration(endpoint: str, resource: str) -> bytes:
    """RegisterRequest: version, endpoint, resource_name."""
    return text(1, b"v1beta1") + text(2, endpoint.encode()) + text(3, resource.encode())


def devices(resource: str, count: int) -> bytes:
    """ListAndWatchResponse with healthy devices."""
    plain = resource.replace("/", "-")
    return b"".join(text(1, text(1, f"{plain}-{number}".encode()) + text(2, b"Healthy")) for number in range(count))


def containers(request: bytes) -> bytes:
    """AllocateResponse: for each container of the AllocateRequest, nothing to be set."""
    place = found = 0
    while place < len(request):
        place += 2 + request[place + 1]
        found += 1
    return text(1, b"") * found


def methods(resource: str, count: int) -> grpc.GenericRpcHandler:
    """The service v1beta1.DevicePlugin."""

    def watch(_request: bytes, context: Any) -> Iterator[bytes]:
        yield devices(resource, count)
        while context.is_active():
            time.sleep(1)

    def empty(_request: bytes, _context: Any) -> bytes:
        return b""

    unary = grpc.unary_unary_rpc_method_handler
    return grpc.method_handlers_generic_handler(
        "v1beta1.DevicePlugin",
        {
            "GetDevicePluginOptions": unary(empty),
            "PreStartContainer": unary(empty),
            "ListAndWatch": grpc.unary_stream_rpc_method_handler(watch),
            "Allocate": unary(lambda request, _context: containers(request)),
        },
    )


def main(folder: str, resource: str, count: str) -> None:
    """Offer them until killed."""
    os.chdir(folder)  # the path of a socket may have 107 characters
    endpoint = f"podforge-{resource.replace('/', '-')}.sock"
    Path(endpoint).unlink(missing_ok=True)
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers([methods(resource, int(count))])
    server.add_insecure_port(f"unix:{endpoint}")
    server.start()
    with grpc.insecure_channel(f"unix:{KUBELET}", options=[("grpc.default_authority", "localhost")]) as channel:
        channel.unary_unary("/v1beta1.Registration/Register")(registration(endpoint, resource), timeout=20)
    sys.stdout.write("registered\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
