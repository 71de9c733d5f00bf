"""The line between a kernel's job and the server: the job calls, over TLS, and either end knows when the other goes.

The job knows the server by a certificate made for this one call, the server the job by a token; both are in the job's
private letter. What is said is one JSON object in each line of text. A node waits for this module: it loads little.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

# A node that is cut off sends no word of it: after so many seconds of silence it is asked, so often, so many times.
_SILENCE = {socket.TCP_KEEPIDLE: 15, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
# What a kernel is given may hold the path of a folder, and no more.
LONGEST = 1 << 16


@dataclass(frozen=True)
class Call:
    """What the job needs to call the server: where that is, the certificate by which it is known, and the token."""

    host: str
    port: int
    token: str = field(repr=False)  # a traceback or a log line may hold this
    certificate: str = field(repr=False)


class Line:
    """One end of the line: `send` says something, iterating yields what the other end says until it is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        end = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _SILENCE.items():
            end.setsockopt(socket.IPPROTO_TCP, option, value)
        self.address = str(writer.get_extra_info("sockname")[0])

    def send(self, message: dict[str, Any]) -> None:
        """Say something; an end that is gone needs no word."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what is said; what is no word of ours ends the line as its end does."""
        while True:
            try:
                text = await self._reader.readline()
                message = json.loads(text) if text else None
            except (OSError, ValueError):
                return
            if not isinstance(message, dict):
                return
            yield message

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def call(told: Call) -> Line:
    """Call the server; OSError where nobody is there, or somebody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is known by this very certificate, which nobody else has
    context.load_verify_locations(cadata=told.certificate)
    reader, writer = await asyncio.open_connection(told.host, told.port, ssl=context, limit=LONGEST)
    writer.write(told.token.encode() + b"\n")
    return Line(reader, writer)
