"""Prints every compared network's counts beside Table 4, TinaFace's of Table 1, and Fig. 2b.

cd benchmarks && python -m compared
"""

import torch
from counter import count

from scrfd_edge.cost import Count

from . import COMPARED
from .tinaface import PARTS, STRIDES, by_component, scaled

_TABLE1 = {(480, 640): 172.95, (882, 1024): 508.47, (1100, 1650): 1021.82}


def main() -> None:
    print("| network | params, M | paper | | multiply-adds at 640x480, G | paper | |\n|---|---|---|---|---|---|---|")
    for name, row in COMPARED.items():
        with torch.device("meta"):
            net = row.make()
        total = sum(count(net, (480, 640)).values(), Count())
        params, macs = total.params / 1e6, total.macs / 1e9
        print(
            f"| {name} | {params:.3f} | {row.params:.2f} | {params / row.params - 1:+.1%} "
            f"| {macs:.3f} | {row.macs} | {macs / row.macs - 1:+.1%} |"
        )
    print("\n| TinaFace, height x width | multiply-adds, G | paper |\n|---|---|---|")
    for (height, width), paper in _TABLE1.items():
        print(f"| {height} x {width} | {scaled((height, width)) / 1e9:.2f} | {paper} |")
    shares = by_component()
    whole = sum(shares.values())
    strides = (2, *STRIDES)
    print("\n| TinaFace, share in % | " + " | ".join(f"stride {s}" for s in strides) + " | all |")
    print("|---" * (len(strides) + 2) + "|")
    for part in ("backbone", "neck", "head", "all"):
        macs = [sum(shares.get((p, s), 0) for p in PARTS if part in (p, "all")) for s in strides]
        print(f"| {part} | " + " | ".join(f"{100 * m / whole:.1f}" for m in (*macs, sum(macs))) + " |")


if __name__ == "__main__":
    main()
