"""What is written stays, and what does not belong together stays apart."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scrfd_edge.errors import DataError, SettingError
from scrfd_edge.search.candidate import Candidate, Job, empty_row
from scrfd_edge.search.store import Row, Store

IDENTITY = {"space": {"name": "paper", "depth": 24}, "regime": {"gmac": 0.5}}


@pytest.fixture
def row(candidates: list[Candidate], job: Job) -> Row:
    return replace(empty_row(candidates[0], job), easy=50.5, medium=40.25, hard=20.125, seconds=3.5, node="n")


def test_rows_come_back_as_they_went(tmp_path: Path, row: Row, job: Job, candidates: list[Candidate]) -> None:
    store = Store(tmp_path / "deep" / "s.sqlite")
    store.begin("step1", IDENTITY, resume=False)
    failed = empty_row(candidates[1], job, error="no memory")
    store.add("step1", failed)
    store.add("step1", row)
    assert Store(store.path).rows("step1") == [row, failed]
    assert store.rows("step2") == []
    assert store.searches() == {"step1": IDENTITY}


def test_the_same_candidate_is_not_written_twice(tmp_path: Path, row: Row) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.begin("step1", IDENTITY, resume=False)
    store.add("step1", replace(row, easy=None, medium=None, hard=None, error="no memory"))
    store.add("step1", row)  # in the place of the one that failed
    assert store.rows("step1") == [row]
    with pytest.raises(DataError, match="UNIQUE"):
        store.add("step1", row)


def test_rows_survive_a_kill_right_after_they_were_added(tmp_path: Path, row: Row) -> None:
    path = tmp_path / "s.sqlite"
    store = Store(path)
    store.begin("step1", IDENTITY, resume=False)
    code = (
        "import pickle, sys, os, signal\n"
        "from scrfd_edge.search.store import Store\n"
        "store, row = pickle.load(sys.stdin.buffer)\n"
        "store.add('step1', row)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    import pickle

    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps((store, row)), check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert Store(path).rows("step1") == [row]


def test_going_on_has_to_be_said(tmp_path: Path, row: Row) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.begin("step1", IDENTITY, resume=True)
    store.add("step1", row)
    store.begin("step1", IDENTITY, resume=True)
    with pytest.raises(SettingError, match="--resume"):
        store.begin("step1", IDENTITY, resume=False)


def test_a_store_of_another_space(tmp_path: Path, row: Row) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.begin("step1", IDENTITY, resume=False)
    store.add("step1", row)
    with pytest.raises(DataError, match=r"another step1 search.*'paper'.*'release'"):
        store.begin("step1", {**IDENTITY, "space": {"name": "release", "depth": 10}}, resume=True)


def test_a_search_that_failed_before_its_first_row_blocks_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.begin("step1", IDENTITY, resume=False)
    store.begin("step1", {"space": "other"}, resume=False)
    assert store.searches() == {"step1": {"space": "other"}} and store.rows("step1") == []


def test_files_that_are_no_store(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"anything but a database, and long enough to be looked at" * 40)
    with pytest.raises(DataError, match="not a database"):
        Store(path)
    with pytest.raises(DataError, match="no such file"):
        Store.existing(tmp_path / "none.sqlite")


@pytest.mark.parametrize("name", ["Step1", "a b", "x; DROP TABLE searches", "searches", ""])
def test_names_of_searches(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match="small letters"):
        Store(tmp_path / "s.sqlite").begin(name, IDENTITY, resume=False)
