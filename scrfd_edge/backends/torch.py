"""PyTorch: the back end for full-size models, and for a checkpoint straight from training."""

from pathlib import Path

import numpy as np
import torch

from ..errors import BackendError
from ..networks.checkpoint import load, metadata_of
from ..networks.flattened import Flattened
from ..networks.folding import folded
from .base import Outputs, Tensor


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

    def run_above(self, tensor: Tensor, score_threshold: float) -> Outputs:
        """As `run`, but rows whose score lies below the threshold are zero: only the others leave the device, in one
        copy. At 640x640 a GPU would else copy a megabyte per picture for a few faces.
        """
        with torch.inference_mode():
            outputs = self._forward(tensor)
            levels = len(self.metadata.strides)
            table = torch.cat([torch.cat(outputs[i::levels], 2) for i in range(levels)], 1)
            flat = table.flatten(0, 1)
            # A hair lower: the decoder, which has the last word, compares in another precision.
            kept = (flat[:, 0] >= score_threshold - 1e-6).nonzero()
            # Row numbers travel as the bits of a float, so that one copy takes them along.
            packed = torch.cat([kept.int().view(torch.float32), flat[kept[:, 0]]], 1).cpu().numpy()
        picture, row = np.divmod(packed[:, 0].copy().view(np.int32), table.shape[1])
        sparse = [np.zeros(output.shape, np.float32) for output in outputs]
        first = 0
        for i in range(levels):
            rows = outputs[i].shape[1]
            here = (row >= first) & (row < first + rows)
            column = 1
            for out in sparse[i::levels]:
                out[picture[here], row[here] - first] = packed[here, column : column + out.shape[2]]
                column += out.shape[2]
            first += rows
        return sparse

    def _forward(self, tensor: Tensor) -> tuple[torch.Tensor, ...]:
        x = torch.from_numpy(tensor).to(self._device, self._dtype, memory_format=torch.channels_last)
        outputs: tuple[torch.Tensor, ...] = self._net(x)
        return outputs


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
