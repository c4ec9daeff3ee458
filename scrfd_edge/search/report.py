"""All that the rows of a folder say: intervals, choices, conclusions, Table 3, and the figures."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ..description import DESCRIPTIONS, Description
from ..errors import DataError
from ..files import write_file
from .bootstrap import bootstrap, spearman
from .conclusions import judge_claims
from .figures import depth_figure, detector_figure, regime_figure, save, stages_figure
from .procedure import TABLE_3, TABLES_3, choose_shares, choose_winner, searched_regime
from .sampling import STEPS
from .shares import PARTS, STAGES, backbone_shares, component_macs, detector_shares, shallow_share
from .space import BASELINES, baseline_of
from .store import COMPONENTS, Row, Store, best_row, hard_ap, with_results

RELEASED = ("scrfd_500m", "scrfd_1g", "scrfd_2.5g", "scrfd_10g", "scrfd_34g")


def shares_of(description: Description) -> dict[str, float]:
    """Percent: stem, C2..C5 and shallow (stem, C2, C3) of the backbone; backbone, neck and head of the detector."""
    macs = component_macs(description)
    values = dict(zip(STAGES, backbone_shares(macs), strict=True)) | {"shallow": shallow_share(macs)}
    values |= dict(zip(PARTS, detector_shares(macs), strict=True))
    return {name: round(100 * float(value), 2) for name, value in values.items()}


def build_report(store: Store) -> dict[str, Any]:
    """JSON values of the whole report. Raises DataError when the folder holds no search."""
    searches = store.searches()
    if not searches:
        raise DataError(f"{store.path}: holds no search yet; run `scrfd-edge search run` first.")
    rows = {name: store.rows(name) for name in searches}
    found: dict[str, Any] = {
        "shares": {name: shares_of(DESCRIPTIONS[name]) for name in (*RELEASED, *BASELINES.values())}
    }
    found["searches"] = {name: _population(rows[name]) for name in STEPS if hard_ap(rows.get(name, ()))}
    found["compared"] = {n: _compared(rows[n]) for n in searches if n not in STEPS and hard_ap(rows[n])}
    found["choices"] = _choices(store)
    table = _table_3(store)
    found["table3"] = [
        {"method": method, "easy": None, "medium": None, "hard": None, "seeds": 0, **table.get(method, {})}
        for method in TABLE_3
    ]
    regime = searched_regime(store)
    if regime is not None:
        marks = {method: values["each"] for method, values in table.items()}
        claims = judge_claims(regime, rows.get("step1", ()), rows.get("step2", ()), marks)
        found |= {"gmac": regime.gmac, "claims": [asdict(verdict) for verdict in claims]}
    return found


def write_report(store: Store, folder: Path) -> tuple[dict[str, Any], list[Path]]:
    """Writes report.json, a table of rows per search, and every figure that the rows allow; returns all of it."""
    found = build_report(store)
    write_file(folder / "report.json", json.dumps(found, indent=1) + "\n")
    files = [folder / "report.json"]
    for name in store.searches():
        files.append(folder / f"{name}.csv")
        write_file(files[-1], _table(store.rows(name)))
    return found, files + _figures(store, folder)


def _population(rows: Sequence[Row]) -> dict[str, Any]:
    scored = with_results(rows)
    marks = hard_ap(scored)
    values = [shares_of(row.description) for row in scored]
    components = {
        name: {**asdict(bootstrap([v[name] for v in values], marks)), **_rank([v[name] for v in values], marks)}
        for name in values[0]
    }
    best = best_row(scored)
    return {
        "rows": len(rows),
        "failed": len(rows) - len(scored),
        "seconds": round(sum(row.seconds for row in scored)),
        "hard": {"mean": round(mean(marks), 2), "spread": _spread(marks)},
        "best": {"name": best.name, "easy": best.easy, "medium": best.medium, "hard": best.hard},
        "components": components,
    }


def _compared(rows: Sequence[Row]) -> dict[str, Any]:
    """Models over seeds: mean and spread (standard deviation) of each; whether seeds rank the models alike."""
    scored = with_results(rows)
    models: dict[str, list[Row]] = {}
    for row in scored:
        models.setdefault(row.description.name, []).append(row)
    means = {name: mean(hard_ap(found)) for name, found in models.items()}
    spreads = [_spread(hard_ap(found)) for found in models.values()]
    known = [spread for spread in spreads if spread is not None]
    marks = {(row.description.name, row.seed): mark for row, mark in zip(scored, hard_ap(scored), strict=True)}
    ranks = {}
    for a, b in combinations(sorted({seed for _, seed in marks}), 2):
        both = [(marks[name, a], marks[name, b]) for name in models if {(name, a), (name, b)} <= marks.keys()]
        if both:
            ranks[f"{a}-{b}"] = _rank([first for first, _ in both], [second for _, second in both])
    return {
        "models": {
            name: {
                "seeds": len(found),
                **{key: round(mean(getattr(row, key) for row in found), 2) for key in ("easy", "medium", "hard")},
                "spread": spread,
            }
            for (name, found), spread in zip(models.items(), spreads, strict=True)
        },
        "spread_over_seeds": round(mean(known), 3) if known else None,
        "spread_over_models": _spread(list(means.values())),
        "rank_correlation_of_seeds": ranks,
    }


def _choices(store: Store) -> dict[str, str]:
    """Why step 1 ended with its shares and step 2 with its network."""
    choices = {}
    step1, step2 = store.rows("step1"), store.rows("step2")
    if hard_ap(step1):
        choices["shares"] = choose_shares(step1)[1]
    if hard_ap(step2):
        choices["winner"] = choose_winner(step2)[1]
    return choices


def _table_3(store: Store) -> dict[str, dict[str, Any]]:
    """Method -> means over seeds, their number, and each hard AP; methods that were run only."""
    found = {}
    for method, (source, redistributed) in TABLE_3.items():
        rows = [row for row in with_results(store.rows(TABLES_3[redistributed])) if row.description.name == source]
        if rows:
            means = {key: round(mean(getattr(row, key) for row in rows), 2) for key in ("easy", "medium", "hard")}
            found[method] = {**means, "seeds": len(rows), "each": hard_ap(rows)}
    return found


def _figures(store: Store, folder: Path) -> list[Path]:
    regime = searched_regime(store)
    if regime is None:
        return []
    step1, step2 = store.rows("step1"), store.rows("step2")
    files = []
    name = f"{regime.gmac:g} GMAC"
    if hard_ap(step1):
        files += save(stages_figure(step1, f"{name}, step 1: stages of the backbone"), folder, "stages")
        files += save(depth_figure(step1, f"{name}, step 1: shallow and deep stages"), folder, "depth")
    if hard_ap(step2):
        winner = replace(choose_winner(step2)[0].description, name=f"searched_{regime.gmac:g}g")
        if hard_ap(step1):
            files += save(regime_figure(step1, winner, f"{name}: shares of step 1, result of step 2"), folder, "regime")
        title = f"{name}, step 2: backbone, neck and head"
        files += save(detector_figure(step2, baseline_of(regime), winner, title), folder, "detector")
    return files


def _table(rows: Sequence[Row]) -> str:
    """The rows as CSV, without the descriptions' constant parts."""
    text = io.StringIO()
    names = ("name", "seed", "easy", "medium", "hard", "parameters", "epochs", "seconds", "revision", "node", "error")
    shape = ("block", "depths", "widths", "neck_width", "head_width", "head_convs")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*names, *shape, *COMPONENTS))
    for row in rows:
        d = row.description
        sizes = (" ".join(map(str, d.backbone.depths)), " ".join(map(str, d.backbone.widths)))
        values = [getattr(row, name) for name in names]
        parts = [d.backbone.block, *sizes, d.neck, d.head.width, d.head.convs]
        writer.writerow((*values, *parts, *(row.macs[component] for component in COMPONENTS)))
    return text.getvalue()


def _rank(values: Sequence[float], marks: Sequence[float]) -> dict[str, float | None]:
    rank = spearman(values, marks)
    known = rank.rho == rank.rho
    return {"rho": round(rank.rho, 3) if known else None, "p": round(rank.p, 4) if known else None}


def _spread(values: Sequence[float]) -> float | None:
    return round(stdev(values), 3) if len(values) > 1 else None
