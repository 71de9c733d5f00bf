"""Plain forms of what pandas holds, and the values again: for curricula.wire.

Columns keep their types. What is only half of a calculation, such as a group, has none and stays where it is.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from curricula.wire_numpy import MOST, Form


def form(pandas: Any, value: Any) -> Form | None:
    """Return name and plain form of a value of pandas; None for any other, and for what has none."""
    for name in ("NA", "NaT"):
        if value is getattr(pandas, name):
            return name, None
    known = next((one for one in _PANDAS if isinstance(value, _named(pandas, one))), None)
    return None if known is None else (known, _PANDAS[known](pandas, value))


def _named(pandas: Any, name: str) -> Any:
    api = pandas.api.extensions
    return {"extension dtype": api.ExtensionDtype, "array": api.ExtensionArray}.get(name) or getattr(pandas, name)


# Each before what it is a kind of.
_PANDAS: Mapping[str, Callable[[Any, Any], object]] = {
    "Timestamp": lambda _, value: [
        (value.tz_convert(None) if value.tz else value).isoformat(),
        value.tz and _zone(value.tz),
        value.unit,
    ],
    "Timedelta": lambda _, value: [value.isoformat(), value.unit],
    "Period": lambda _, value: [value.ordinal, value.freqstr],
    "Interval": lambda _, value: [value.left, value.right, value.closed],
    "CategoricalDtype": lambda _, value: [value.categories, value.ordered],
    "extension dtype": lambda pandas, value: _rebuilt(pandas, value),
    "MultiIndex": lambda _, value: [
        [value.get_level_values(level) for level in range(value.nlevels)],
        list(value.names),
    ],
    "RangeIndex": lambda _, value: [value.start, value.stop, value.step, value.name],
    "Index": lambda pandas, value: [_values(pandas, value), value.name, getattr(value, "freqstr", None)],
    "Series": lambda pandas, value: [_values(pandas, value), value.index, value.name],
    "DataFrame": lambda pandas, value: [
        value.columns,
        value.index,
        [_values(pandas, value.iloc[:, place]) for place in range(value.shape[1])],
    ],
    "array": lambda pandas, value: _values(pandas, value),
}


def _zone(zone: object) -> str:
    """Return the name of a time zone, by which pandas finds it. Raises where it does not."""
    sys.modules["pandas"].Timestamp(0, tz=str(zone))
    return str(zone)


def _rebuilt(pandas: Any, dtype: Any) -> str:
    """Return the name of a type of pandas. Raises ValueError where that does not say all of it."""
    if pandas.api.types.pandas_dtype(str(dtype)) != dtype:
        raise ValueError("a type of column that its name does not tell")
    return str(dtype)


def _values(pandas: Any, column: Any) -> list[object]:
    """Return dtype and values of a column: an array where numpy has its type, codes of categories, else a list."""
    numpy = sys.modules["numpy"]
    if isinstance(column.dtype, numpy.dtype):
        plain = numpy.asarray(column)
        if plain.nbytes > MOST:
            raise ValueError("a column that is too large")
        return ["", plain]
    if isinstance(column.dtype, pandas.CategoricalDtype):
        array = pandas.Categorical(column)
        return ["category", [array.codes, array.categories, array.ordered]]
    listed = [None if one is pandas.NA or one is pandas.NaT or one != one else one for one in column]
    return [_rebuilt(pandas, column.dtype), listed]


def _pandas() -> Any:
    import pandas

    return pandas


def _column(told: Any) -> Any:
    kind, values = told
    if kind == "category":
        return _pandas().Categorical.from_codes(values[0], categories=values[1], ordered=values[2])
    return _pandas().array(values, dtype=kind) if kind else values


def _dtype(column: Any) -> object:
    """Return the type to name to pandas, which would make texts of objects; None where it does not guess."""
    return object if getattr(column, "dtype", "") == "O" else None


def _index(told: Any, name: object, freq: str | None) -> Any:
    column = _column(told)
    index = _pandas().Index(column, name=name, dtype=_dtype(column))
    if freq is not None and hasattr(type(index), "inferred_freq"):  # an index of periods has it already
        index.freq = freq
    return index


def _series(told: Any, index: Any, name: object = None) -> Any:
    column = _column(told)
    return _pandas().Series(column, index=index, name=name, dtype=_dtype(column))


def _frame(columns: Any, index: Any, values: Any) -> Any:
    frame = _pandas().DataFrame({place: _series(one, index) for place, one in enumerate(values)}, index=index)
    frame.columns = columns
    return frame


def _timestamp(text: str, zone: str | None, unit: str) -> Any:
    plain = _pandas().Timestamp(text).as_unit(unit)
    return plain if zone is None else plain.tz_localize("UTC").tz_convert(zone)


VALUES: Mapping[str, Callable[[Any], object]] = {
    "NA": lambda _: _pandas().NA,
    "NaT": lambda _: _pandas().NaT,
    "Timestamp": lambda told: _timestamp(*told),
    "Timedelta": lambda told: _pandas().Timedelta(told[0]).as_unit(told[1]),
    "Period": lambda told: _pandas().Period(ordinal=told[0], freq=told[1]),
    "Interval": lambda told: _pandas().Interval(*told),
    "CategoricalDtype": lambda told: _pandas().CategoricalDtype(*told),
    "extension dtype": lambda told: _pandas().api.types.pandas_dtype(told),
    "MultiIndex": lambda told: _pandas().MultiIndex.from_arrays(told[0], names=told[1]),
    "RangeIndex": lambda told: _pandas().RangeIndex(*told[:3], name=told[3]),
    "Index": lambda told: _index(*told),
    "Series": lambda told: _series(*told),
    "DataFrame": lambda told: _frame(*told),
    "array": _column,
}
