"""`scrfd-edge convert`: a model file for another engine or in another precision, checked against its source."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..annotations import read_list
from .size import parse_size

if TYPE_CHECKING:
    from scrfd_edge_converters.sensitivity import Sensitivity


def convert(
    model: Annotated[Path, typer.Argument(help="The .safetensors or FP32 .onnx file to convert.")],
    to: Annotated[str, typer.Option(help="onnx, openvino or tflite.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write: .onnx, .xml or .tflite.")],
    precision: Annotated[
        str, typer.Option(help="fp32, fp16, int8; for tflite also dynamic, and int8-io with integer outputs.")
    ] = "fp32",
    size: Annotated[
        str | None, typer.Option(help="WIDTHxHEIGHT of the only tensor that the file takes; all sizes by default.")
    ] = None,
    single: Annotated[
        bool, typer.Option("--single", help="ONNX outputs without batch dimension, as uniface wants them.")
    ] = False,
    calibration: Annotated[Path | None, typer.Option(help="Folder of photographs with faces, for int8.")] = None,
    exclude: Annotated[Path | None, typer.Option(help="List of pictures in that folder to leave alone.")] = None,
    pictures: Annotated[int, typer.Option(help="How many of them to use.")] = 300,
    seed: Annotated[int, typer.Option(help="Chooses which.")] = 0,
    report: Annotated[bool, typer.Option(help="Print what each layer loses when it alone is quantized.")] = False,
    force: Annotated[bool, typer.Option(help="Replace an existing file.")] = False,
) -> None:
    """Convert a model, and check on photographs that it finds the same faces. What fails leaves nothing behind."""
    from scrfd_edge_converters.conversion import Request
    from scrfd_edge_converters.conversion import convert as run

    talk = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=talk, transient=True, disable=not talk.is_terminal)

    def tell(layers: "list[Sensitivity]") -> None:
        bar.stop()  # or it would share its line with the table
        _print_report(layers)
        bar.start()

    request = Request(
        source=model,
        target=to,
        precision=precision,
        out=out,
        size=None if size is None else parse_size("--size", size),
        single=single,
        calibration=calibration,
        exclude=frozenset() if exclude is None else frozenset(read_list(exclude)),
        pictures=pictures,
        seed=seed,
        report=tell if report else None,
        force=force,
    )
    with bar:
        task = bar.add_task("reading", total=None)
        agreement = run(request, lambda what, done, of: bar.update(task, description=what, completed=done, total=of))
    talk.print(f"{out}: {agreement}", markup=False, soft_wrap=True)


def _print_report(layers: "list[Sensitivity]") -> None:
    table = Table("layer", "channels", "score", "box", "landmarks", title="RMS error of one quantized layer")
    for row in layers:
        values = (f"{v:.2e}" for v in (row.score, row.box, row.landmarks))
        table.add_row(row.layer, str(row.channels), *values)
    Console().print(table)
