"""The line between a kernel's job and the server: the job calls, over TLS, and either end knows when the other goes.

The job knows the server by a certificate made for this one call, the server the job by a token; both are in the job's
private letter. What is said is one JSON object in each line of text.
"""

import asyncio
import hmac
import json
import secrets
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import BaseModel

# Seconds a caller has to say its token.
PATIENCE = 10.0
# A node that is cut off sends no word of it: after so many seconds of silence it is asked, so often, so many times.
_SILENCE = {socket.TCP_KEEPIDLE: 15, socket.TCP_KEEPINTVL: 5, socket.TCP_KEEPCNT: 3}
# What a kernel is given may hold the path of a folder, and no more.
_LONGEST = 1 << 16


class Call(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """What the job needs to call the server: where that is, the certificate by which it is known, and the token."""

    host: str
    port: int
    token: str
    certificate: str

    def __repr__(self) -> str:
        """Never the token: a traceback or a log line may hold this."""
        return f"Call({self.host}:{self.port})"

    __str__ = __repr__


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


class Listener:
    """Waits at an address of this node for the one caller that knows the token."""

    def __init__(self) -> None:
        self.called: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        self._token = secrets.token_urlsafe(32)
        self._server: asyncio.Server | None = None

    async def open(self, address: str) -> Call:
        """Listen, and return what the caller must be told."""
        certificate, context = _identity()
        self._server = await asyncio.start_server(self._answer, address, 0, ssl=context, limit=_LONGEST)
        port = self._server.sockets[0].getsockname()[1]
        return Call(host=address, port=port, token=self._token, certificate=certificate)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the line of who says the token, and hang up on everybody else."""
        try:
            said = await asyncio.wait_for(reader.readline(), PATIENCE)
        except (TimeoutError, OSError, ValueError):
            said = b""
        if self.called.done() or not hmac.compare_digest(said.strip(), self._token.encode()):
            writer.close()
            return
        self.called.set_result(Line(reader, writer))
        self.close()

    def close(self) -> None:
        """Listen no longer; a line that there is stays."""
        if self._server is not None:
            self._server.close()


async def call(told: Call) -> Line:
    """Call the server; OSError where nobody is there, or somebody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # it is known by this very certificate, which nobody else has
    context.load_verify_locations(cadata=told.certificate)
    reader, writer = await asyncio.open_connection(told.host, told.port, ssl=context, limit=_LONGEST)
    writer.write(told.token.encode() + b"\n")
    return Line(reader, writer)


def _identity() -> tuple[str, ssl.SSLContext]:
    """A certificate of its own for one call, and what proves to own it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "onramp-kernel")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:  # 0600, and read at once: Python takes a key from nowhere else
        file.write(key.private_bytes(*form) + certificate)
        file.flush()
        context.load_cert_chain(file.name)
    return certificate.decode(), context
