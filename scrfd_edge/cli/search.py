"""`scrfd-edge search`: samples networks within a budget, trains the population, and reports what it shows."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from ..description import Block, find_description
from ..errors import SettingError
from ..files import make_folder, write_file
from .size import parse_gib

if TYPE_CHECKING:
    from ..search.candidate import Job
    from ..search.population import Cluster
    from ..search.procedure import Report
    from ..search.store import Store

app = typer.Typer(help="Search for the best detector within a budget (the paper, section 4.2).", no_args_is_help=True)

Budget = Annotated[float, typer.Option(help="10^9 multiply-adds at 640x480: 0.5, 2.5, 10, 34, or any other.")]
BlockOption = Annotated[str | None, typer.Option(help="basic, bottleneck or depthwise, instead of the budget's own.")]
SpaceOption = Annotated[str, typer.Option(help="paper, or release (the narrower ranges of the authors' scripts).")]
Seed = Annotated[int, typer.Option(help="Of the sample and of every training.")]
Within = Annotated[float, typer.Option(help="Step 2: how far each backbone share may lie from the chosen one.")]
Data = Annotated[
    Path, typer.Option(help="Folder with label.txt and images/; on a cluster, at this path on every node.")
]
Dev = Annotated[Path | None, typer.Option(help="Pictures to evaluate on, not trained on; DATA/dev.txt by default.")]
Recipe = Annotated[str, typer.Option(help="paper_search or cpu_search.")]
Epochs = Annotated[float | None, typer.Option(help="Instead of the recipe's own.")]
Out = Annotated[Path, typer.Option(help="Folder of the search.")]
Address = Annotated[str | None, typer.Option(help="Ray cluster to run on, as HOST:PORT or auto; else this machine.")]
Cpus = Annotated[float, typer.Option(help="CPUs of one candidate.")]
Gpus = Annotated[float, typer.Option(help="GPUs of one candidate, such as 0.25; above 0 trains on the GPU.")]
Attempts = Annotated[int, typer.Option(help="How often a candidate is tried before its error is recorded.")]
CacheGib = Annotated[float, typer.Option(help="Decoded pictures that each worker keeps, in GiB.")]
Kernels = Annotated[bool, typer.Option(help="Compile CPU kernels that train depth-wise networks faster.")]
Resume = Annotated[bool, typer.Option(help="Go on: run only what is missing in --out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_FILE = "search.sqlite"


@app.command("sample")
def sample_command(
    budget: Budget,
    count: Annotated[int, typer.Option(help="How many.")] = 320,
    step: Annotated[str, typer.Option(help="step1, step2 or one_step.")] = "step1",
    like: Annotated[str | None, typer.Option(help="Step 2: the model whose backbone shares are kept.")] = None,
    block: BlockOption = None,
    space: SpaceOption = "paper",
    seed: Seed = 0,
    within: Within = 0.05,
    out: Annotated[Path | None, typer.Option(help="Folder for one description (NAME.json) per network.")] = None,
    json_: AsJson = False,
) -> None:
    """Draw networks, uniformly, whose multiply-adds lie within 2 % of the budget."""
    from ..search.report import shares_of
    from ..search.sampling import STEPS, Shares, sample
    from ..search.shares import backbone_shares, component_macs
    from ..search.space import find_regime, find_space

    if step not in STEPS:
        raise SettingError(f"Step {step!r}: expected one of {', '.join(STEPS)}.")
    shares = None
    if like is not None:
        shares = Shares(tuple(backbone_shares(component_macs(find_description(like))).tolist()), within)
    drawn = sample(find_space(space), find_regime(budget, _block(block)), step, count, seed, shares)
    if out is not None:
        make_folder(out)
        for description in drawn.descriptions:
            write_file(out / f"{description.name}.json", json.dumps(description.to_dict(), indent=1) + "\n")
    if json_:
        print(json.dumps({"acceptance": drawn.acceptance, "networks": [d.to_dict() for d in drawn.descriptions]}))
        return
    table = Table(Column("", no_wrap=True), "GMAC", "stem", "C2", "C3", "C4", "C5", "neck", "head", "shallow")
    for d in drawn.descriptions:
        stages = [f"{n}x{w}" for n, w in zip(d.backbone.depths, d.backbone.widths, strict=True)]
        gmac = sum(component_macs(d).values()) / 1e9
        head = f"{d.head.convs}x{d.head.width}"
        shallow = f"{shares_of(d)['shallow']:.0f} %"
        table.add_row(d.name, f"{gmac:.3f}", str(d.backbone.stem[-1]), *stages, str(d.neck), head, shallow)
    console = Console()
    console.print(table)
    console.print(f"Of uniform draws from the space, {drawn.acceptance:.2g} would be accepted.")


@app.command("run")
def run_command(
    budget: Budget,
    data: Data,
    out: Out,
    count: Annotated[int, typer.Option(help="Candidates of step 1.")] = 320,
    count2: Annotated[int | None, typer.Option(help="Candidates of step 2; as many by default.")] = None,
    one_step: Annotated[int, typer.Option(help="Candidates of a one-step search beside it, for Table 3.")] = 0,
    block: BlockOption = None,
    space: SpaceOption = "paper",
    recipe: Recipe = "paper_search",
    epochs: Epochs = None,
    dev: Dev = None,
    seed: Seed = 0,
    within: Within = 0.05,
    address: Address = None,
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
    attempts: Attempts = 2,
    cache_gib: CacheGib = 2.0,
    kernels: Kernels = False,
    resume: Resume = False,
    json_: AsJson = False,
) -> None:
    """Search in two steps: train a population per step, choose, and say why. Writes OUT/winner.json."""
    from ..search.procedure import Plan, run_step, two_step
    from ..search.space import find_regime, find_space

    if one_step < 0:
        raise SettingError(f"--one-step must be 0 or more, got {one_step}.")
    plan = Plan(find_space(space), find_regime(budget, _block(block)), seed, within)
    cluster = _cluster(address, cpus, gpus, attempts)
    job = _job(data, dev, recipe, epochs, cluster, cache_gib, kernels)
    job.check()
    store = _store(out)
    with _progress() as report:
        found = two_step(store, plan, (count, count if count2 is None else count2), job, cluster, resume, report)
        path = out / "winner.json"
        write_file(path, json.dumps(found.winner.to_dict(), indent=1) + "\n")
        if one_step:
            run_step(store, plan, "one_step", one_step, job, cluster, resume, report)
    if json_:
        print(json.dumps({"winner": str(path), "description": found.winner.to_dict(), "reasons": found.reasons}))
        return
    console = Console()
    console.print(f"Step 1. {found.reasons[0]}\nStep 2. {found.reasons[1]}", soft_wrap=True, markup=False)
    ways = f"train it with `scrfd-edge train --model {path}`; `search report --out {out}` draws"
    console.print(f"{path}: {ways}.", soft_wrap=True, markup=False)


@app.command("compare")
def compare_command(
    models: Annotated[list[str], typer.Argument(help="Models of the paper, or descriptions (.json).")],
    data: Data,
    out: Out,
    seeds: Annotated[int, typer.Option(help="Trainings of each model.")] = 3,
    name: Annotated[str, typer.Option(help="Of this comparison in OUT.")] = "compare",
    recipe: Recipe = "paper_search",
    epochs: Epochs = None,
    dev: Dev = None,
    address: Address = None,
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
    attempts: Attempts = 2,
    cache_gib: CacheGib = 2.0,
    kernels: Kernels = False,
    resume: Resume = False,
    json_: AsJson = False,
) -> None:
    """Train given networks with one recipe and several seeds: a pilot, or the winner against the baselines."""
    from ..search.procedure import TABLES_3, compare
    from ..search.report import build_report
    from ..search.sampling import STEPS

    taken = (*STEPS, *TABLES_3.values())
    if name in taken:
        raise SettingError(f"Name {name!r}: {', '.join(taken)} are not comparisons of this command; choose another.")
    cluster = _cluster(address, cpus, gpus, attempts)
    job = _job(data, dev, recipe, epochs, cluster, cache_gib, kernels)
    job.check()
    store = _store(out)
    with _progress() as report:
        compare(store, name, [find_description(m) for m in models], seeds, job, cluster, resume, report)
    _print_report(build_report(store), json_)


@app.command("table3")
def table_3_command(
    data: Data,
    out: Out,
    seeds: Annotated[int, typer.Option(help="Trainings of each row.")] = 1,
    recipe: Recipe = "paper_search",
    epochs: Epochs = None,
    dev: Dev = None,
    address: Address = None,
    cpus: Cpus = 1.0,
    gpus: Gpus = 0.0,
    attempts: Attempts = 2,
    cache_gib: CacheGib = 2.0,
    kernels: Kernels = False,
    resume: Resume = False,
    json_: AsJson = False,
) -> None:
    """The paper's Table 3 from the populations in OUT: trains each row whose network is known, marks the rest."""
    from ..search.procedure import table_3
    from ..search.report import build_report
    from ..search.store import Store

    cluster = _cluster(address, cpus, gpus, attempts)
    jobs = {
        redistributed: _job(data, dev, recipe, epochs, cluster, cache_gib, kernels, redistributed)
        for redistributed in (False, True)
    }
    store = Store.existing(out / _FILE)
    with _progress() as report:
        table_3(store, seeds, jobs, cluster, resume, report)
    _print_report(build_report(store), json_)


@app.command("report")
def report_command(
    out: Annotated[Path | None, typer.Option(help="Folder of a search: its rows, intervals and conclusions.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder to write to; OUT/report by default.")] = None,
    accuracies: Annotated[
        Path | None, typer.Option(help="Fig. 1: table (CSV) with the columns family, name, gmac, hard.")
    ] = None,
    computation: Annotated[
        Path | None, typer.Option(help="Fig. 2b: table (CSV) with the columns component, stride, gmac.")
    ] = None,
    faces: Annotated[
        Path | None, typer.Option(help="Fig. 3: folder with label.txt, or with ground_truth/, images/ and images.txt.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """Test the paper's conclusions on the rows, write tables, and draw the figures as PNG and SVG."""
    from ..search import overview
    from ..search.figures import save
    from ..search.report import write_report
    from ..search.store import Store

    folder = figures or (out / "report" if out is not None else None)
    if folder is None or all(given is None for given in (out, accuracies, computation, faces)):
        raise SettingError("Give --out, the folder of a search; or a table or --faces, and --figures to write to.")
    make_folder(folder)
    files = []
    if accuracies is not None:
        files += save(overview.accuracy_figure(overview.read_accuracies(accuracies)), folder, "accuracy")
    if computation is not None:
        figure = overview.computation_figure(overview.read_parts(computation), computation.stem)
        files += save(figure, folder, "computation")
    if faces is not None:
        files += save(overview.sizes_figure(overview.read_faces(faces), f"Faces of {faces.name}"), folder, "sizes")
    if out is not None:
        store = Store.existing(out / _FILE)
        found, written = write_report(store, folder)
        files += written
        _print_report(found, json_)
    elif json_:
        print(json.dumps({"files": [str(file) for file in files]}))
    if not json_:
        Console().print("\n".join(map(str, files)), soft_wrap=True, markup=False)


def _print_report(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(found))
        return
    console = Console()
    for name, search in found["searches"].items():
        table = Table("%", "best", "95 % from", "to", "Spearman", "p", title=_title(name, search))
        for component, values in search["components"].items():
            numbers = (f"{values[key]:.1f}" for key in ("best", "low", "high"))
            table.add_row(
                component, *numbers, *("-" if values[k] is None else f"{values[k]:.3g}" for k in ("rho", "p"))
            )
        console.print(table)
    for name, compared in found["compared"].items():
        table = Table("", "seeds", "easy", "medium", "hard", "spread", title=name)
        for model, v in compared["models"].items():
            marks = (f"{v[key]:.2f}" for key in ("easy", "medium", "hard"))
            table.add_row(model, str(v["seeds"]), *marks, "-" if v["spread"] is None else f"{v['spread']:.2f}")
        console.print(table)
        ranks = ", ".join(f"{seeds}: {v['rho']}" for seeds, v in compared["rank_correlation_of_seeds"].items())
        console.print(f"Spread over models {compared['spread_over_models']}; ranks of seeds agree: {ranks or '-'}")
    table = Table("", "seeds", "easy", "medium", "hard", title="Table 3")
    for row in found["table3"]:
        marks = (f"{row[key]:.2f}" if row["seeds"] else "not run" for key in ("easy", "medium", "hard"))
        table.add_row(row["method"], str(row["seeds"]), *marks)
    console.print(table)
    for choice, reason in found["choices"].items():
        console.print(f"{choice}: {reason}")
    if "claims" in found:
        table = Table("the paper says", "", "here", title=f"Conclusions of section 4.2, {found['gmac']:g} GMAC")
        for verdict in found["claims"]:
            table.add_row(verdict["claim"], verdict["answer"], verdict["detail"])
        console.print(table)
    table = Table("% of the backbone", *list(next(iter(found["shares"].values())))[:6], title="Published networks")
    for name, values in found["shares"].items():
        table.add_row(name, *(f"{value:.1f}" for value in list(values.values())[:6]))
    console.print(table)


def _title(name: str, search: dict[str, Any]) -> str:
    best, hard = search["best"], search["hard"]
    spread = "" if hard["spread"] is None else f" +- {hard['spread']:.2f}"
    failed = f", {search['failed']} failed" if search["failed"] else ""
    return (
        f"{name}: {search['rows']} rows{failed}, hard AP {hard['mean']:.2f}{spread}, "
        f"best {best['name']} {best['hard']:.2f}; shares where the best models lie"
    )


def _block(name: str | None) -> Block | None:
    return name  # type: ignore[return-value]  # find_regime refuses an unknown one


def _job(
    data: Path,
    dev: Path | None,
    recipe: str,
    epochs: float | None,
    cluster: "Cluster",
    cache_gib: float,
    kernels: bool,
    redistributed: bool = True,
) -> "Job":
    from ..search.candidate import Job
    from ..search.population import current_revision
    from ..search.recipes import find_search_recipe

    chosen = find_search_recipe(recipe, epochs, redistributed)
    if kernels and (cluster.gpus > 0 or not chosen.half):
        raise SettingError(f"--kernels speed up bfloat16 on CPUs only, not the recipe {recipe!r} here: leave it away.")
    return Job(
        data.resolve(),
        (dev or data / "dev.txt").resolve(),
        chosen,
        device="cuda" if cluster.gpus > 0 else "cpu",
        threads=max(1, int(cluster.cpus)),
        cache=parse_gib("--cache-gib", cache_gib),
        kernels=kernels,
        revision=current_revision(),
    )


def _cluster(address: str | None, cpus: float, gpus: float, attempts: int) -> "Cluster":
    from ..search.population import Cluster

    return Cluster(address, cpus, gpus, attempts)


def _store(out: Path) -> "Store":
    from ..search.store import Store

    return Store(out / _FILE)


@contextmanager
def _progress() -> "Iterator[Report]":
    """Done, time left, failed and best so far on standard error: a bar per population, without a terminal lines."""
    from ..search.population import Progress as State

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    shown = (*columns, TextColumn("{task.fields[state]}"))
    with Progress(*shown, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def report(search: str, state: State) -> None:
            if search not in tasks:
                tasks[search] = bar.add_task(search, total=state.total, state="")
            parts = [] if state.seconds_left is None else [f"{state.seconds_left / 60:.0f} min left"]
            parts += [f"{state.failed} failed"] if state.failed else []
            parts += [] if state.best is None else [f"best {state.best.name} {state.best.hard:.2f}"]
            bar.update(tasks[search], completed=state.done, state=", ".join(parts))
            if not console.is_terminal:
                print(", ".join([f"{search} {state.done}/{state.total}", *parts]), file=sys.stderr, flush=True)

        yield report
