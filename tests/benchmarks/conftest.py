"""The benchmarks are scripts, not an installed package: their folder joins the path as when one of them runs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
