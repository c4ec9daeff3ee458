"""The two steps, with results given by a rule in place of training, and the report on them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scrfd_edge.description import DESCRIPTIONS, Description
from scrfd_edge.errors import DataError, SettingError
from scrfd_edge.search import procedure
from scrfd_edge.search.candidate import Candidate, Job, empty_row
from scrfd_edge.search.population import Cluster
from scrfd_edge.search.procedure import (
    TABLE_3,
    Plan,
    choose_shares,
    choose_winner,
    compare,
    run_step,
    table_3,
    two_step,
)
from scrfd_edge.search.report import build_report, shares_of, write_report
from scrfd_edge.search.shares import backbone_shares, component_macs
from scrfd_edge.search.space import SPACES, Space, find_regime
from scrfd_edge.search.store import Row, Store

SMALL = Space("small", 8, 256, 64, 96, 3, first_width=64, growth=8, stem="paper", step=16)
PLAN = Plan(SMALL, find_regime(0.5))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "search.sqlite")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hard AP rises with the share of C5 and, a little, with the seed."""

    def run(store: Store, search: str, candidates: Sequence[Candidate], job: Job, *_: object) -> list[Row]:
        known = {row.name for row in store.rows(search)}
        for candidate in candidates:
            if candidate.name not in known:
                hard = 20 + 30 * float(backbone_shares(component_macs(candidate.description))[4]) + candidate.seed / 10
                row = replace(empty_row(candidate, job), easy=hard + 20, medium=hard + 10, hard=hard, node="here")
                store.add(search, row)
        return [row for row in store.rows(search) if row.name in {c.name for c in candidates}]

    monkeypatch.setattr(procedure, "run_population", run)


def ignore(*_: object) -> None:
    pass


def test_step_1_stays_as_it_is_once_step_2_has_begun(store: Store, job: Job, trained: None) -> None:
    found = two_step(store, PLAN, (20, 4), job, Cluster(), False, ignore)
    failed = replace(store.rows("step1")[0], name="step1_020", easy=None, medium=None, hard=None, error="no memory")
    store.add("step1", failed)
    with pytest.raises(SettingError, match=r"step 2 has begun.*21 \(--count\)"):
        two_step(store, PLAN, (22, 4), job, Cluster(), True, ignore)
    assert two_step(store, PLAN, (21, 4), job, Cluster(), True, ignore) == found
    assert store.rows("step1")[-1] == failed


def test_a_step_stays_as_it_is_once_table_3_has_begun_with_its_network(store: Store, job: Job, trained: None) -> None:
    found = two_step(store, PLAN, (20, 4), job, Cluster(), False, ignore)
    table_3(store, 1, {False: job}, Cluster(), False, ignore)
    with pytest.raises(SettingError, match=r"Table 3 has begun.*4 \(--count2\)"):
        two_step(store, PLAN, (20, 5), job, Cluster(), True, ignore)
    assert two_step(store, PLAN, (20, 4), job, Cluster(), True, ignore) == found


def test_bad_counts_of_step_2_are_told_before_step_1(store: Store, job: Job, trained: None) -> None:
    with pytest.raises(SettingError, match="Count 0.*step 2"):
        two_step(store, PLAN, (20, 0), job, Cluster(), False, ignore)
    for within in (0.0, float("nan"), 2.0):
        with pytest.raises(SettingError, match="--within"):
            replace(PLAN, within=within)
    assert store.searches() == {}


def test_run_and_report_choose_from_the_same_rows(store: Store, job: Job, trained: None) -> None:
    run_step(store, PLAN, "step1", 20, job, Cluster(), False, ignore)
    found = two_step(store, PLAN, (8, 4), job, Cluster(), True, ignore)
    assert two_step(store, PLAN, (20, 2), job, Cluster(), True, ignore) == found
    assert tuple(build_report(store)["choices"].values()) == found.reasons


def test_shares_are_the_medians_of_the_best(scored: Callable[[Description, float], Row]) -> None:
    names = ("scrfd_2.5g", "scrfd_10g", "resnet_2.5g", "resnet_10g")
    rows = [scored(DESCRIPTIONS[name], 80.0 if name == "scrfd_2.5g" else 50.0) for name in names]
    target, reason = choose_shares(rows * 4)
    np.testing.assert_allclose(target, [0.1581, 0.2861, 0.4531, 0.0725, 0.0301], atol=2e-4)
    assert "16 candidates" in reason and "C3 45.3%" in reason and "80.00" in reason


def test_the_winner_has_the_highest_hard_ap(scored: Callable[[Description, float], Row]) -> None:
    rows = [scored(DESCRIPTIONS["scrfd_500m"], 30.0), scored(DESCRIPTIONS["scrfd_1g"], 31.5)]
    row, reason = choose_winner(rows)
    assert row.name == "scrfd_1g" and "31.50" in reason and "1.50 before the next" in reason


def test_populations_that_failed(job: Job, candidates: list[Candidate]) -> None:
    rows = [empty_row(candidate, job, error="no memory") for candidate in candidates]
    with pytest.raises(DataError, match="None of 4 candidates .* no memory"):
        choose_winner(rows)


def test_two_steps_end_with_a_description_and_reasons(store: Store, job: Job, trained: None) -> None:
    found = two_step(store, PLAN, (40, 12), job, Cluster(), False, ignore)
    step1, step2 = store.rows("step1"), store.rows("step2")
    assert (len(step1), len(step2)) == (40, 12)
    target, _ = choose_shares(step1)
    for row in step2:
        assert np.abs(backbone_shares(row.macs) - target).max() <= PLAN.within
    assert found.winner.backbone == max(step2, key=lambda row: row.hard or 0).description.backbone
    assert found.winner.name == "searched_0.5g" and len(found.reasons) == 2
    assert Description.from_dict(json.loads(json.dumps(found.winner.to_dict()))) == found.winner
    assert two_step(store, PLAN, (40, 12), job, Cluster(), True, ignore) == found
    with pytest.raises(DataError, match="another step1 search"):
        two_step(store, replace(PLAN, space=SPACES["release"]), (40, 12), job, Cluster(), True, ignore)
    with pytest.raises(DataError, match="another step1 search"):
        two_step(store, replace(PLAN, regime=find_regime(2.5)), (40, 12), job, Cluster(), True, ignore)


@pytest.mark.parametrize("other", [{"kernels": True}, {"device": "cuda"}])
def test_a_search_keeps_to_one_arithmetic(store: Store, job: Job, trained: None, other: dict[str, Any]) -> None:
    run_step(store, PLAN, "step1", 2, job, Cluster(), False, ignore)
    with pytest.raises(DataError, match=f"another step1 search.*{next(iter(other))}"):
        run_step(store, PLAN, "step1", 2, replace(job, **other), Cluster(), True, ignore)
    run_step(store, PLAN, "step1", 2, replace(job, threads=2), Cluster(), True, ignore)


def test_table_3_trains_what_is_known(store: Store, job: Job, trained: None) -> None:
    jobs = {False: job, True: replace(job, recipe=replace(job.recipe, scales=(2.0,)))}
    with pytest.raises(DataError, match="holds no population"):
        table_3(store, 2, jobs, Cluster(), False, ignore)
    run_step(store, PLAN, "step1", 20, job, Cluster(), False, ignore)
    table_3(store, 2, jobs, Cluster(), False, ignore)
    assert {row["method"]: row["seeds"] for row in build_report(store)["table3"]} == {
        method: 2 if method in ("baseline", "SR", "CR@backbone") else 0 for method in TABLE_3
    }
    two_step(store, PLAN, (20, 6), job, Cluster(), True, ignore)
    run_step(store, PLAN, "one_step", 10, job, Cluster(), False, ignore)
    table_3(store, 2, jobs, Cluster(), True, ignore)
    rows = {row["method"]: row for row in build_report(store)["table3"]}
    assert all(row["seeds"] == 2 for row in rows.values())
    assert rows["CR@two-step"]["hard"] == rows["SR+CR@two-step"]["hard"] > rows["baseline"]["hard"]


def test_a_pilot_tells_whether_seeds_rank_alike(store: Store, job: Job, trained: None) -> None:
    models = [DESCRIPTIONS[name] for name in ("scrfd_500m", "mobilenet_0.5g", "scrfd_1g")]
    compare(store, "pilot", models, 2, job, Cluster(), False, ignore)
    found = build_report(store)["compared"]["pilot"]
    assert found["rank_correlation_of_seeds"]["0-1"]["rho"] == 1
    assert found["spread_over_seeds"] == pytest.approx(0.0707, abs=1e-3)
    assert found["spread_over_models"] > found["spread_over_seeds"]
    assert found["models"]["scrfd_500m"]["seeds"] == 2


@pytest.mark.parametrize(("models", "seeds"), [([], 1), (["scrfd_1g"], 0), (["scrfd_1g", "scrfd_1g"], 1)])
def test_comparisons_that_mean_nothing(store: Store, job: Job, models: list[str], seeds: int) -> None:
    with pytest.raises(SettingError, match="seeds"):
        compare(store, "x", [DESCRIPTIONS[m] for m in models], seeds, job, Cluster(), False, ignore)


def test_the_report_has_every_part_and_figure(store: Store, job: Job, trained: None, tmp_path: Path) -> None:
    two_step(store, PLAN, (40, 14), job, Cluster(), False, ignore)
    found, files = write_report(store, tmp_path / "report")
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == found
    assert {path.name for path in files} == {
        *(f"{name}.{kind}" for name in ("stages", "depth", "regime", "detector") for kind in ("png", "svg")),
        *("report.json", "step1.csv", "step2.csv"),
    }
    for path in files:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.width > 500
    assert "searched_0.5g" in (tmp_path / "report" / "detector.svg").read_text()
    lines = (tmp_path / "report" / "step1.csv").read_text().splitlines()
    columns = lines[0].split(",")
    assert len(lines) == 41 and len(set(columns)) == len(columns)
    step1 = found["searches"]["step1"]
    assert step1["rows"] == 40 and step1["failed"] == 0
    assert step1["components"]["C5"]["rho"] == 1 and step1["components"]["C5"]["low"] > 20
    answers = {claim["claim"]: claim["answer"] for claim in found["claims"]}
    assert answers["Conclusion 4: more capacity in C5 at 0.5 GF than in mobilenet_0.5g"] == "holds"
    assert set(found["choices"]) == {"shares", "winner"}


@pytest.mark.parametrize(
    ("name", "percent"),
    [("scrfd_2.5g", 89.7), ("scrfd_10g", 87.5), ("scrfd_34g", 90.0), ("scrfd_500m", 52.8), ("scrfd_1g", 75.6)],
)
def test_shallow_shares_in_the_report(name: str, percent: float) -> None:
    assert abs(shares_of(DESCRIPTIONS[name])["shallow"] - percent) <= 0.05


def test_an_empty_folder(store: Store) -> None:
    with pytest.raises(DataError, match="no search yet"):
        build_report(store)
