"""The seal on a run's accounting: the platform's signature, by a key that no learner has. Needs no jupyterhub."""

import os
import stat
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel

from spawners.scheduler import JobState

# Names the platform's public key (hex) to whatever runs in a server.
PUBLIC_KEY = "ONRAMP_RUN_KEY"


class SealError(RuntimeError):
    """The key cannot be used; the message says why and what to do."""


class Seal(BaseModel, frozen=True, extra="forbid"):
    """When the platform asked accounting by itself, and its signature (Ed25519, hex) under what that said.

    `owner` is the hub user whose run it is, for whoever knows people by that name.
    """

    at: datetime
    owner: str | None = None
    signature: str


class Statement(BaseModel, frozen=True, extra="forbid"):
    """What accounting says of a job, and the seal on it, which is to be verified before anything is believed."""

    accounting: JobState
    seal: Seal


class _Signed(BaseModel, frozen=True, extra="forbid"):
    """What is signed."""

    at: datetime
    owner: str | None
    accounting: JobState


def seal(job: JobState, at: datetime, key: Ed25519PrivateKey, owner: str | None = None) -> Seal:
    """Sign what accounting says of a job."""
    return Seal(at=at, owner=owner, signature=key.sign(_signed(job, at, owner)).hex())


def genuine(job: JobState, by: Seal, public_key: str) -> bool:
    """Whether the owner of `public_key` (hex) signed just this; False for whatever is no key or no signature."""
    return signed_by(public_key, by.signature, _signed(job, by.at, by.owner))


def signed_by(public_key: str, signature: str, message: bytes) -> bool:
    """Whether a signature under a message (`signature` and `public_key` as hex) is of the owner of `public_key`."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(key: Ed25519PrivateKey) -> str:
    """The half of the key that everybody may know, as hex."""
    return key.public_key().public_bytes_raw().hex()


def private_key(path: Path) -> Ed25519PrivateKey:
    """The platform's key, which is made where there is none; SealError where others may read it, or it is none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        key = Ed25519PrivateKey.generate()
        file.write(f"{key.private_bytes_raw().hex()}\n")
    return key


def _read(path: Path) -> Ed25519PrivateKey:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), encoding="ascii") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise SealError(f"{path} has mode {mode:04o}, so others may use it. Run: chmod 600 {path}")
        try:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(file.read()))
        except ValueError as error:
            raise SealError(
                f"{path} holds no key ({error}). Restore it from a backup: what it signed needs it."
            ) from None


def _signed(job: JobState, at: datetime, owner: str | None) -> bytes:
    """The bytes under the signature; without what is not known, so that a later field breaks no seal."""
    return _Signed(at=at, owner=owner, accounting=job).model_dump_json(exclude_none=True).encode()
