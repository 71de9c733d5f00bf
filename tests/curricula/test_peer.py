"""Two processes that ask each other: values come as they are, errors by their name, and lies as nothing."""

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgpack
import pytest

from curricula.candidate import Candidate
from curricula.examiner import Callbacks, Names
from curricula.peer import Peer, PeerGone
from curricula.report import Task
from curricula.stand_in import NoPlainForm

THEIRS = """
import collections
class Dog:
    "It barks."
    sound = "woof"
    def __init__(self, name): self.name = name
    def speak(self, times=1): return [self.sound] * times
    def __eq__(self, other): return True
    __hash__ = None
    def __format__(self, how): return format("Dog " + self.name, how)
def missing(): return {}["a"]
class Odd(ValueError): pass
def squares(n):
    print("squares of", n)
    if n < 0: raise ValueError(f"{n} is negative")
    return [i * i for i in range(n)]
def odd(): raise Odd("how odd")
def apply(f, *values): return [f(value) for value in values]
def lines(n): return (str(i) for i in range(n))
def leaves(): raise SystemExit(3)
sum = lambda values: -1
dog = Dog("Rex")
count = 7
"""


class _Shell:
    """What Candidate needs of a shell to be asked for values."""

    def __init__(self) -> None:
        self.user_ns: dict[str, Any] = {}
        exec(THEIRS, self.user_ns)


@pytest.fixture
def names() -> Iterator[Names]:
    """Names that a test could use, with the learner's in another process."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            Peer(theirs, Candidate(_Shell())).serve()
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        yield Names(Peer(ours, Callbacks()), Task(steps=(), trusted=("helper",), learners=("sum", "squares")))
    os.waitpid(pid, 0)


def run(names: Names, test: str) -> None:
    exec(test, names)


def test_values_and_functions_are_asked_for_by_name(names: Names, capsys: pytest.CaptureFixture[str]) -> None:
    run(names, "assert count == 7 and squares(3) == [0, 1, 4]\nassert [squares(n)[-1] for n in (1, 2)] == [0, 1]")
    assert capsys.readouterr().out.startswith("squares of 3\n")


def test_functions_of_a_test_find_them_too(names: Names) -> None:
    run(names, "def check(n):\n    return squares(n) == [i * i for i in range(n)]\nassert check(4)")


def test_errors_come_by_their_name(names: Names) -> None:
    run(names, "try:\n    squares(-1)\nexcept ValueError as e:\n    said = str(e)\nassert said == '-1 is negative'")
    run(names, "try:\n    odd()\nexcept ValueError as e:\n    kind = type(e).__name__\nassert kind == 'Odd'")
    with pytest.raises(Exception, match="SystemExit"):
        run(names, "leaves()")


def test_objects_stay_and_their_parts_are_asked_for(names: Names) -> None:
    run(names, "assert dog.name == 'Rex' and dog.speak(times=2) == ['woof', 'woof'] and Dog('x').name == 'x'")
    run(names, "dog.name = 'Max'\nassert dog.name == 'Max'")
    run(names, "assert list(lines(3)) == ['0', '1', '2']")


@pytest.mark.parametrize(
    "test",
    [
        *("dog == 1", "dog != dog", "1 == dog", "dog < dog", "[dog] == [1]", "isinstance(1, Dog)", "{dog}"),
        *(
            "dog + 1",
            "1 + dog",
            "abs(dog)",
            "dog @ dog",
            "int(dog)",
            "del dog[0]",
            "issubclass(bool, Dog)",
        ),
        *("with dog: pass", "__import__('copy').copy(dog)", "__import__('copy').deepcopy([dog])"),
    ],
)
def test_a_stand_in_is_neither_compared_nor_calculated_with(names: Names, test: str) -> None:
    """And no test that expects an error takes this for it."""
    with pytest.raises(NoPlainForm, match="has no plain form"):
        run(names, f"try:\n    {test}\nexcept Exception:\n    pass")


def test_a_stand_in_has_the_parts_that_are_there_and_no_others(names: Names) -> None:
    run(
        names,
        "assert [hasattr(dog, name) for name in ('name', '__eq__', '__add__', 'x')] == [True, True, False, False]",
    )
    run(names, "assert squares.__name__ == 'squares' and squares.__doc__ is None and Dog.__doc__ == 'It barks.'")
    run(names, "assert f'{dog:>9}' == '  Dog Rex'")


def test_an_error_is_made_of_what_it_was_made_of(names: Names) -> None:
    run(names, "try:\n    {}['a'] if 0 else missing()\nexcept KeyError as e:\n    said = (str(e), e.args)")
    run(names, "assert said == (\"'a'\", ('a',))")


def test_a_test_may_hand_over_a_function(names: Names) -> None:
    run(names, "assert apply(lambda n: n + 1, 1, 2) == [2, 3]\nassert apply(abs, -1) == [1]")


def test_builtins_are_pythons_unless_an_answer_has_that_name(names: Names) -> None:
    run(names, "assert len([1]) == 1 and sum([1]) == -1")


def test_what_the_course_binds_is_never_asked_for(names: Names) -> None:
    with pytest.raises(NameError):
        run(names, "helper")
    with pytest.raises(NameError):
        run(names, "nobody")


def test_a_copy_is_renewed_and_what_an_answer_rebinds_is_asked_for_again(names: Names) -> None:
    run(names, "count = 8\nassert count == 8")
    names.renew(["count"])
    run(names, "assert count == 7")


@contextmanager
def _talking(talk: Callable[[socket.socket], object]) -> Iterator[Peer]:
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=lambda: (talk(theirs), theirs.close()))
    thread.start()
    with ours:
        yield Peer(ours, Callbacks())
    thread.join()


def _frame(message: object) -> bytes:
    raw: bytes = msgpack.packb(message)
    return struct.pack(">I", len(raw)) + raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xff\xff\xff",
        struct.pack(">I", 4) + b"\xc1\xc1\xc1\xc1",
        _frame("no message"),
        _frame([7, 1, 2]),
        _frame([1, 99, "an answer to another question"]),
        bytes(range(1, 65)),
    ],
)
def test_whoever_breaks_the_rules_of_speaking_is_gone(raw: bytes) -> None:
    with _talking(lambda sock: sock.sendall(raw)) as peer, pytest.raises(PeerGone):
        peer.ask("value", "x")


def test_the_other_side_may_ask_for_a_call_and_for_nothing_else() -> None:
    heard = []

    def talk(sock: socket.socket) -> None:
        sock.recv(1000)
        for what in ("getattr", "call", "value"):
            sock.sendall(_frame([0, 5, what, ["x", "y"]]))
            heard.append(sock.recv(1000))
        sock.sendall(_frame([1, 1, "done"]))

    with _talking(talk) as peer:
        assert peer.ask("run") == "done"
    assert [b"PermissionError" in one for one in heard] == [True, False, True]
    assert b"ValueError" in heard[1]  # there is nothing to call


class _Counted(socket.socket):
    """A socket that knows how often it was read."""

    reads = 0

    def recv(self, *told: int) -> bytes:
        self.reads += 1
        return super().recv(*told)


def test_what_has_come_is_read_at_once_and_what_came_with_it_is_not_lost() -> None:
    first, theirs = socket.socketpair()
    frames = _frame([1, 1, "one"]) + _frame([1, 2, "two"])
    with theirs, _Counted(fileno=first.detach()) as ours:
        theirs.sendall(frames)
        peer = Peer(ours, Callbacks())
        assert (peer.ask("value", "x"), peer.ask("value", "y")) == ("one", "two")
        assert (ours.reads, peer.received) == (1, len(frames))


def test_a_message_may_come_in_many_parts() -> None:
    with _talking(lambda sock: sock.sendall(_frame([1, 1, "a" * 3_000_000]))) as peer:
        assert peer.ask("value", "x") == "a" * 3_000_000
