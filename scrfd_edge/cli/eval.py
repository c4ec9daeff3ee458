"""`scrfd-edge eval`: accuracy of a model, or of stored detections, by the WIDER FACE protocol."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ..annotations import read_annotations, read_list
from ..backends.base import suffixes
from ..errors import DataError, SettingError
from ..files import make_folder, write_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..evaluation.ground_truth import GroundTruth


def evaluate(
    ground_truth: Annotated[Path, typer.Option(help="Folder of WIDER FACE's four .mat files, or an annotation file.")],
    model: Annotated[str | None, typer.Option(help="Name or file of the model to run.")] = None,
    detections: Annotated[
        Path | None, typer.Option(help="Score these instead: folder of official text files, or JSON lines of detect.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the pictures.")] = None,
    list_: Annotated[Path | None, typer.Option("--list", help="Only the pictures in this list.")] = None,
    size: Annotated[
        str, typer.Option(help="square640, rect640, original, or multi (the paper's recipe).")
    ] = "square640",
    backend: Annotated[str, typer.Option(help="auto, or an engine.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, or what the engine knows.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, or one that the model has.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads of one run; all by default.")] = None,
    json_to: Annotated[str | None, typer.Option("--json", help="Write the figures here; - is standard output.")] = None,
    plot_to: Annotated[
        Path | None, typer.Option("--plot", help="Folder of curves: adds this run, redraws the figures with all in it.")
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Write the detections here, in the official text format.")] = None,
) -> None:
    """Average precision, also at precision > 98 %, recall by face size, landmark error."""
    from ..evaluation.detections import read_json_lines, read_text, write_text
    from ..evaluation.report import measure, plot
    from ..evaluation.run import SCORE_THRESHOLD, picture_sizes, run, sized

    if (model is None) == (detections is None):
        raise SettingError("Give --model to run or --detections to score: one of the two.")
    for folder in (plot_to, write):
        if folder is not None:
            make_folder(folder)
    names, truth = read_ground_truth(ground_truth, list_)
    found: Mapping[str, Any]
    landmarks: Mapping[str, Any] | None = None
    what: dict[str, Any] = {"model": "", "backend": None, "precision": None, "size": None}
    milliseconds = None
    if detections is not None:
        what["model"] = detections.name
        if detections.is_dir():
            found = read_text(detections, names)
        else:
            found, landmarks = read_json_lines(detections, names)
        if images is not None:
            with _progress() as bar:
                task = bar.add_task("reading pictures", total=len(names))
                truth = _with_sizes(truth, picture_sizes(images, names, lambda n: bar.update(task, completed=n)))
    elif model is not None and images is not None:
        from ..detector import FaceDetector

        opener = partial(
            FaceDetector,
            model,
            backend=backend,
            device=device,
            precision=precision,
            score_threshold=SCORE_THRESHOLD,
            threads=threads,
        )
        detect = sized(opener, size)
        runs = opener()
        what = {"model": model_name(model), "backend": runs.backend, "precision": runs.precision, "size": size}
        with _progress() as bar:
            task = bar.add_task("detecting", total=len(names))
            done = run(detect, images, names, lambda count: bar.update(task, completed=count))
        found, landmarks, milliseconds = done.detections, done.landmarks, round(done.ms_per_image, 2)
        truth = _with_sizes(truth, done.sizes)
    else:
        raise SettingError("Give --images, the folder of the pictures that the model shall run on.")

    report = measure(truth, found, landmarks)
    figures = {**what, **report.to_dict(), "ms_per_image": milliseconds}
    label = " ".join(str(value) for value in what.values() if value is not None)
    if json_to == "-":
        print(json.dumps(figures))
    else:
        _print(label, figures, list(truth.counted))
    if write is not None:
        write_text(write, found)
    if plot_to is not None:
        plot(plot_to, label, report)
    if json_to is not None and json_to != "-":
        write_file(json_to, json.dumps(figures, indent=1) + "\n")


def read_ground_truth(path: Path, listed: Path | None) -> "tuple[list[str], GroundTruth]":
    """The names of the pictures and their faces: of official files (a folder) or annotations, restricted to a list."""
    from ..evaluation.ground_truth import from_annotations, load_ground_truth
    from ..evaluation.measures import by_size

    names = None if listed is None else read_list(listed)
    if path.is_dir():
        truth = load_ground_truth(path, names)
        return names or [f"{name}.jpg" for name in truth.names], truth
    notes = {note.path: note for note in read_annotations(path)}
    names = names or list(notes)
    for name in names:
        if name not in notes:
            raise DataError(f"{listed}: {name} is not annotated in {path}.")
    return names, by_size(from_annotations([notes[name] for name in names]))


def model_name(model: str) -> str:
    """A model's name as it is, a file's without folder and suffix; what a training wrote is called as its folder."""
    path = Path(model)
    if path.name == "weights.safetensors":
        return path.resolve().parent.name
    return path.stem if path.suffix.lower() in suffixes() else model


def _with_sizes(truth: "GroundTruth", sizes: "npt.NDArray[np.float64]") -> "GroundTruth":
    if truth.sizes is not None:
        for name, told, real in zip(truth.names, truth.sizes.tolist(), sizes.tolist(), strict=True):
            if told != real:
                raise DataError(
                    f"{name}: annotated as {told[0]:g} x {told[1]:g}, the picture has {real[0]:g} x {real[1]:g}."
                )
    return replace(truth, sizes=sizes)


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    console = Console(stderr=True)
    return Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )


def _print(label: str, figures: dict[str, Any], settings: list[str]) -> None:
    console = Console()
    table = Table("", "AP", "AP at precision > 98 %", title=f"{label}: {figures['images']} pictures")
    for setting in settings:
        table.add_row(setting, f"{figures[setting]:.2f}", f"{figures[f'{setting}_p98']:.2f}")
    console.print(table)
    point = figures["operating_point"]
    if point is None:
        console.print("No score threshold reaches a precision of 98 %.")
    else:
        console.print(f"Precision 98 % from a score of {point['threshold']:.3f}: recall {point['recall']:.2f} %")
    rows = figures["recall_by_size"]
    if rows:
        table = Table("face size, px", "faces", "recall, %", "at precision 98 %", title="Long side 640")
        for row in rows:
            if row["faces"]:
                table.add_row(row["size"], str(row["faces"]), f"{row['recall']:.1f}", f"{row['recall_p98']:.1f}")
        console.print(table)
    error = figures["landmark_error"]
    if error is not None:
        console.print(
            f"Landmarks off by {error['median']:.2f} % of the face (median), {error['mean']:.2f} % (mean), "
            f"{error['faces']} faces"
        )
    if figures["ms_per_image"] is not None:
        console.print(f"{figures['ms_per_image']:.1f} ms per picture")
