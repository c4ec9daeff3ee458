"""`scrfd-edge search` from the command line."""

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scrfd_edge.cli.search import app, compare_command, run_command, table_3_command
from scrfd_edge.description import DESCRIPTIONS, Description, find_description
from scrfd_edge.errors import DataError, ScrfdError, SettingError
from scrfd_edge.search import procedure
from scrfd_edge.search.candidate import Candidate, Job, empty_row
from scrfd_edge.search.population import Progress
from scrfd_edge.search.procedure import Outcome
from scrfd_edge.search.store import Row, Store


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results by a rule in place of training."""

    def run(store: Store, search: str, candidates: Sequence[Candidate], job: Job, *_: object) -> list[Row]:
        known = {row.name for row in store.rows(search)}
        for i, candidate in enumerate(candidates):
            if candidate.name not in known:
                store.add(search, replace(empty_row(candidate, job), easy=60.0 + i, medium=50.0 + i, hard=30.0 + i))
        return store.rows(search)

    monkeypatch.setattr(procedure, "run_population", run)


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, ScrfdError):
        raise result.exception
    return result


def test_sampled_networks_are_descriptions_that_other_commands_take(tmp_path: Path) -> None:
    result = call("sample", "--budget", 2.5, "--count", 3, "--out", tmp_path, "--json")
    networks = json.loads(result.stdout)["networks"]
    assert [network["name"] for network in networks] == ["step1_000", "step1_001", "step1_002"]
    for network in networks:
        path = tmp_path / f"{network['name']}.json"
        assert json.loads(json.dumps(find_description(str(path)).to_dict())) == network
    again = call("sample", "--budget", 2.5, "--count", 3, "--json")
    assert json.loads(again.stdout)["networks"] == networks


def test_step_2_is_sampled_around_a_model() -> None:
    arguments = ("sample", "--budget", 2.5, "--count", 2, "--step", "step2", "--like", "scrfd_2.5g")
    assert "step2_001" in call(*arguments, "--space", "release").stdout
    with pytest.raises(SettingError, match="only step 2"):
        call("sample", "--budget", 2.5, "--like", "scrfd_2.5g")


def test_a_search_from_run_to_report(job: Job, tmp_path: Path, trained: None) -> None:
    out = tmp_path / "out"
    options = ("--budget", 0.5, "--data", job.data, "--out", out, "--recipe", "cpu_search")
    result = call("run", *options, "--count", 16, "--count2", 4, "--one-step", 3, "--json")
    found = json.loads(result.stdout)
    assert found["description"]["name"] == "searched_0.5g" and len(found["reasons"]) == 2
    assert find_description(found["winner"]).name == "searched_0.5g"
    with pytest.raises(SettingError, match="--resume"):
        call("run", *options, "--count", 16, "--count2", 4)
    assert "Step 2." in call("run", *options, "--count", 16, "--count2", 4, "--resume").stdout

    call("compare", "scrfd_500m", found["winner"], *options[2:], "--seeds", 2)
    call("table3", *options[2:], "--seeds", 2)
    report = json.loads(call("report", "--out", out, "--json").stdout)
    assert set(report["compared"]) == {"compare", "table3", "table3_sr"}
    assert all(row["seeds"] == 2 for row in report["table3"])
    assert (out / "report" / "stages.svg").is_file() and (out / "report" / "report.json").is_file()
    text = call("report", "--out", out, "--figures", tmp_path / "figures").stdout
    assert "Published networks" in text and "52.8" in text and (tmp_path / "figures" / "step1.csv").is_file()


def test_the_winner_stays_when_the_one_step_search_fails(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DataError("no space left on device")

    monkeypatch.setattr(procedure, "two_step", lambda *_: Outcome(DESCRIPTIONS["scrfd_1g"], ("", "")))
    monkeypatch.setattr(procedure, "run_step", fail)
    with pytest.raises(DataError, match="no space"):
        call("run", "--budget", 1, "--data", job.data, "--out", tmp_path, "--one-step", 3)
    assert find_description(str(tmp_path / "winner.json")) == DESCRIPTIONS["scrfd_1g"]


def test_without_a_terminal_there_is_a_line_per_candidate(
    scored: Callable[[Description, float], Row], job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    best = scored(DESCRIPTIONS["scrfd_1g"], 31.5)

    def two_step(*arguments: Any) -> Outcome:
        for progress in (Progress(0, 9, 0, None, None), Progress(1, 9, 0, 480, best), Progress(2, 9, 1, 420, best)):
            arguments[-1]("step1", progress)
        return Outcome(best.description, ("", ""))

    monkeypatch.setattr(procedure, "two_step", two_step)
    result = call("run", "--budget", 1, "--data", job.data, "--out", tmp_path)
    assert result.stderr.splitlines() == [
        "step1 0/9",
        "step1 1/9, 8 min left, best scrfd_1g 31.50",
        "step1 2/9, 7 min left, 1 failed, best scrfd_1g 31.50",
    ]


def test_commands_that_train_take_the_same_options() -> None:
    """Typer reads signatures, so each command lists its options; their names, texts and defaults must stay one."""
    run, compare, table_3 = (inspect.signature(f).parameters for f in (run_command, compare_command, table_3_command))
    assert compare.keys() - run.keys() == {"models", "name", "seeds"} and table_3.keys() - run.keys() == {"seeds"}
    for other in (compare, table_3):
        for name in other.keys() & run.keys():
            assert other[name].annotation is run[name].annotation and other[name].default == run[name].default, name


def test_figures_of_tables_and_faces(job: Job, tmp_path: Path) -> None:
    parts = tmp_path / "tinaface.csv"
    parts.write_text("component,stride,gmac\nhead,4,58\nbackbone,8,42\n")
    call("report", "--figures", tmp_path / "f", "--computation", parts, "--faces", job.data)
    told = json.loads(call("report", "--figures", tmp_path / "f", "--faces", job.data, "--json").stdout)
    assert [Path(file).name for file in told["files"]] == ["sizes.png", "sizes.svg"]
    assert sorted(p.name for p in (tmp_path / "f").iterdir()) == [
        "computation.png",
        "computation.svg",
        "sizes.png",
        "sizes.svg",
    ]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("sample", "--budget", -1), SettingError, "Budget"),
        (("sample", "--budget", 0.0001), SettingError, "acceptance rate 0"),
        (("sample", "--budget", 1, "--space", "mine"), SettingError, "paper, release"),
        (("sample", "--budget", 1, "--block", "dense"), SettingError, "basic, bottleneck, depthwise"),
        (("sample", "--budget", 1, "--step", "step3"), SettingError, "step1, step2, one_step"),
        (("sample", "--budget", 1, "--count", 0), SettingError, "Count"),
        (("sample", "--budget", 1, "--seed", -1), SettingError, "Seed -1"),
        (("sample", "--budget", 1e300), SettingError, "Budget"),
        (("sample", "--budget", 1, "--out", "/dev/null/x"), SettingError, "/dev/null/x: the folder cannot be made"),
        (("run", "--budget", 0.5, "--data", "none", "--out", "{out}"), DataError, "label.txt"),
        (("run", "--budget", 1, "--data", "none", "--out", "{out}", "--one-step", -1), SettingError, "--one-step"),
        (("run", "--budget", 1, "--data", "none", "--out", "{out}", "--cpus", "nan"), SettingError, "shares"),
        (("run", "--budget", 1, "--data", "none", "--out", "{out}", "--gpus", 1.5), SettingError, "whole ones"),
        (("run", "--budget", 1, "--data", "none", "--out", "{out}", "--cache-gib", "nan"), SettingError, "--cache-gib"),
        (("run", "--budget", 1, "--data", "none", "--out", "{out}", "--kernels"), SettingError, "--kernels"),
        (("run", "--budget", 0.5, "--data", "none", "--out", "{out}", "--recipe", "x"), SettingError, "paper_search"),
        (("run", "--budget", 0.5, "--data", "none", "--out", "{out}", "--cpus", 0), SettingError, "shares"),
        (("compare", "scrfd_1g", "--data", "none", "--out", "{out}", "--name", "step1"), SettingError, "Name 'step1'"),
        (("compare", "scrfd_1g", "--data", "none", "--out", "{out}", "--name", "table3_sr"), SettingError, "choose"),
        (("table3", "--data", "none", "--out", "{out}"), DataError, "no such file"),
        (("report", "--out", "{out}"), DataError, "no such file"),
        (("report",), SettingError, "--out"),
        (("report", "--accuracies", "x.csv"), SettingError, "--figures"),
    ],
)
def test_bad_input(arguments: tuple[object, ...], error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        call(*(str(argument).replace("{out}", str(tmp_path / "out")) for argument in arguments))
    assert not (tmp_path / "out" / "search.sqlite").exists()
