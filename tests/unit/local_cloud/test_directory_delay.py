# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that is late, and its end."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from local_cloud.directory.programs import delay


@pytest.mark.parametrize("reset", [False, True])
def test_the_end_of_a_connection_is_passed_on_however_it_ends(reset: bool) -> None:
    async def course() -> bytes:
        near, near_far = socket.socketpair() if not reset else _tcp_pair()
        out, out_far = socket.socketpair()
        reader, _writer = await asyncio.open_connection(sock=near_far)
        _reader, writer = await asyncio.open_connection(sock=out)
        near.sendall(b"some")
        passing = asyncio.create_task(delay.pass_on(reader, writer, 0.01))
        await asyncio.sleep(0.1)
        if reset:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        near.close()
        await asyncio.wait_for(passing, 5)
        out_far.settimeout(5)
        got = b""
        while piece := out_far.recv(10):
            got += piece
        return got

    assert asyncio.run(course()) == b"some"


def _tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _address = server.accept()
        return near, far
