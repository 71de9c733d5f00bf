"""Tables arrive as they are: columns of every type, indexes of every kind."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.pandas import column, data_frames, series

from tests.curricula.test_wire import sent

_DAYS = pd.date_range("2027-03-27", periods=3, freq="D", tz="Europe/Berlin")  # an hour is missing there
_COLUMNS = {
    "int": pd.Series([1, 2], dtype="int8"),
    "nullable": pd.Series([1, None], dtype="Int64"),
    "boolean": pd.Series([True, None], dtype="boolean"),
    "string": pd.Series(["a", None], dtype="string"),
    "str": pd.Series(["a", None]),
    "object": pd.Series(["a", "b"], dtype=object),
    "missing": pd.Series([1, None, np.nan, pd.NA, pd.NaT], dtype=object),
    "date": pd.Series([datetime.date(2027, 1, 1)], dtype=object),
    "category": pd.Series(pd.Categorical(["a", None], categories=["b", "a"], ordered=True)),
    "intervals": pd.cut(pd.Series([1, 2, 3]), 2),
    "interval": pd.Series(pd.IntervalIndex.from_breaks([0, 1, 2], closed="left")),
    "period": pd.Series(pd.period_range("2027-01", periods=2, freq="M")),
    "time": pd.Series(pd.to_datetime(["2027-01-01", None])),
    "zone": pd.Series(_DAYS),
    "duration": pd.Series(pd.to_timedelta(["1D", None])),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1])),
    "lists": pd.Series([[1], {"a": 1}]),
    "named": pd.Series([1.5], name=("a", 1)),
    "empty": pd.Series([], dtype=object),
}
_PAIRS = pd.MultiIndex.from_product([["a"], _DAYS], names=["x", None])
_FRAMES = {
    "pairs": pd.DataFrame({"v": [1, 2, 3]}, index=_PAIRS),
    "pairs above": pd.DataFrame(np.eye(3), columns=_PAIRS),
    "twice": pd.DataFrame([[1, "a"]], columns=["x", "x"]),
    "nothing": pd.DataFrame(),
    "no row": pd.DataFrame({"a": [], "b": pd.Series([], dtype="Int64")}),
    "no column": pd.DataFrame(index=[1, 2]),
    "days": pd.DataFrame({"v": [1, 2, 3]}, index=_DAYS),
    "summed": pd.DataFrame({"k": ["a", "b", "a"], "v": [1, 2, 3]}).groupby("k").agg(["mean", "sum"]),
    "described": pd.DataFrame({"k": ["a", "b"], "v": [1, 2]}).describe(include="all"),
}


@pytest.mark.parametrize("name", _COLUMNS)
def test_columns_of_every_type(name: str) -> None:
    value = _COLUMNS[name]
    pd.testing.assert_series_equal(sent(value), value, check_exact=True)
    pd.testing.assert_extension_array_equal(pd.Series(sent(value.array)).array, pd.Series(value.array).array) if (
        isinstance(value.dtype, pd.api.extensions.ExtensionDtype)
    ) else None
    assert [type(one) for one in sent(value)] == [type(one) for one in value]


@pytest.mark.parametrize("name", _FRAMES)
def test_tables_of_every_kind(name: str) -> None:
    pd.testing.assert_frame_equal(sent(_FRAMES[name]), _FRAMES[name], check_exact=True)


@given(data_frames([column("a", dtype=int), column("b", dtype=float), column("c", elements=st.text(max_size=3))]))
def test_any_table(value: Any) -> None:
    pd.testing.assert_frame_equal(sent(value), value, check_exact=True)


@given(series(dtype="datetime64[ns]"))
def test_any_times(value: Any) -> None:
    pd.testing.assert_series_equal(sent(value), value)


@pytest.mark.parametrize(
    "value",
    [
        pd.RangeIndex(2, 10, 2, name="n"),
        pd.CategoricalIndex(["a", "b"]),
        pd.Index([1, "a", None]),
        pd.Timestamp("2027-01-01 12:00:00.123456789", tz="Europe/Berlin"),
        pd.Timedelta("1D 3h 5ns"),
        pd.Period("2027-01"),
        pd.Interval(1, 2, closed="both"),
        pd.NaT,
        pd.NA,
        pd.CategoricalDtype(["a"], ordered=True),
        pd.Series(["a"]).dtype,
        pd.array([1, None]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_parts_of_tables(value: Any) -> None:
    assert (type(sent(value)), repr(sent(value))) == (type(value), repr(value))


def test_the_freq_of_days_stays() -> None:
    assert sent(_DAYS).freq == _DAYS.freq


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"k": [1], "v": [1]}).groupby("k"),
        pd.offsets.MonthEnd(2),
        pd.DataFrame({"v": np.zeros(5_000_000)}),
        pd.Timestamp("2027-01-01", tz=datetime.timezone(datetime.timedelta(hours=1), "somewhere")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_stays_where_it_is(value: Any) -> None:
    assert sent(value)[0] == "there"
