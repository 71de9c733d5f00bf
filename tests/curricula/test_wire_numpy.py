"""Arrays arrive as they are, of every type; what has no exact plain form stays where it is."""

import subprocess
import sys
from typing import Any

import msgpack
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis.extra import numpy as arrays

from curricula.wire import WireError, unpacked
from tests.curricula.test_wire import Kept, sent

_ARRAYS = arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0))


def test_nothing_is_loaded_to_carry_an_array() -> None:
    """Each notebook's processes would load it anew."""
    program = (
        "import socket, sys, numpy\nfrom curricula.peer import Peer\nfrom curricula.wire import packed, unpacked\n"
        "peer, before = Peer(socket.socket(), None), set(sys.modules)\n"
        "unpacked(packed([numpy.arange(3), numpy.float32(1), numpy.dtype('i4')], peer), peer)\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run((sys.executable, "-c", program), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@given(_ARRAYS)
def test_arrays_of_every_type(value: Any) -> None:
    made = sent(value)
    assert (made.dtype, made.shape, made.tobytes()) == (value.dtype, value.shape, value.tobytes())


@pytest.mark.parametrize(
    "value",
    [
        np.ma.array([1, 2], mask=[False, True], fill_value=7),
        np.matrix([[1, 2]]),
        np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])[0],
        np.dtype([("a", "i4"), ("b", "f8")]),
        np.float32,
        np.array(None, dtype=object),
    ],
    ids=lambda value: type(value).__name__,
)
def test_kinds_of_arrays(value: Any) -> None:
    assert (type(sent(value)), repr(sent(value))) == (type(value), repr(value))


@pytest.mark.parametrize(
    "value",
    [
        scipy.sparse.csr_matrix(np.eye(2)),
        np.array([(1, "a")], dtype=[("a", "i4"), ("b", "O")]),
        np.array(["a"], dtype=np.dtypes.StringDType()),
        np.zeros(5_000_000),
        np.sin,
        np.random.default_rng(1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_stays_where_it_is(value: Any) -> None:
    assert sent(value)[0] == "there"


def test_an_array_that_has_arrived_is_like_one_that_was_made_here() -> None:
    turned = sent(np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]))
    assert turned.flags.fnc
    assert (turned.flags.owndata, turned.flags.writeable) == (True, True)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (["O", [1], "C", bytes(8)], "objects have no bytes"),
        ([[["a", "O"]], [1], "C", bytes(8)], "objects have no bytes"),
        (["i4,O", [1], "C", bytes(16)], "objects have no bytes"),
        (["f8", [2], "C", bytes(8)], "too small"),
        (["f8", [1 << 62], "C", bytes(8)], "is no value"),
        (["f8", [-2], "C", bytes(8)], "is no value"),
        (["f8", [1], "C", 8], "is no value"),
        (["f8", [1], "C"], "is no value"),
        (b"\x93NUMPY", "is no value"),
    ],
    ids=str,
)
def test_bytes_that_are_no_array_are_refused(form: object, why: str) -> None:
    """Whoever sends them may mean them as addresses."""
    raw = msgpack.packb(msgpack.ExtType(1, msgpack.packb(["ndarray", form])))
    with pytest.raises(WireError, match=why):
        unpacked(raw, Kept())
