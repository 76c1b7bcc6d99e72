"""Networks: image in, logits and what else they have out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from network.models.bicor import BiCoR, BiCoROutput
    from network.models.d2ls import D2LS
    from network.models.model_folder import load
    from network.models.output import SegmentationOutput
    from network.models.smp_net import SmpNet
    from network.models.unetformer import UNetFormer

__all__ = ["D2LS", "BiCoR", "BiCoROutput", "SegmentationOutput", "SmpNet", "UNetFormer", "load"]

_MODULES = {
    **{"BiCoR": "bicor", "BiCoROutput": "bicor", "D2LS": "d2ls"},
    **{"SegmentationOutput": "output", "SmpNet": "smp_net", "UNetFormer": "unetformer"},
    "load": "model_folder",
}


def __getattr__(name: str) -> Any:
    """A network, imported when it is asked for: ``geometry`` is of use without torch, too."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
