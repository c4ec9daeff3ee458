"""The networks of the paper in PyTorch (extra `torch`). `networks.cost` needs no torch, so the rest loads when used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .head import Maps
    from .scrfd import SCRFD

__all__ = ["SCRFD", "Maps"]


def __getattr__(name: str) -> Any:
    if name == "SCRFD":
        from .scrfd import SCRFD

        return SCRFD
    if name == "Maps":
        from .head import Maps

        return Maps
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
