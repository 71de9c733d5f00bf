"""Plain forms of what numpy holds, and the values again: for curricula.wire.

An array too large for a message, or of objects within records, has none and stays where it is; so does a sparse matrix.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

Form = tuple[str, object]
MOST = 32_000_000  # bytes of one array; a larger one stays where it is, and its parts can be asked for


def form(numpy: Any, value: Any) -> Form | None:
    """Return name and plain form of a value of numpy; None for any other, and for what has none."""
    if isinstance(value, type):
        known = issubclass(value, numpy.generic) and getattr(numpy, value.__name__, None) is value
        return ("scalar type", value.__name__) if known else None
    if isinstance(value, numpy.dtype):
        described = numpy.lib.format.dtype_to_descr(value)
        return ("dtype", described) if numpy.lib.format.descr_to_dtype(described) == value else None
    if not isinstance(value, numpy.ndarray | numpy.generic):
        return None
    plain = numpy.asarray(value)  # of subclasses too, whatever they override
    if plain.nbytes > MOST:
        return None
    masks = sys.modules.get("numpy.ma")  # numpy loads it when it is first named, which costs a notebook 15 ms
    if masks is not None and isinstance(value, masks.MaskedArray):
        return "masked", [plain, masks.getmaskarray(value), value.fill_value]
    if plain.dtype == object:
        return "objects", [list(plain.shape), plain.ravel().tolist()]
    kinds = {"scalar": numpy.generic, "matrix": numpy.matrix, "recarray": numpy.recarray}
    return next((name for name, kind in kinds.items() if isinstance(value, kind)), "ndarray"), _items(numpy, plain)


def _numpy() -> Any:
    import numpy

    return numpy


def _items(numpy: Any, array: Any) -> object:
    """Return type, shape, order and bytes: what a .npy file holds, without a header that is slow to read."""
    if array.dtype.hasobject:
        raise ValueError("objects have no bytes")
    order = "F" if array.flags.fnc else "C"
    return [numpy.lib.format.dtype_to_descr(array.dtype), list(array.shape), order, array.tobytes(order)]


def _load(told: list[Any]) -> Any:
    described, shape, order, raw = told
    numpy = _numpy()
    dtype = numpy.lib.format.descr_to_dtype(described)
    if dtype.hasobject:  # bytes of a stranger, taken for addresses
        raise ValueError("objects have no bytes")
    return numpy.ndarray(shape, dtype, raw, order=order).copy("K")


def _objects(shape: list[int], values: list[object]) -> Any:
    array = _numpy().empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array.reshape(shape)


def _scalar_type(name: str) -> object:
    found = getattr(_numpy(), name, None)
    if not isinstance(found, type) or not issubclass(found, _numpy().generic):
        raise ValueError(f"there is no type {name[:60]!r}")
    return found


VALUES: Mapping[str, Callable[[Any], object]] = {
    "scalar type": _scalar_type,
    "dtype": lambda told: _numpy().lib.format.descr_to_dtype(told),
    "ndarray": _load,
    "scalar": lambda told: _load(told)[()],
    "matrix": lambda told: _load(told).view(_numpy().matrix),
    "recarray": lambda told: _load(told).view(_numpy().recarray),
    "masked": lambda told: _numpy().ma.MaskedArray(told[0], mask=told[1], fill_value=told[2]),
    "objects": lambda told: _objects(*told),
}
