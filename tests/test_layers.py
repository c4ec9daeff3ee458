"""Imports point one way: cli -> search -> training, evaluation, converters -> networks, detector -> back ends, core."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "scrfd_edge"
CONVERTERS = Path(__file__).parents[1] / "converters" / "scrfd_edge_converters"
# The folders of the package and what each may import besides its own and the plain modules at the top.
ALLOWED = {
    "backends": {"networks"},  # only the torch back end, which runs a network
    "networks": set(),
    "evaluation": {"networks", "backends"},
    "training": {"networks"},
    "converters": {"networks", "backends", "evaluation"},
    "search": {"networks", "backends", "evaluation", "training"},
    "cli": {"networks", "backends", "evaluation", "training", "converters", "search"},
}
# Plain modules that know of faces or of files: nothing below them imports them.
UPPER = {"detector", "cli"}


def imported(path: Path, folder: str) -> set[str]:
    """The parts of scrfd_edge that a file imports, by the first name below the package."""
    parts = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level == 2 or module.startswith("scrfd_edge."):
                module = module.removeprefix("scrfd_edge.")
                parts |= {module.split(".")[0]} if module else {alias.name for alias in node.names}
            if module.startswith("scrfd_edge_converters"):
                parts.add("converters")
        elif isinstance(node, ast.Import):
            parts |= {a.name.split(".")[1] for a in node.names if a.name.startswith("scrfd_edge.")}
    return parts - {folder}


FILES = [(p.parent.name, p) for p in sorted(PACKAGE.glob("*/*.py"))]
FILES += [("converters", p) for p in sorted(CONVERTERS.glob("*.py"))]


@pytest.mark.parametrize(("folder", "path"), FILES, ids=[f"{folder}/{path.name}" for folder, path in FILES])
def test_nothing_imports_upward(folder: str, path: Path) -> None:
    parts = imported(path, folder)
    assert parts & set(ALLOWED) <= ALLOWED[folder]
    if folder in ("backends", "networks", "training"):
        assert not parts & UPPER, (
            "a back end knows nothing of faces, a network and its training nothing of the detector"
        )


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ["torch", "onnxruntime", "openvino", "ai_edge_litert", "tensorflow", "matplotlib", "typer", "scipy", "ray"]
    code = f"import sys, scrfd_edge; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
