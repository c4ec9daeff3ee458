"""The other detectors of the paper's Tables 1 and 4: PyTorch networks that run forward, without weights.

They belong to the benchmarks, not to the SDK: `COMPARED` gives each network beside its row of Table 4.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from .dsfd import DSFD
from .faceboxes import FaceBoxes
from .hambox import HAMBox
from .retinaface import retinaface_m025, retinaface_r50
from .tinaface import TinaFace


@dataclass(frozen=True)
class Compared:
    """A row of Table 4.

    ap: easy, medium, hard, in percent, at VGA. params: millions. macs: billions of multiply-adds at 640x480.
    milliseconds: on an NVIDIA 2080TI.
    """

    make: Callable[[], nn.Module]
    ap: tuple[float, float, float]
    params: float
    macs: float
    milliseconds: float


COMPARED = {
    "DSFD": Compared(DSFD, (94.29, 91.47, 71.39), 120.06, 259.55, 55.6),
    "RetinaFace": Compared(retinaface_r50, (94.92, 91.90, 64.17), 29.50, 37.59, 21.7),
    "HAMBox": Compared(HAMBox, (95.27, 93.76, 76.75), 30.24, 43.28, 25.9),
    "TinaFace": Compared(TinaFace, (95.61, 94.25, 81.43), 37.98, 172.95, 38.9),
    "RetinaFace-M0.25": Compared(retinaface_m025, (87.78, 81.16, 47.32), 0.44, 0.802, 7.9),
    "FaceBoxes": Compared(FaceBoxes, (76.17, 57.17, 24.18), 1.01, 0.275, 2.5),
}
