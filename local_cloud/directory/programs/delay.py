# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slow line: ``delay SECONDS PORT=ADDRESS:PORT ...`` passes everything on, this much later, each way."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable
from collections.abc import Callable

CHUNK = 1 << 16
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Copy until the end; every piece waits by itself, so that a stream is late and not thin."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def write() -> None:
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    task = asyncio.create_task(write())
    try:
        while True:
            data = await reader.read(CHUNK)
            await pieces.put((loop.time() + seconds, data))
            if not data:
                break
    except OSError:
        # a reset is an end, too
        await pieces.put((loop.time() + seconds, b""))
    with contextlib.suppress(OSError):
        await task


async def main(seconds: float, lines: list[str]) -> None:
    """Serve until killed."""

    def handler(host: str, port: int) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(host, port)
                await asyncio.gather(
                    pass_on(reader, far_writer, seconds),
                    pass_on(far_reader, writer, seconds),
                )
                far_writer.close()
            writer.close()

        return handle

    servers = []
    for line in lines:
        own, _separator, target = line.partition("=")
        host, _separator, port = target.rpartition(":")
        servers.append(await asyncio.start_server(handler(host, int(port)), "127.0.0.1", int(own)))
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), sys.argv[2:]))
