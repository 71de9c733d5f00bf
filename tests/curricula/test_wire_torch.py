"""Tensors arrive as they are, of every type; what has no data stays where it is."""

from typing import Any

import pytest

from tests.curricula.test_wire import sent

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "bfloat16", "float16", "float64", "complex64"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_tensors_of_every_type(dtype: str, shape: tuple[int, ...]) -> None:
    value = torch.ones(shape).to(getattr(torch, dtype))
    made = sent(value)
    assert (made.dtype, made.shape, made.tolist()) == (value.dtype, value.shape, value.tolist())


@pytest.mark.parametrize(
    "value",
    [
        torch.arange(6).reshape(2, 3).T,
        torch.ones(1).expand(3),
        torch.tensor([1 + 2j]).conj(),
        torch.ones(2, requires_grad=True),
        torch.nn.Parameter(torch.ones(2)),
        torch.float32,
        torch.device("cpu"),
        torch.ones(2, 3).shape,
    ],
    ids=str,
)
def test_kinds_of_tensors(value: Any) -> None:
    assert (type(sent(value)), repr(sent(value))) == (type(value), repr(value))


def test_gradients_and_weights_travel_too() -> None:
    weights = torch.nn.Linear(2, 1)
    weights(torch.ones(1, 2)).sum().backward()
    made = sent([weights.weight, weights.state_dict()])
    assert made[0].grad.tolist() == [[1, 1]]
    assert made[1]["bias"].tolist() == weights.bias.tolist()


@pytest.mark.parametrize(
    "value",
    [torch.ones(2, device="meta"), torch.eye(2).to_sparse(), torch.nn.Linear(2, 1), torch.zeros(9_000_000)],
    ids=lambda value: type(value).__name__,
)
def test_what_stays_where_it_is(value: Any) -> None:
    assert sent(value)[0] == "there"
