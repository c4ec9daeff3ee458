"""The two steps of section 4.2, each choice with its reason, and what is held against their result."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..annotations import label_file
from ..description import Description
from ..errors import DataError, SettingError
from .bootstrap import bootstrap
from .candidate import Candidate, Job
from .population import Cluster, Progress, run_population
from .sampling import STEPS, Shares, Step, check_within, sample
from .shares import STAGES, backbone_shares
from .space import Regime, Space, baseline_of
from .store import Row, Store, best_row, hard_ap, with_results

Report = Callable[[str, Progress], None]
"""Called with the search's name as candidates finish."""


@dataclass(frozen=True)
class Plan:
    """What is searched for. seed: of the samples and of every training. within: how far the backbone's shares of a
    candidate of step 2 may lie from the choice of step 1, each as part of the backbone."""

    space: Space
    regime: Regime
    seed: int = 0
    within: float = 0.05

    def __post_init__(self) -> None:
        check_within(self.within)  # before step 1 runs, not after


@dataclass(frozen=True)
class Outcome:
    """winner: the network found. reasons: why step 1 ended with those shares, and step 2 with that network."""

    winner: Description
    reasons: tuple[str, str]


_OPTIONS: Mapping[Step, str] = {"step1": "--count", "step2": "--count2", "one_step": "--one-step"}


def two_step(
    store: Store, plan: Plan, counts: tuple[int, int], job: Job, cluster: Cluster, resume: bool, report: Report
) -> Outcome:
    """Runs both populations and chooses. counts: candidates of step 1 and of step 2."""
    if counts[1] < 1:
        raise SettingError(f"Count {counts[1]}: expected 1 or more candidates of step 2.")
    step1 = run_step(store, plan, "step1", counts[0], job, cluster, resume, report)
    target, first = choose_shares(step1)
    shares = Shares(target, plan.within)
    step2 = run_step(store, plan, "step2", counts[1], job, cluster, resume, report, shares)
    winner, second = choose_winner(step2)
    return Outcome(replace(winner.description, name=f"searched_{plan.regime.gmac:g}g"), (first, second))


def run_step(
    store: Store,
    plan: Plan,
    step: Step,
    count: int,
    job: Job,
    cluster: Cluster,
    resume: bool,
    report: Report,
    shares: Shares | None = None,
) -> list[Row]:
    """Samples and runs the population of one step, and returns all rows of it in the store, whatever the count.

    Raises SettingError for more candidates once something has begun that rests on them: step 2 on step 1, Table 3 on
    all.
    """
    drawn = sample(plan.space, plan.regime, step, count, plan.seed, shares)
    extra = {} if shares is None else {"shares": asdict(shares)}
    identity = {"space": asdict(plan.space), "regime": asdict(plan.regime), "seed": plan.seed, **extra, **_data(job)}
    store.begin(step, identity, resume)
    later = _resting_on(store, step)
    if later is not None:  # even failed rows must stay
        known = store.rows(step)
        if count > len(known):
            raise SettingError(
                f"{store.path}: {later} has begun from what {len(known)} candidates of {step} gave, which {count} "
                f"would change. Go on with {len(known)} ({_OPTIONS[step]}), or choose another folder."
            )
        return known
    candidates = [Candidate(d.name, d, plan.seed) for d in drawn.descriptions]
    run_population(store, step, candidates, job, cluster, lambda progress: report(step, progress))
    return store.rows(step)


def compare(
    store: Store,
    search: str,
    models: Sequence[Description],
    seeds: int,
    job: Job,
    cluster: Cluster,
    resume: bool,
    report: Report,
) -> list[Row]:
    """Trains given networks with the same recipe, each with seeds 0, 1, .. as rows NAME_seedN."""
    if seeds < 1 or not models or len({m.name for m in models}) < len(models):
        raise SettingError("Expected 1 or more seeds, and one or more models of different names.")
    store.begin(search, _data(job), resume)
    candidates = [Candidate(f"{model.name}_seed{seed}", model, seed) for model in models for seed in range(seeds)]
    return run_population(store, search, candidates, job, cluster, lambda progress: report(search, progress))


def choose_shares(rows: Sequence[Row]) -> tuple[tuple[float, ...], str]:
    """The likeliest best share of stem, C2..C5 (medians of the bootstrap on hard AP, scaled to sum to 1), and why."""
    scored = finished(rows)
    shares = np.array([backbone_shares(row.macs) for row in scored])
    intervals = [bootstrap(shares[:, i], hard_ap(scored)) for i in range(len(STAGES))]
    medians = np.array([interval.best for interval in intervals])
    target = tuple((medians / medians.sum()).round(4).tolist())
    parts = ", ".join(
        f"{stage} {t:.1%} ({i.low:.1%} to {i.high:.1%})" for stage, t, i in zip(STAGES, target, intervals, strict=True)
    )
    best = best_row(scored)
    reason = (
        f"Medians of the bootstrap on the hard AP of {len(scored)} candidates, scaled to a sum of 100 %, with the 95 % "
        f"ranges of the best models: {parts}. The best single candidate is {best.name} with {best.hard:.2f}."
    )
    return target, reason


def choose_winner(rows: Sequence[Row]) -> tuple[Row, str]:
    """The candidate of the highest hard AP, and why."""
    scored = finished(rows)
    best = best_row(scored)
    marks = sorted(hard_ap(scored), reverse=True)
    lead = f", {marks[0] - marks[1]:.2f} before the next" if len(marks) > 1 else ""
    return best, f"{best.name} has the highest hard AP of {len(scored)} candidates: {best.hard:.2f}{lead}."


def finished(rows: Sequence[Row]) -> list[Row]:
    """The rows with results. Raises DataError when there is none."""
    scored = with_results(rows)
    if not scored:
        errors = "; ".join(sorted({row.error or "" for row in rows}))
        raise DataError(f"None of {len(rows)} candidates was trained and evaluated: {errors or 'nothing has run yet'}.")
    return scored


TABLE_3: Mapping[str, tuple[str, bool]] = {
    "baseline": ("baseline", False),
    "SR": ("baseline", True),
    "CR@backbone": ("step1", False),
    "CR@detector": ("one_step", False),
    "CR@two-step": ("step2", False),
    "SR+CR@two-step": ("step2", True),
}
"""Rows of Table 3: where the network comes from, and whether its crops are redistributed (section 4.1)."""


TABLES_3: Mapping[bool, str] = {False: "table3", True: "table3_sr"}
"""The store's tables for rows without and with redistributed crops."""


def _resting_on(store: Store, step: Step) -> str | None:
    """What has begun from the rows of a step, if anything: step 2 around its shares, Table 3 with its best network."""
    if step == "step1" and store.rows("step2"):
        return "step 2"
    tables = (row for table in TABLES_3.values() for row in store.rows(table))
    return "Table 3" if any(row.description.name == step for row in tables) else None


def searched_regime(store: Store) -> Regime | None:
    """What the populations of a store were drawn for; None when it has none."""
    searches = store.searches()
    return next((Regime(**searches[step]["regime"]) for step in STEPS if step in searches), None)


def table_3_models(store: Store) -> dict[str, Description]:
    """The networks of Table 3 that are known by now: the baseline, and the best of each population in the store.

    Raises DataError for a store without populations.
    """
    regime = searched_regime(store)
    if regime is None:
        raise DataError(f"{store.path}: holds no population; run `scrfd-edge search run` first.")
    baseline = baseline_of(regime)
    models = {} if baseline is None else {"baseline": baseline}
    for step in ("step1", "one_step", "step2"):
        if with_results(store.rows(step)):
            models[step] = replace(choose_winner(store.rows(step))[0].description, name=step)
    return models


def table_3(store: Store, seeds: int, jobs: Mapping[bool, Job], cluster: Cluster, resume: bool, report: Report) -> None:
    """Trains every row of Table 3 whose network is known. jobs: by whether crops are redistributed."""
    models = table_3_models(store)
    for redistributed, job in jobs.items():
        sources = [source for source, crops in TABLE_3.values() if crops == redistributed and source in models]
        if sources:
            search = TABLES_3[redistributed]
            compare(store, search, [replace(models[s], name=s) for s in sources], seeds, job, cluster, resume, report)


def _data(job: Job) -> dict[str, Any]:
    """What makes results comparable: recipe, arithmetic, pictures to train on and to evaluate on."""
    try:
        texts = {name: path.read_bytes() for name, path in (("label", label_file(job.data)), ("dev", job.dev))}
    except OSError as error:
        raise DataError(
            f"{error.filename}: cannot be read; expected a list of pictures of {job.data} "
            f"to evaluate on ({error.strerror})."
        ) from error
    recipe = json.loads(json.dumps(job.recipe.identity()))
    hashes = {f"{name}_sha256": hashlib.sha256(text).hexdigest()[:16] for name, text in texts.items()}
    return {"recipe": recipe, "device": job.device, "kernels": job.kernels, **hashes}
