"""Square matrices for an environment without PyTorch: NumPy's where it is installed, else plain lists."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any


class Rows(list[list[float]]):
    """A square matrix as plain Python lists that knows how to multiply itself, slowly."""

    def __matmul__(self, other: "Rows") -> "Rows":
        """The matrix product, by its definition: rows times columns."""
        columns = list(zip(*other, strict=True))
        return Rows([[sum(map(_product, row, column)) for column in columns] for row in self])


def library() -> str:
    """What multiplies the matrices here: `NumPy` or `plain Python`."""
    return "NumPy" if find_spec("numpy") else "plain Python"


def sizes() -> tuple[int, ...]:
    """Matrix sizes that take well under a second each with this library on one CPU core."""
    return (64, 256, 1024) if find_spec("numpy") else (16, 32, 64)


def matrix(size: int) -> Any:  # a NumPy array, or Rows where there is no NumPy
    """A `size` x `size` matrix of numbers between 0 and 1 that can be multiplied with `@`."""
    if find_spec("numpy"):
        return import_module("numpy").linspace(0, 1, size * size, dtype="float32").reshape(size, size)
    return Rows([[(row * size + column) / (size * size - 1) for column in range(size)] for row in range(size)])


def _product(left: float, right: float) -> float:
    return left * right
