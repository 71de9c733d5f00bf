"""A certificate: that somebody has passed a way through a course, signed by the site that saw it. Pure."""

import base64
import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import AwareDatetime

from curricula.course import Frozen
from spawners.run_seal import signed_by


class Certificate(Frozen):
    """What it says: who passed what, where and when, and what that took. It names no points."""

    site: str
    course: str
    track: str
    title: str
    percent: int
    learner: str
    modules: tuple[str, ...]
    at: AwareDatetime


class Signed(Frozen):
    """A certificate, and the site's signature under it (Ed25519, hex)."""

    certificate: Certificate
    signature: str

    @property
    def number(self) -> str:
        """Its number, such as K7QM-3XWD-2ABC-7ZZZ: nobody finds one by guessing, and another text has another one."""
        drawn = base64.b32encode(hashlib.sha256(self.signature.encode()).digest()[:10]).decode()
        return "-".join(drawn[at : at + 4] for at in range(0, 16, 4))


def sign(certificate: Certificate, key: Ed25519PrivateKey) -> Signed:
    """Sign a certificate."""
    return Signed(certificate=certificate, signature=key.sign(_message(certificate)).hex())


def genuine(signed: Signed, public_key: str) -> bool:
    """Whether the owner of `public_key` (hex) signed just this."""
    return signed_by(public_key, signed.signature, _message(signed.certificate))


def _message(certificate: Certificate) -> bytes:
    """The bytes under the signature, which are of nothing else that a key signs."""
    return b"onramp certificate\n" + certificate.model_dump_json().encode()
