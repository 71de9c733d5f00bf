"""The server's end of a kernel's line: it waits for the one job that knows the token."""

import asyncio
import hmac
import secrets
import ssl
import tempfile
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from spawners.kernel_line import LONGEST, Call, Line

# Seconds a caller has to say its token.
PATIENCE = 10.0


class Listener:
    """Waits at an address of this node for the one caller that knows the token."""

    def __init__(self) -> None:
        self.called: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        self._token = secrets.token_urlsafe(32)
        self._server: asyncio.Server | None = None

    async def open(self, address: str) -> Call:
        """Listen, and return what the caller must be told."""
        certificate, context = _identity()
        self._server = await asyncio.start_server(self._answer, address, 0, ssl=context, limit=LONGEST)
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
