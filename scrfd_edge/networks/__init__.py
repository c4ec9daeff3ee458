"""The networks of the paper in PyTorch (extra `torch`)."""

from .head import Maps
from .scrfd import SCRFD

__all__ = ["SCRFD", "Maps"]
