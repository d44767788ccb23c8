# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before Samba's port 389: refuses what Active Directory refuses and Samba takes, passes on all else.

Active Directory lets nobody set unicodePwd over a connection that is not encrypted (MS-ADTS 3.1.1.3.1.5.1). Behind a
balancer that ends TLS every connection is one. Encrypted ones (StartTLS, SASL with sealing) are not looked into.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
PORT = 1389
SAMBA = ("127.0.0.1", 389)
RULES = f"""
add table ip directory
add chain ip directory incoming {{ type nat hook prerouting priority dstnat; }}
flush chain ip directory incoming
add rule ip directory incoming iifname "eth0" tcp dport 389 redirect to :{PORT}
"""
CHUNK = 1 << 16
SEQUENCE = 0x30
# Tags of requests and of their answers (RFC 4511, 4.1.1).
ANSWERS = {0x66: 0x67, 0x68: 0x69}
EXTENDED = 0x77
START_TLS = b"1.3.6.1.4.1.1466.20037"
PASSWORD = b"\x04\x0aunicodepwd"
UNWILLING = 53
REASON = b"0000001F: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0\n\x00"


def measure(data: bytes, start: int) -> tuple[int, int] | None:
    """Where a BER value begins and ends (X.690, 8.1.3); None when its length is not all there."""
    if len(data) < start + 2:
        return None
    first = data[start + 1]
    if first < 0x80:
        return start + 2, start + 2 + first
    size = first & 0x7F
    begin = start + 2 + size
    if len(data) < begin:
        return None
    return begin, begin + int.from_bytes(data[start + 2 : begin], "big")


def encode(tag: int, content: bytes) -> bytes:
    """A BER value."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def judge(message: bytes) -> tuple[bytes | None, bool]:
    """What to do with one LDAP message: (answer that refuses it or None, whether all that follows is encrypted)."""
    outer = measure(message, 0)
    number = measure(message, outer[0]) if outer else None
    if outer is None or number is None or number[1] >= len(message):
        return None, False
    begin, operation = outer[0], number[1]
    tag = message[operation]
    if tag == EXTENDED:
        return None, START_TLS in message
    if tag in ANSWERS and PASSWORD in message.lower():
        result = encode(0x0A, bytes([UNWILLING])) + encode(0x04, b"") + encode(0x04, REASON)
        return encode(SEQUENCE, message[begin:operation] + encode(ANSWERS[tag], result)), False
    return None, False


async def upward(reader: Reader, samba: Writer, client: Writer) -> None:
    """From the client to Samba, message by message for as long as they can be read."""
    waiting = b""
    readable = True
    while data := await reader.read(CHUNK):
        waiting += data
        while readable and waiting:
            if waiting[0] != SEQUENCE:
                readable = False
                break
            extent = measure(waiting, 0)
            if extent is None or extent[1] > len(waiting):
                break
            message, waiting = waiting[: extent[1]], waiting[extent[1] :]
            refusal, encrypted = judge(message)
            (samba if refusal is None else client).write(message if refusal is None else refusal)
            readable = not encrypted
        if not readable:
            samba.write(waiting)
            waiting = b""
        await samba.drain()
    samba.write_eof()


async def downward(samba: Reader, client: Writer) -> None:
    """From Samba to the client."""
    while data := await samba.read(CHUNK):
        client.write(data)
        await client.drain()
    client.close()


async def handle(reader: Reader, writer: Writer) -> None:
    """One connection."""
    with contextlib.suppress(OSError):
        samba_reader, samba_writer = await asyncio.open_connection(*SAMBA)
        with contextlib.suppress(OSError):
            await asyncio.gather(upward(reader, samba_writer, writer), downward(samba_reader, writer))
        samba_writer.close()
    writer.close()


async def main() -> None:
    """Serve until killed, from the moment that Samba does."""
    while True:
        with contextlib.suppress(OSError):
            _reader, writer = await asyncio.open_connection(*SAMBA)
            writer.close()
            break
        await asyncio.sleep(0.1)
    server = await asyncio.start_server(handle, "0.0.0.0", PORT, backlog=1024)  # noqa: S104 # in a network of its own
    subprocess.run(["nft", "--file", "-"], input=RULES.encode(), check=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
