"""Plain forms of what torch holds, and the values again: for curricula.wire.

Tensors keep type, shape and gradient, not what they were calculated from. Without data, quantized or sparse ones have
none and stay where they are.
"""

from collections.abc import Callable, Mapping
from typing import Any

from curricula.wire_numpy import MOST, Form


def form(torch: Any, value: Any) -> Form | None:
    """Return name and plain form of a value of torch; None for any other, and for what has none."""
    if isinstance(value, torch.dtype | torch.device):
        return f"torch {type(value).__name__}", str(value)
    if isinstance(value, torch.Size):
        return "torch Size", list(value)
    is_plain = isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_quantized
    if not is_plain or value.device.type == "meta" or value.nbytes > MOST:
        return None
    plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    raw = plain.reshape(-1).view(torch.uint8).numpy()  # numpy does not have all types of torch
    gradient = value.grad if value.is_leaf else None
    about = [str(value.dtype), list(value.shape), value.requires_grad, isinstance(value, torch.nn.Parameter)]
    return "Tensor", [raw, *about, gradient]


def _torch() -> Any:
    import torch

    return torch


def _torch_dtype(name: str) -> Any:
    found = getattr(_torch(), name.removeprefix("torch."), None)
    if not isinstance(found, _torch().dtype):
        raise ValueError(f"there is no type {name[:60]!r}")
    return found


def _tensor(raw: Any, dtype: str, shape: list[int], learns: bool, parameter: bool, gradient: Any) -> Any:
    kind = _torch_dtype(dtype)
    plain = _torch().from_numpy(raw).view(kind).reshape(shape) if raw.size else _torch().empty(shape, dtype=kind)
    made = _torch().nn.Parameter(plain, requires_grad=learns) if parameter else plain.requires_grad_(learns)
    made.grad = gradient
    return made


VALUES: Mapping[str, Callable[[Any], object]] = {
    "torch dtype": _torch_dtype,
    "torch device": lambda told: _torch().device(told),
    "torch Size": lambda told: _torch().Size(told),
    "Tensor": lambda told: _tensor(*told),
}
