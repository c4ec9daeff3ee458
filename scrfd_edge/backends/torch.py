"""PyTorch: the back end for full-size models, and for a checkpoint straight from training."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from ..errors import BackendError
from ..networks.checkpoint import load, metadata_of
from ..networks.flattened import Flattened
from ..networks.folding import folded
from .base import Decoded, Outputs, Tensor


class TorchBackend:
    """A checkpoint of ours (safetensors), channels last, in half precision on CUDA."""

    engine = "torch"
    version: str = torch.__version__
    shape = None
    dynamic_batch = True

    def __init__(
        self, path: str | Path, *, threads: int | None = None, device: str = "auto", precision: str = "auto"
    ) -> None:
        """device: "cpu", "cuda" or "cuda:N"; "auto" takes the first GPU where there is one. precision: "fp32", "fp16"
        (CUDA only); "auto" is fp16 on CUDA. threads: PyTorch has one number for the whole process, and this sets it.

        Raises ModelError for a file that is no checkpoint of ours, BackendError where the device is absent.
        """
        self._device = _device(device)
        cuda = self._device.type == "cuda"
        self.device = str(self._device)
        self.precision = ("fp16" if cuda else "fp32") if precision == "auto" else precision
        if self.precision not in (("fp32", "fp16") if cuda else ("fp32",)):
            offers = "fp32 and fp16" if cuda else "fp32"
            raise BackendError(f"The back end 'torch' computes in {offers} on {self.device}, not in {precision!r}.")
        net, header = load(path)
        self.metadata = metadata_of(net.description, header["score_threshold"])
        self._dtype = torch.float16 if self.precision == "fp16" else torch.float32
        self._net = Flattened(folded(net)).to(self._device, self._dtype)
        self._net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if threads is not None:
            torch.set_num_threads(threads)

    @property
    def threads(self) -> int | None:
        return torch.get_num_threads() if self._device.type == "cpu" else None

    def run(self, tensor: Tensor) -> Outputs:
        with torch.inference_mode():
            return [rows.cpu().numpy() for rows in self._forward(tensor)]

    def run_decoded(self, tensor: Tensor, score_threshold: float) -> Decoded:
        """All that leaves the device is one table of the rows that reach the threshold."""
        m = self.metadata
        levels = len(m.strides)
        with torch.inference_mode():
            outputs = self._forward(tensor)
            scores, boxes, *points = (torch.cat(outputs[i : i + levels], 1) for i in range(0, len(outputs), levels))
            picture, row = (scores[:, :, 0] >= score_threshold).nonzero(as_tuple=True)
            centres, strides = _anchors(tensor.shape[2:], m.strides, m.anchors, self._device)
            centre, stride = centres[row], strides[row]
            sides = boxes[picture, row] * stride
            table = [picture[:, None], scores[picture, row], centre - sides[:, :2], centre + sides[:, 2:]]
            table += [centre.repeat(1, 5) + p[picture, row] * stride for p in points]
            found = torch.cat(table, 1).cpu().numpy()
        landmarks = found[:, 6:].reshape(-1, 5, 2) if points else None
        return Decoded(found[:, 0].astype(np.int64), found[:, 1], found[:, 2:6], landmarks)

    def _forward(self, tensor: Tensor) -> tuple[torch.Tensor, ...]:
        x = torch.from_numpy(tensor).to(self._device, self._dtype, memory_format=torch.channels_last)
        outputs: tuple[torch.Tensor, ...] = self._net(x)
        return outputs


@lru_cache(maxsize=8)
def _anchors(
    size: tuple[int, int], strides: Sequence[int], anchors: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, 2) x, y of each row's centre, (rows, 1) its stride, for a tensor of `size` (height, width); float32."""
    centres, steps = [], []
    for stride in strides:
        y, x = (torch.arange(0, side, stride, dtype=torch.float32, device=device) for side in size)
        grid = torch.cartesian_prod(y, x).flip(1).repeat_interleave(anchors, 0)
        centres.append(grid)
        steps.append(grid.new_full((len(grid), 1), stride))
    return torch.cat(centres), torch.cat(steps)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if name == "cpu":
        return torch.device("cpu")
    kind, _, index = name.partition(":")
    if kind != "cuda" or not (index or "0").isdigit():
        raise BackendError(f"The back end 'torch' runs on 'cpu', 'cuda' or 'cuda:N', not on {name!r}.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(index or 0) >= count:
        raise BackendError(
            f"{name!r} was asked for, but this PyTorch ({torch.__version__}) sees {count} CUDA devices. Use "
            "device='cpu', or install a driver and a PyTorch with CUDA: https://pytorch.org/get-started"
        )
    return torch.device("cuda", int(index or 0))
