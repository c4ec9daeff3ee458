"""`scrfd-edge bench`: how fast the engines are on this machine, measured side by side."""

import itertools
import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from ..backends.base import BACKENDS, Backend
from ..backends.selection import save_factors
from ..catalog import SAMPLE, find_model
from ..errors import BackendError, ScrfdError, SettingError
from ..files import whole_file, write_file
from ..image import load
from .size import parse_size

if TYPE_CHECKING:
    import numpy.typing as npt

_LARGEST = 16384
_WARMUP = 3
_NO_REFERENCE = "--save compares with fp32 on onnx: measure a model with such a file too (scrfd_500m_kps)."
_STEP = 5  # runs of one configuration before the next one has its turn


@dataclass(frozen=True)
class Configuration:
    """What one process measures."""

    model: str
    backend: str
    precision: str
    size: int
    threads: int


def bench(
    models: Annotated[str, typer.Option(help="Names or files, separated by commas.")] = "scrfd_500m_kps",
    backends: Annotated[str | None, typer.Option(help="Engines, separated by commas; all installed ones.")] = None,
    precisions: Annotated[
        str | None, typer.Option(help="Of the files, separated by commas; all that there are.")
    ] = None,
    sizes: Annotated[str, typer.Option(help="Long sides of the tensor, separated by commas.")] = "640",
    threads: Annotated[str, typer.Option(help="CPU threads, separated by commas.")] = "1",
    picture: Annotated[Path, typer.Option(help="Scaled to fill the frame.")] = SAMPLE,
    frame: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the frames.")] = "1280x720",
    rounds: Annotated[int, typer.Option(help="Measured runs of each configuration.")] = 60,
    json_to: Annotated[str | None, typer.Option("--json", help="Write the figures here; - is standard output.")] = None,
    plot_to: Annotated[Path | None, typer.Option("--plot", help="Write a figure here (needs matplotlib).")] = None,
    save: Annotated[bool, typer.Option(help="Let backend='auto' go by the result on this machine.")] = False,
) -> None:
    """Time detect() end to end, each configuration in a process of its own, turn by turn."""
    talk = Console(stderr=True)
    named = (
        _split(backends) if backends is not None else [name for name, engine in BACKENDS.items() if engine.installed]
    )
    if unknown := [name for name in named if name not in BACKENDS]:
        raise SettingError(f"Unknown back end {unknown[0]!r}: expected {', '.join(BACKENDS)}.")
    each = _numbers("--sizes", sizes), _numbers("--threads", threads)
    wanted = []
    for model in _split(models):
        if Path(model).is_file():
            pairs = [(name, "auto") for name in named if Path(model).suffix.lower() in BACKENDS[name].suffixes]
        elif precisions is None:
            pairs = _files(model, named)
        else:
            pairs = list(itertools.product(named, _split(precisions)))
        wanted += [Configuration(model, *pair, size, count) for pair, size, count in itertools.product(pairs, *each)]
    if rounds < 1:
        raise SettingError(f"--rounds must be positive, got {rounds}.")
    if save and not any(c.backend == "onnx" and c.precision in ("fp32", "auto") for c in wanted):
        raise SettingError(_NO_REFERENCE)
    pixels = _frame(picture, frame)
    results = _measure(wanted, pixels, rounds, talk)
    if not results:
        raise SettingError("Nothing could be measured: no such model has a file for these engines and precisions.")
    if json_to == "-":
        print(json.dumps(results, indent=1))
    else:
        _print(results)
    if json_to is not None and json_to != "-":
        write_file(json_to, json.dumps(results, indent=1) + "\n")
    if plot_to is not None:
        with whole_file(plot_to) as path:
            _plot(path, results)
    if save:
        talk.print(f"saved: {save_factors(_factors(results))}")


class _Timed:
    """A back end that notes when its last run began and ended."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.began = self.ended = 0.0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._backend, name)
        return self._noting(value) if name in ("run", "run_decoded") else value

    def _noting(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            self.began = time.perf_counter()
            found = run(*arguments)
            self.ended = time.perf_counter()
            return found

        return timed


def _work(c: Configuration, pixels: "npt.NDArray[np.uint8]", pipe: Connection) -> None:
    """In a process of its own: opens the detector, says what it is, then runs as often as it is told, until killed."""
    from ..detector import FaceDetector

    try:
        model = Path(c.model) if Path(c.model).is_file() else c.model
        detector = FaceDetector(
            model,
            backend=c.backend,
            precision=c.precision,
            input_size=c.size,
            threads=c.threads,
        )
        timed = _Timed(detector._backend)
        detector._backend = timed
        faces = [detector.detect(pixels) for _ in range(_WARMUP)]
    except ScrfdError as error:
        pipe.send(str(error))
        return
    (placement,) = detector._placements(load(pixels))
    height, width = placement.tensor
    pipe.send(
        {
            "model": timed.metadata.model,
            "backend": detector.backend,
            "precision": detector.precision,
            "device": detector.device,
            "threads": detector.threads,
            "frame": [pixels.shape[1], pixels.shape[0]],
            "tensor": [width, height],
            "faces": len(faces[-1]),
        }
    )
    while True:
        times = []
        for _ in range(pipe.recv()):
            start = time.perf_counter()
            detector.detect(pixels)
            end = time.perf_counter()
            times.append([timed.began - start, timed.ended - timed.began, end - timed.ended, end - start])
        pipe.send(times)


def _measure(
    wanted: list[Configuration], pixels: "npt.NDArray[np.uint8]", rounds: int, talk: Console
) -> list[dict[str, Any]]:
    context = multiprocessing.get_context("spawn")
    workers: list[tuple[dict[str, Any], Connection, list[list[float]]]] = []
    processes = []
    try:
        for configuration in wanted:
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(configuration, pixels, theirs), daemon=True)
            process.start()
            processes.append(process)
            theirs.close()
            try:
                answer = ours.recv()
            except EOFError:
                answer = "the process died"
            if isinstance(answer, str):
                talk.print(
                    f"left out: {configuration.model} {configuration.backend} {configuration.precision}: {answer}"
                )
            else:
                workers.append((answer, ours, []))
        for done in range(0, rounds, _STEP):
            for _, pipe, times in workers:
                try:
                    pipe.send(min(_STEP, rounds - done))
                    times += pipe.recv()
                except (EOFError, BrokenPipeError):
                    raise BackendError("A process died while it was measured: is there memory enough?") from None
    finally:
        for process in processes:
            process.kill()
    return [what | _summary(np.array(times) * 1e3) for what, _, times in workers]


def _summary(ms: "npt.NDArray[np.float64]") -> dict[str, Any]:
    """ms: (runs, 4) pre, network, post, total."""
    medians = np.median(ms, axis=0).round(3).tolist()
    spread = np.percentile(ms[:, 3], (10, 90)).round(3).tolist()
    return {"ms": dict(zip(("pre", "network", "post", "total"), medians, strict=True)), "spread": spread}


def _factors(results: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
    """Against ONNX Runtime with FP32 on the first model, size and thread count that has it."""
    first = next((r for r in results if (r["backend"], r["precision"]) == ("onnx", "fp32")), None)
    if first is None:
        raise SettingError(_NO_REFERENCE)
    alike = [r for r in results if all(r[key] == first[key] for key in ("model", "tensor", "threads"))]
    return {(r["backend"], r["precision"]): first["ms"]["total"] / r["ms"]["total"] for r in alike}


def _print(results: list[dict[str, Any]]) -> None:
    columns = ("model", "backend", "precision", "threads", "tensor", "pre", "network", "post", "total ms", "10-90 %")
    table = Table(*columns, "faces")
    for r in results:
        ms = r["ms"]
        table.add_row(
            r["model"],
            r["backend"],
            r["precision"],
            str(r["threads"]),
            "{}x{}".format(*r["tensor"]),
            *(f"{ms[key]:.2f}" for key in ("pre", "network", "post", "total")),
            "{:.2f}-{:.2f}".format(*r["spread"]),
            str(r["faces"]),
        )
    Console(width=None if sys.stdout.isatty() else 140).print(table)  # a pipe is not 80 columns wide


def _plot(path: Path, results: list[dict[str, Any]]) -> None:
    from matplotlib.figure import Figure

    names = ["{model} {backend} {precision}, {threads} thread(s)".format(**r) for r in results]
    totals = [r["ms"]["total"] for r in results]
    errors = [[t - r["spread"][0] for t, r in zip(totals, results, strict=True)]]
    errors.append([r["spread"][1] - t for t, r in zip(totals, results, strict=True)])
    figure = Figure(figsize=(8, 1 + 0.4 * len(results)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(names, totals, xerr=np.clip(errors, 0, None))
    axes.invert_yaxis()
    axes.set_xlabel("detect(), ms: median, 10th to 90th percentile")
    figure.savefig(path)


def _frame(picture: Path, frame: str) -> "npt.NDArray[np.uint8]":
    import cv2

    height, width = parse_size("--frame", frame)
    if max(height, width) > _LARGEST:
        raise SettingError(f"--frame must be {_LARGEST}x{_LARGEST} at most, got {frame}.")
    pixels = load(picture).to_array("bgr")
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _files(model: str, backends: list[str]) -> list[tuple[str, str]]:
    """(engine, precision) of the model's files, in the order of its entry."""
    files = find_model(model).files
    found = [(name, file.precision) for name in backends for file in files if file.suffix in BACKENDS[name].suffixes]
    return list(dict.fromkeys(found))


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(option: str, text: str) -> list[int]:
    parts = _split(text)
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise SettingError(f"{option} must be positive integers, separated by commas, got {text!r}.")
    return [int(part) for part in parts]
