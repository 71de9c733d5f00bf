"""Two processes that ask each other for values over one socket.

A question is answered before the next one is asked; while one waits for an answer, the other side may ask back.
Whoever answers decides what may be asked, by the methods of its desk.
"""

import builtins
import contextlib
import socket
import struct
from typing import Any, Protocol

from curricula.stand_in import Remote, RemoteCallable, number_of
from curricula.wire import MOST, WireError, packed, unpacked

_LENGTH = struct.Struct(">I")
_ASK, _ANSWER, _ERROR = 0, 1, 2
# Questions within questions; more are a loop.
_NESTED = 100
_AT_ONCE = 1 << 12  # bytes: most messages come whole, with their length


class PeerGone(Exception):
    """The other process has ended, or no longer keeps to the rules of speaking."""


class Desk(Protocol):
    """Who answers questions."""

    def answer(self, what: str, told: list[Any]) -> object:
        """Answer the question `what`; whatever it raises is told to the asker."""


class TheirError(Exception):
    """An error of the other side whose type is no builtin one; `their` is the name of that type."""


class Peer:
    """One end of the socket; `desk` answers what the other side asks."""

    def __init__(self, sock: socket.socket, desk: Desk) -> None:
        self._sock, self._desk = sock, desk
        self._kept: list[object] = []
        self._asked = self._nested = 0
        self._come = bytearray()
        self.received = 0  # bytes
        self.reading = False  # whether a message is on its way, of which no part may be lost

    def ask(self, what: str, *told: object) -> Any:
        """Ask the other side and return its answer; raises the error that answering it raised, or PeerGone."""
        self._asked += 1
        number = self._asked
        self._send([_ASK, number, what, list(told)])
        while True:
            kind, answered, *rest = self._receive()
            if kind == _ASK:
                self._reply(answered, *rest)
            elif answered != number:
                raise PeerGone("it answered what it was not asked")
            elif kind == _ERROR:
                raise _error(*rest)
            else:
                return rest[0]

    def serve(self) -> None:
        """Answer until the other side is gone."""
        while True:
            kind, number, *rest = self._receive()
            if kind == _ASK:
                self._reply(number, *rest)

    def _reply(self, number: int, what: str, told: list[Any]) -> None:
        self._nested += 1
        try:
            if self._nested > _NESTED:
                raise RecursionError("too many questions within questions")
            answer = packed([_ANSWER, number, self._desk.answer(what, told)], self)
        except PeerGone:
            raise
        except BaseException as error:  # noqa: BLE001 - the other side learns of every error, SystemExit too
            answer = packed([_ERROR, number, *_told(error)], self)
        finally:
            self._nested -= 1
        self._write(answer)

    def _send(self, message: list[object]) -> None:
        self._write(packed(message, self))

    def _write(self, raw: bytes) -> None:
        try:
            self._sock.sendall(_LENGTH.pack(len(raw)) + raw)
        except OSError as error:
            raise PeerGone(f"it cannot be reached: {error}") from None

    def _receive(self) -> list[Any]:
        self.reading = True
        try:
            return self._message()
        finally:
            self.reading = False

    def _message(self) -> list[Any]:
        length = _LENGTH.unpack(self._read(_LENGTH.size))[0]
        if length > MOST:
            raise PeerGone(f"it sent {length / 1e6:.0f} MB at once")
        try:
            message = unpacked(self._read(length), self)
        except WireError as error:
            raise PeerGone(str(error)) from None
        if not isinstance(message, list) or len(message) < 3 or message[0] not in (_ASK, _ANSWER, _ERROR):
            raise PeerGone("it sent what is no message")
        return message

    def _read(self, length: int) -> bytes:
        """Return the next bytes; what else has come with them waits for the next call."""
        while len(self._come) < length:
            try:
                part = self._sock.recv(min(max(length - len(self._come), _AT_ONCE), 1 << 20))
            except OSError as error:
                raise PeerGone(f"it cannot be reached: {error}") from None
            if not part:
                raise PeerGone("it has ended")
            self._come += part
        self.received += length
        read = bytes(self._come[:length])
        del self._come[:length]
        return read

    # Handles, for the wire.

    def keep(self, value: object) -> int:
        """Keep a value of ours for as long as this lasts."""
        self._kept.append(value)
        return len(self._kept) - 1

    def kept(self, number: int) -> object:
        """Return it. Raises WireError."""
        if not isinstance(number, int) or not 0 <= number < len(self._kept):
            raise WireError("nothing is kept under this number")
        return self._kept[number]

    def there(self, number: int, kind: str, is_callable: bool) -> object:
        """Return what stands for a value of theirs."""
        return (RemoteCallable if is_callable is True else Remote)(self, int(number), str(kind))

    def number(self, value: object) -> int | None:
        """Return the number of a value of theirs."""
        return number_of(value) if type(value) in (Remote, RemoteCallable) else None


def _told(error: BaseException) -> list[object]:
    """Return what the other side learns of an error: its type's names and bases, its words and arguments."""
    names = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, BaseException)]
    try:
        words = str(error)[:2000]
    except Exception:  # noqa: BLE001 - a learner's class may say anything, or nothing
        words = ""
    plain = all(type(one) in (int, float, bool, str, type(None)) for one in error.args) and len(words) < 2000
    return [names, words, list(error.args) if plain else [words]]


def _error(names: object = (), words: object = "", made_of: object = ()) -> BaseException:
    """Return an error of ours for one of theirs: of the nearest builtin type, with their name of it."""
    known = names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []
    said = words if isinstance(words, str) else ""
    for name in known:
        base = getattr(builtins, name, None)
        if isinstance(base, type) and issubclass(base, Exception):
            kind = base if name == known[0] else type(known[0][:100], (base,), {})
            for given in (made_of if isinstance(made_of, list) else (), (said,)):
                with contextlib.suppress(TypeError):  # such as UnicodeDecodeError's, which wants to be told more
                    made: BaseException = kind(*given)
                    if str(made) == said:
                        return made
            break
    return TheirError(f"{known[0][:100] if known else 'an error'}: {said}")
