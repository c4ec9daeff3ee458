"""Table 4 of the paper, printed anew: our counts and times beside the printed ones, for every row and every model.

    python benchmarks/table4.py [--rounds N] [--threads N]

Parameters in millions and multiply-adds in billions at 640x480, by the paper's counting rule. Latency: PyTorch on this
CPU, medians, networks taking turns, and on a GPU where there is one; the paper's column is an NVIDIA 2080TI. Ratios to
SCRFD-0.5GF are what can be compared. AP: from the cards of the models that we ship; empty where nothing was measured.
"""

import argparse
from dataclasses import dataclass

import torch
from compared import COMPARED
from counter import count
from latency import cpu_latency, cuda_latency

from scrfd_edge.catalog import CATALOG
from scrfd_edge.cost import Count, cost
from scrfd_edge.description import DESCRIPTIONS


@dataclass(frozen=True)
class Row:
    """What is printed. name: in the paper's words. ap: easy, medium, hard, %. milliseconds: on an NVIDIA 2080TI."""

    name: str
    ap: tuple[float, float, float]
    params: float
    macs: float
    milliseconds: float


# The models that Table 4 leaves out (1G and those with landmarks) are of the authors' release, marked with a star.
PRINTED = {
    **{name: Row(name, c.ap, c.params, c.macs, c.milliseconds) for name, c in COMPARED.items()},
    "resnet_34g": Row("ResNet-34GF", (95.64, 94.22, 84.02), 24.81, 34.16, 11.8),
    "scrfd_34g": Row("SCRFD-34GF", (96.06, 94.92, 85.29), 9.80, 34.13, 11.7),
    "resnet_10g": Row("ResNet-10GF", (94.69, 92.90, 80.42), 6.85, 10.18, 6.3),
    "scrfd_10g": Row("SCRFD-10GF", (95.16, 93.87, 83.05), 3.86, 9.98, 4.9),
    "scrfd_10g_kps": Row("SCRFD-10GF-KPS *", (95.40, 94.01, 82.80), 4.23, 10, 5.0),
    "resnet_2.5g": Row("ResNet-2.5GF", (93.21, 91.11, 74.47), 1.62, 2.57, 5.4),
    "scrfd_2.5g": Row("SCRFD-2.5GF", (93.78, 92.16, 77.87), 0.67, 2.53, 4.2),
    "scrfd_2.5g_kps": Row("SCRFD-2.5GF-KPS *", (93.80, 92.02, 77.13), 0.82, 2.5, 4.3),
    "scrfd_1g": Row("SCRFD-1GF *", (92.38, 90.57, 74.80), 0.64, 1, 4.1),
    "mobilenet_0.5g": Row("MobileNet-0.5GF", (90.38, 87.05, 66.68), 0.37, 0.507, 3.7),
    "scrfd_500m": Row("SCRFD-0.5GF", (90.57, 88.12, 68.51), 0.57, 0.508, 3.6),
    "scrfd_500m_kps": Row("SCRFD-0.5GF-KPS *", (90.97, 88.44, 69.49), 0.57, 0.5, 3.6),
}


def counted(name: str) -> Count:
    if name in DESCRIPTIONS:
        return cost(DESCRIPTIONS[name]).total
    return sum(count(COMPARED[name].make(), (480, 640)).values(), Count())


def measured_ap(name: str) -> str:
    """Easy / medium / hard of our weights in FP32, as their card has them; or nothing."""
    ap = CATALOG[name].ap if name in CATALOG else None
    return " / ".join(f"{value:.2f}" for value in ap or ())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    cpu = cpu_latency(PRINTED, options.rounds, options.threads)
    gpu = (
        {name: cuda_latency(name, [("graph", 1)])["graph", 1] for name in PRINTED} if torch.cuda.is_available() else {}
    )
    device = f"GPU: {torch.cuda.get_device_name()}, half, CUDA graph" if gpu else "GPU: missing, no CUDA device at hand"
    print(f"CPU: PyTorch {torch.__version__}, {options.threads} thread(s). {device}.\n")
    print(
        "| model | AP printed | AP ours | params, M | printed | multiply-adds, G | printed | CPU, ms | x SCRFD-0.5GF "
        "| GPU, ms | x SCRFD-0.5GF | 2080TI printed, ms | x SCRFD-0.5GF |\n" + "|---" * 13 + "|"
    )
    first = "scrfd_500m"
    for name, row in PRINTED.items():
        total = counted(name)
        on_gpu = (f"{gpu[name]:.2f}", f"{gpu[name] / gpu[first]:.2f}") if gpu else ("missing", "missing")
        cells = (
            row.name,
            " / ".join(f"{ap:.2f}" for ap in row.ap),
            measured_ap(name),
            f"{total.params / 1e6:.2f}",
            f"{row.params:g}",
            f"{total.macs / 1e9:.3f}",
            f"{row.macs:g}",
            f"{cpu[name]:.1f}",
            f"{cpu[name] / cpu[first]:.2f}",
            *on_gpu,
            f"{row.milliseconds:g}",
            f"{row.milliseconds / PRINTED[first].milliseconds:.2f}",
        )
        print("| " + " | ".join(cells) + " |")
    print()
    for name, row in PRINTED.items():
        if measured_ap(name):
            print(f"AP of {row.name}, ours: on the pictures that its card names, not those of the printed values.")
    print("* not a row of Table 4: printed by the authors' release.")


if __name__ == "__main__":
    main()
