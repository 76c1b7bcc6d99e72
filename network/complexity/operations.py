"""Floating point operations of a call: those of convolutions and products of matrices.

A multiply-add is two of them. Norms, activations, softmax, pooling and interpolation count nothing,
as in the figures that papers give.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

import torch
from torch import nn
from torch._ops import HigherOrderOperator
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, bmm_flop, mm_flop

aten = torch.ops.aten
Shape = Sequence[int]


class Operations(NamedTuple):
    """What was counted, and what was not.

    Attributes:
        flops: of the call; None where nothing could be counted.
        uncounted: what may cost more and has no formula, as ``fft_r2c in Net.mixer``.
    """

    flops: int | None
    uncounted: tuple[str, ...] = ()


def count_operations(call: Callable[[], object]) -> Operations:
    """Count what a call does, forward and backward, as its equations say on any device.

    Attention is counted as two products forward and four backward, whichever kernel computes it
    otherwise. What is computed again (``checkpointing``) counts again.

    Args:
        call: that needs gradients of all that it computes, or runs ``without_gradients``.
    """
    mha = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator for a whole transformer layer
    counter = FlopCounterMode(display=False, custom_mapping=dict(_FORMULAS))
    watcher = _Uncounted(counter)
    try:
        with sdpa_kernel(SDPBackend.MATH), watcher, counter:
            call()
    finally:
        torch.backends.mha.set_fastpath_enabled(mha)
    return Operations(counter.get_total_flops(), tuple(watcher.found))


@contextmanager
def without_gradients(net: nn.Module) -> Iterator[None]:
    """No parameter of a network needs a gradient within; what follows modules stumbles over them.

    It hangs hooks on them, which torch refuses where gradients are off.
    """
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        with torch.no_grad():
            yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


class _Uncounted(TorchDispatchMode):
    """Notes operators that ``counter`` hands on and that are neither counted nor known as cheap."""

    supports_higher_order_operators = True

    def __init__(self, counter: FlopCounterMode) -> None:
        super().__init__()
        self.counter = counter
        self.found: dict[str, None] = {}

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if isinstance(func, HigherOrderOperator):
            return func(*args, **(kwargs or {}))
        formulas = self.counter.flop_registry
        if func._overloadpacket not in formulas and _may_cost(func.namespace, func._opname):
            name = func._opname if func.namespace == "aten" else f"{func.namespace}.{func._opname}"
            part = max(self.counter.mod_tracker.parents - {"Global"}, key=len, default="")
            self.found[f"{name.lstrip('_')}{f' in {part}' if part else ''}"] = None
        return func(*args, **(kwargs or {}))


_PRODUCTS = re.compile(
    r"_?(fft_|linalg_(?!vector_norm)|cdist|trilinear|sparse_|weight_int|mkldnn_linear)"
    r"|.*(attention|lstm|gru|rnn|conv(olution|_|\d)|matmul|[a-z]mm\b)"
)


def _may_cost(namespace: str, name: str) -> bool:
    """Whether an operator may hold products: of torch by its name, any other."""
    return namespace not in ("aten", "prim", "prims") or bool(_PRODUCTS.match(name))


def _after_the_first(formula: Callable[..., int]) -> Callable[..., int]:
    """The formula of a product, for one that is added to its first argument."""

    def flops(_: Shape, a: Shape, b: Shape, *__: Any, **___: Any) -> int:
        return formula(a, b)

    return flops


def _dot(a: Shape, *_: Any, **__: Any) -> int:
    return 2 * prod(a)


def _addbmm(_: Shape, a: Shape, b: Shape, *__: Any, **___: Any) -> int:
    return bmm_flop(a, b)


def _convolution_backward(
    gradient: Shape,
    x: Shape,
    weight: Shape,
    *options: Any,
    **_: Any,
) -> int:
    """As many operations as forward for either gradient; torch's own formula knows no groups."""
    transposed, needed = options[4], options[7]
    places = prod((x if transposed else gradient)[2:])
    return 2 * x[0] * places * prod(weight) * sum(needed[:2])


_FORMULAS: Mapping[Any, Callable[..., int]] = {
    aten.convolution_backward: _convolution_backward,
    aten.baddbmm_: _after_the_first(bmm_flop),
    aten.addmm_: _after_the_first(mm_flop),
    aten.addbmm: _addbmm,
    aten.addbmm_: _addbmm,
    aten.mv: _dot,
    aten.addmv: _after_the_first(_dot),
    aten.addmv_: _after_the_first(_dot),
    aten.dot: _dot,
    aten.vdot: _dot,
}
"""What ``FlopCounterMode`` counts otherwise, or leaves out."""
