"""`scrfd-edge models`: which there are, what they cost, where they lie, and how to fetch them."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TimeRemainingColumn

from ..catalog import CATALOG, STAND_INS, Model, files_in, find_file, find_model, locate
from ..description import DESCRIPTIONS, Description
from ..download import download as fetch

if TYPE_CHECKING:
    from ..cost import Cost, Count

app = typer.Typer(help="List, explain, download and find models.", invoke_without_command=True)

_SIZE = (480, 640)


@app.callback()
def _default(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """All models of the catalog, and those of the paper that have no weights yet."""
    print(f"{'name':30} {'parameters':>10} {'GMAC':>7}  {'weights':14} licence")
    for model in CATALOG.values():
        _print_row(model.name, model.description, _state(model), model.licence)
    for name, description in DESCRIPTIONS.items():
        if name not in CATALOG:
            _print_row(name, description, f"={STAND_INS[name]}" if name in STAND_INS else "none of ours", "")


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A name from the list.")],
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Parameters and multiply-adds of each component for a 640x480 input, by the paper's counting."""
    model = CATALOG.get(name)
    description = DESCRIPTIONS[name] if model is None and name in DESCRIPTIONS else find_model(name).description
    counted = _cost(description)
    total = counted.total
    if as_json:
        components = {part: [count.params, _gmac(count)] for part, count in counted.components.items()}
        data: dict[str, Any] = {"model": name, "params": total.params, "gmac": _gmac(total), "size": _SIZE}
        print(json.dumps({**data, "components": components}))
        return
    print(f"{name}: {total.params:,} parameters, {_gmac(total):.6f} GMAC at {_SIZE[1]}x{_SIZE[0]}")
    rows = {**counted.components, **({"(pool)": counted.pool} if counted.pool.macs else {})}
    for part, count in rows.items():
        share = count.macs / total.macs
        print(f"  {part:6} {count.params:>12,} {_gmac(count):>12.6f} {share:>8.1%}")
    if model is not None:
        for file in model.files:
            print(f"file: {find_file(file) or 'not on this machine'} ({file.precision}, SHA-256 {file.sha256})")
        print(f"from: {model.source}\nlicence: {model.licence}")


@app.command()
def download(name: Annotated[str, typer.Argument(help="A name from the list.")]) -> None:
    """Fetch a model into the cache folder over https, checked by its SHA-256."""
    model = find_model(STAND_INS.get(name, name))
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
    model = find_model(STAND_INS.get(name, name))
    print(locate(model, files_in(model, "auto")))


def _print_row(name: str, description: Description, state: str, licence: str) -> None:
    total = _cost(description).total
    print(f"{name:30} {total.params:>10,} {_gmac(total):>7.3f}  {state:14} {licence}".rstrip())


def _state(model: Model) -> str:
    if all(file.url is None for file in model.files):
        return "in the package"
    return "in the cache" if any(find_file(file) for file in model.files) else "to download"


def _cost(description: Description) -> "Cost":
    from ..cost import cost

    return cost(description, _SIZE)


def _gmac(count: "Count") -> float:
    return round(int(count.macs) / 1e9, 6)
