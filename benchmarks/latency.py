"""Latency at 640x480 of the twelve networks and the compared ones: medians in ms, and ratios to the first network.

    python benchmarks/latency.py [--device cpu|cuda] [--networks NAME...] [--rounds N] [--threads N]

On CUDA: half precision, channels last, batch 1 and 32, eager, with torch.compile and as a CUDA graph; times by CUDA
events. On the CPU: float, eager, batch 1; and the table says that the GPU columns are missing. Batch norm is folded
where it follows a convolution, so all of it but 18 norms of RetinaFace's pre-activated ResNet-50. Weights are random:
they do not change the time. On the CPU networks take turns, so that a busy machine is the same for all of them.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Mapping

import torch
from compared import COMPARED
from torch import Tensor, nn

from scrfd_edge.description import DESCRIPTIONS
from scrfd_edge.networks import SCRFD
from scrfd_edge.networks.folding import folded

NAMES = (*DESCRIPTIONS, *COMPARED)
HEIGHT, WIDTH = 480, 640
CUDA_CASES = [(mode, batch) for mode in ("eager", "compile", "graph") for batch in (1, 32)]

Sample = Callable[[], float]
"""One timed run, in ms."""


def network(name: str) -> nn.Module:
    """By its name in `NAMES`, ready for inference, with random weights."""
    return folded(COMPARED[name].make() if name in COMPARED else SCRFD(DESCRIPTIONS[name]))


def medians(samples: Mapping[str, Sample], rounds: int) -> dict[str, float]:
    """Of `rounds` turns each. A short run repeats within a turn until it has taken a fifth of a second."""
    times: dict[str, list[float]] = {name: [] for name in samples}
    for sample in samples.values():
        sample()
    for _ in range(rounds):
        for name, sample in samples.items():
            spent = 0.0
            while spent < 200:
                times[name].append(sample())
                spent += times[name][-1]
    return {name: statistics.median(values) for name, values in times.items()}


def cpu_latency(names: Iterable[str], rounds: int = 3, threads: int = 1) -> dict[str, float]:
    """Medians in ms, float, batch 1."""
    torch.set_num_threads(threads)
    x = torch.randn(1, 3, HEIGHT, WIDTH).to(memory_format=torch.channels_last)

    def sample(net: nn.Module) -> Sample:
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def run() -> float:
            start = time.perf_counter()
            net(x)
            return (time.perf_counter() - start) * 1e3

        return run

    with torch.inference_mode():
        return medians({name: sample(network(name)) for name in names}, rounds)


def cuda_latency(
    name: str, cases: Iterable[tuple[str, int]] = CUDA_CASES, rounds: int = 5
) -> dict[tuple[str, int], float]:
    """Medians in ms per (mode, batch), half precision; of a batch, not of a picture."""
    net = network(name).cuda().half().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found: dict[tuple[str, int], float] = {}
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=True):
        for mode, batch in cases:
            x = torch.randn(batch, 3, HEIGHT, WIDTH, device="cuda", dtype=torch.half)
            run = _prepared(net, mode, x.to(memory_format=torch.channels_last))
            found[mode, batch] = medians({name: _by_events(run)}, rounds)[name]
            torch.compiler.reset()
    return found


def _prepared(net: nn.Module, mode: str, x: Tensor) -> Callable[[], object]:
    forward: Callable[[Tensor], object] = torch.compile(net) if mode == "compile" else net
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            forward(x)
    torch.cuda.current_stream().wait_stream(side)
    if mode != "graph":
        return lambda: forward(x)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        forward(x)
    return graph.replay


def _by_events(run: Callable[[], object]) -> Sample:
    def sample() -> float:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
        start.record()
        run()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end))

    return sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--networks", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="on the CPU")
    options = parser.parse_args()
    if options.device == "cpu":
        _print_cpu(options.networks, options.rounds, options.threads)
    else:
        _print_cuda(options.networks, options.rounds)


def _print_cpu(names: list[str], rounds: int, threads: int) -> None:
    found = cpu_latency(names, rounds, threads)
    print(
        f"PyTorch {torch.__version__}, {threads} CPU thread(s), float, eager, batch 1. The GPU columns are missing: ",
        end="",
    )
    print("no CUDA device was at hand.\n" if not torch.cuda.is_available() else "run with --device cuda.\n")
    print(f"| network | ms | x {names[0]} |\n|---|---|---|")
    for name, ms in found.items():
        print(f"| {name} | {ms:.1f} | {ms / found[names[0]]:.2f} |")


def _print_cuda(names: list[str], rounds: int) -> None:
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}, half precision, ms per batch.\n")
    print("| network | " + " | ".join(f"{mode}, {batch} | x {names[0]}" for mode, batch in CUDA_CASES) + " |")
    print("|---" * (1 + 2 * len(CUDA_CASES)) + "|")
    first: dict[tuple[str, int], float] = {}
    for name in names:
        found = cuda_latency(name, rounds=rounds)
        first = first or found
        print(f"| {name} | " + " | ".join(f"{found[c]:.2f} | {found[c] / first[c]:.2f}" for c in CUDA_CASES) + " |")


if __name__ == "__main__":
    main()
