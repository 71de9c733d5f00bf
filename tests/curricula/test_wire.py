"""Values between processes: what arrives is what was sent, and plain."""

import collections
import contextlib
import datetime
import decimal
import fractions
import pathlib
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curricula.wire import WireError, packed, unpacked


class Kept:
    """The values of one side."""

    def __init__(self) -> None:
        self.values: list[object] = []

    def keep(self, value: object) -> int:
        self.values.append(value)
        return len(self.values) - 1

    def kept(self, number: int) -> object:
        return self.values[number]

    def there(self, number: int, kind: str, is_callable: bool) -> object:
        return ("there", number, kind, is_callable)

    def number(self, value: object) -> int | None:
        return None


def sent(value: object) -> Any:
    return unpacked(packed(value, Kept()), Kept())


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters()),
    st.binary(),
    st.complex_numbers(allow_nan=False),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.datetimes(),
    st.dates(),
    st.timedeltas(),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(_VALUES)
def test_values_arrive_as_they_are(value: object) -> None:
    assert sent(value) == value
    assert type(sent(value)) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        range(3),
        slice(1, None),
        {1},
        frozenset([(1,)]),
        collections.Counter("aab"),
        collections.OrderedDict(b=1, a=2),
        collections.deque([1, 2], 5),
        collections.defaultdict(None, {1: 2}),
        decimal.Decimal("1.10"),
        fractions.Fraction(1, 3),
        datetime.datetime(2027, 1, 1, tzinfo=datetime.UTC),
        pathlib.Path("a/b"),
        ...,
        NotImplemented,
        int,
        ValueError,
        2**80,
        -(2**80),
        np.dtype("f4"),
        "\ud800",
    ],
    ids=repr,
)
def test_more_types(value: object) -> None:
    assert (sent(value), type(sent(value))) == (value, type(value))


@pytest.mark.parametrize(
    "value",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.ones((2, 3))),
        np.array(["2027-01-01"], dtype="M8[D]"),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array([1, "a", None, [1, 2]], dtype=object),
        np.float32(2.5),
        np.bool_(True),
        np.zeros(0),
    ],
    ids=lambda value: str(value.dtype),
)
def test_arrays(value: Any) -> None:
    assert (sent(value).dtype, sent(value).shape, type(sent(value))) == (value.dtype, value.shape, type(value))
    assert np.array_equal(sent(value), value)


class _Always(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class _List(list[int]):
    def __iter__(self) -> Any:
        return iter([9])

    def __len__(self) -> int:
        return 99


class _Array(np.ndarray[Any, Any]):
    def __eq__(self, other: object) -> Any:
        return np.True_


class _Text(str):
    __class__ = int  # type: ignore[assignment]

    def __str__(self) -> str:
        return "other"


@pytest.mark.parametrize(
    ("value", "plain"),
    [(_Always(3), 3), (_List([1, 2]), [1, 2]), (_Text("a"), "a"), (collections.namedtuple("P", "x")(1), (1,))],
)
def test_a_subclass_arrives_as_its_plain_base_whatever_it_says(value: object, plain: object) -> None:
    assert (type(sent(value)), repr(sent(value))) == (type(plain), repr(plain))


def test_a_subclass_of_an_array_too() -> None:
    assert type(sent(np.arange(2).view(_Array))) is np.ndarray


def test_what_has_no_plain_form_stays_and_travels_as_a_handle() -> None:
    kept = Kept()
    function = test_arrays

    assert unpacked(packed([function], kept), Kept()) == [("there", 0, "function", True)]
    assert kept.values == [function]


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(WireError, match="cannot be sent"):
        packed(value, Kept())


def test_a_value_that_is_too_large_is_refused() -> None:
    with pytest.raises(WireError, match="70 MB, more than the 64 MB"):
        packed(bytes(70_000_000), Kept())


def _nested(depth: int) -> bytes:
    raw: bytes = msgpack.packb(1)
    for _ in range(depth):
        inner = msgpack.packb("tuple") + b"\x91" + raw
        raw = msgpack.packb(msgpack.ExtType(1, b"\x92" + inner))
    return raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        msgpack.packb(msgpack.ExtType(9, b"x")),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(["eval", "1"]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(["builtin", "eval"]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(["builtin", ["x"]]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(["ndarray", b"no array"]))),
        msgpack.packb(msgpack.ExtType(1, msgpack.packb(["set", [[1]]]))),
        msgpack.packb(msgpack.ExtType(2, msgpack.packb([1]))),
        msgpack.packb(msgpack.ExtType(3, msgpack.packb(99))),
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 5000 + b"\x01",
        _nested(100),
    ],
)
def test_what_is_no_value_is_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        unpacked(raw, Kept())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_refused(raw: bytes) -> None:
    with contextlib.suppress(WireError):
        unpacked(raw, Kept())
