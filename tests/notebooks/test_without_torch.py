"""Matrices without PyTorch."""

import pytest

from notebooks import without_torch
from notebooks.without_torch import Rows


def test_plain_lists_multiply_as_matrices_do() -> None:
    assert Rows([[1, 2], [3, 4]]) @ Rows([[5, 6], [7, 8]]) == Rows([[19, 22], [43, 50]])


def test_lists_and_arrays_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    numpy = pytest.importorskip("numpy")
    array = without_torch.matrix(16)
    monkeypatch.setattr(without_torch, "find_spec", lambda _name: None)
    rows = without_torch.matrix(16)

    assert isinstance(rows, Rows)
    assert numpy.allclose(array @ array, numpy.array(rows @ rows))
