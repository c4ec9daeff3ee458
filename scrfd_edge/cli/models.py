"""`scrfd-edge models`: which there are, what they cost, where they lie, and how to fetch them."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn

from ..catalog import CATALOG, Model, find_file, find_model, locate
from ..description import DESCRIPTIONS, PAPER_VARIANTS, Description, find_description
from ..download import download as fetch
from .size import parse_size

if TYPE_CHECKING:
    from ..cost import Cost

app = typer.Typer(help="List, explain, download and find models.", invoke_without_command=True)

_VGA = (480, 640)


@app.callback()
def _default(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """All models of the catalog, those of the paper that have no weights yet, and the variants of the paper's text."""
    print(f"{'name':30} {'parameters':>10} {'GMAC':>7}  {'weights':14} licence")
    for model in CATALOG.values():
        _print_row(model.name, model.description, _state(model), model.licence)
    for name, description in {**DESCRIPTIONS, **PAPER_VARIANTS}.items():
        if name not in CATALOG:
            _print_row(name, description, "none of ours", "")


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A name from the list, or the path of a description in JSON.")],
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the input.")] = "640x480",
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Parameters and multiply-adds of each component, by the paper's counting and of convolution weights alone.

    The paper also counts biases, batch norm, ReLU and pooling.
    """
    model = CATALOG.get(name)
    description = find_description(name) if model is None else model.description
    counted = _cost(description, parse_size("--size", size))
    total = counted.total
    if as_json:
        data: dict[str, Any] = {
            "model": name,
            "params": total.params,
            "gmac": _giga(total.macs),
            "conv_gmac": _giga(total.conv_macs),
            "size": counted.size,
            "components": {part: [one.params, _giga(one.macs)] for part, one in counted.components.items()},
            "conv_components": {part: _giga(one.conv_macs) for part, one in counted.components.items()},
        }
        print(json.dumps(data))
        return
    height, width = counted.size
    print(f"{name}: {total.params:,} parameters, {_giga(total.macs):.6f} GMAC at {width}x{height}")
    print(f"  {'':6} {'parameters':>12} {'GMAC':>12} {'share':>8} {'conv GMAC':>12}")
    rows = {**counted.components, **({"(pool)": counted.pool} if counted.pool.macs else {}), "total": total}
    for part, one in rows.items():
        share = one.macs / total.macs
        print(f"  {part:6} {one.params:>12,} {_giga(one.macs):>12.6f} {share:>8.1%} {_giga(one.conv_macs):>12.6f}")
    if model is not None:
        for file in model.files:
            print(f"file: {find_file(file) or 'not on this machine'} ({file.precision}, SHA-256 {file.sha256})")
        print(f"from: {model.source}\nlicence: {model.licence}")


@app.command()
def download(name: Annotated[str, typer.Argument(help="A name from the list.")]) -> None:
    """Fetch a model into the cache folder over https, checked by its SHA-256."""
    model = find_model(name)
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    console.print(f"{model.name}: {model.source}. Licence: {model.licence}.")
    for file in model.files:
        if file.url is None:
            print(find_file(file))
            continue
        columns = BarColumn(), DownloadColumn(), TimeRemainingColumn()
        with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
            task = bar.add_task(name, total=None)

            def show(done: int, total: int | None, bar: Progress = bar, task: TaskID = task) -> None:
                bar.update(task, completed=done, total=total)

            print(fetch(file, show))


@app.command()
def path(name: Annotated[str, typer.Argument(help="A name from the list.")]) -> None:
    """Print where a model's file lies."""
    model = find_model(name)
    print(locate(model, model.files))


def _print_row(name: str, description: Description, state: str, licence: str) -> None:
    total = _cost(description, _VGA).total
    print(f"{name:30} {total.params:>10,} {_giga(total.macs):>7.3f}  {state:14} {licence}".rstrip())


def _state(model: Model) -> str:
    if all(file.url is None for file in model.files):
        return "in the package"
    return "in the cache" if any(find_file(file) for file in model.files) else "to download"


def _cost(description: Description, size: tuple[int, int]) -> "Cost":
    from ..cost import cost

    return cost(description, size)


def _giga(macs: int) -> float:
    return round(macs / 1e9, 6)
