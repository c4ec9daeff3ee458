"""Populations on Ray: killed, resumed, spread over nodes."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from scrfd_edge.errors import DataError, SettingError
from scrfd_edge.search import population
from scrfd_edge.search.candidate import Candidate, Job, run_candidate
from scrfd_edge.search.population import Cluster, Progress, _reason, current_revision, run_population
from scrfd_edge.search.store import Row, Store

DRIVER = """
import pickle, sys
from scrfd_edge.search.population import run_population
store, candidates, job, cluster = pickle.load(sys.stdin.buffer)
run_population(store, "step1", candidates, job, cluster)
"""

FACELESS = "# 0.png 120 90\n# 1.png 120 90\n# 2.png 120 90\n5 5 9 9 1\n# 3.png 120 90\n5 5 40 40\n"
"""Annotations without a face that counts on the pictures to evaluate on."""

slow = pytest.mark.skipif(os.environ.get("SCRFD_EDGE_SLOW") != "1", reason="takes minutes; SCRFD_EDGE_SLOW=1 runs it")


@pytest.fixture(scope="module", autouse=True)
def token() -> Iterator[None]:
    """A token of their own for the clusters started here, instead of one that Ray would keep in the home folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", uuid.uuid4().hex)
        yield


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "search.sqlite")
    made.begin("step1", {}, resume=False)
    return made


def results(rows: list[Row]) -> list[Row]:
    """Without what differs from run to run."""
    return [replace(row, seconds=0.0, node="") for row in rows]


def test_killed_and_resumed_it_gets_the_same_rows(store: Store, candidates: list[Candidate], job: Job) -> None:
    with subprocess.Popen([sys.executable, "-c", DRIVER], stdin=subprocess.PIPE) as driver:
        assert driver.stdin is not None
        driver.stdin.write(pickle.dumps((store, candidates, job, Cluster(attempts=5))))
        driver.stdin.close()
        wait(lambda: len(store.rows("step1")) >= 1, driver)
        wait(lambda: workers(driver.pid), driver)
        os.kill(workers(driver.pid)[0], signal.SIGKILL)
        wait(lambda: len(store.rows("step1")) >= 2, driver)
        training, started = workers(driver.pid), descendants(driver.pid)
        driver.kill()
    before = store.rows("step1")
    assert 2 <= len(before) < 4 and all(row.error is None for row in before)
    wait(lambda: not any(alive(pid) for pid in training))  # they go with their driver
    for pid in started:  # some of Ray's own processes would stay for a minute
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    seen: list[Progress] = []
    broken = Candidate("step1_004", candidates[0].description, seed=-1)  # no random generator takes it
    rows = run_population(store, "step1", [*candidates, broken], job, Cluster(), seen.append)
    assert [row for row in rows if row.name in {r.name for r in before}] == before  # not run again
    assert results(rows[:4]) == results([run_candidate(candidate, job, "") for candidate in candidates])
    assert len({row.hard for row in rows[:4]}) > 1 and all(row.hard is not None for row in rows[:4])
    assert rows[4].hard is None and "ValueError" in (rows[4].error or "")
    assert store.rows("step1") == rows
    assert (seen[0].done, seen[-1].done, seen[-1].failed, seen[-1].total) == (len(before), 5, 1, 5)
    assert seen[0].seconds_left is None and seen[-1].seconds_left == 0
    assert seen[-1].best is not None and seen[-1].best.hard == max(row.hard or 0 for row in rows)


@slow
def test_candidates_run_on_every_node(store: Store, candidates: list[Candidate], job: Job) -> None:
    with two_nodes() as address:
        work = pickle.dumps((store, candidates, job, Cluster(address)))
        subprocess.run([sys.executable, "-c", DRIVER], input=work, check=True)
    rows = store.rows("step1")
    assert [row.error for row in rows] == [None] * 4
    assert len({row.node for row in rows}) == 2


def test_a_row_of_another_network(store: Store, candidates: list[Candidate], job: Job, tmp_path: Path) -> None:
    from scrfd_edge.search.candidate import empty_row

    store.add("step1", empty_row(candidates[1], job))
    other = replace(candidates[0], name=candidates[1].name)
    with pytest.raises(DataError, match="another network"):
        run_population(store, "step1", [other], job, Cluster())


def test_finished_populations_need_no_ray(store: Store, candidates: list[Candidate], job: Job) -> None:
    from scrfd_edge.search.candidate import empty_row

    row = empty_row(candidates[0], job)
    store.add("step1", row)
    assert run_population(store, "step1", candidates[:1], job, Cluster("nowhere:1")) == [row]


def test_a_failed_candidate_is_run_again(
    store: Store, candidates: list[Candidate], job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scrfd_edge.search.candidate import empty_row

    good, failed = empty_row(candidates[0], job), empty_row(candidates[1], job, error="no space left on device")
    store.add("step1", good)
    store.add("step1", failed)
    monkeypatch.setattr(population, "_connected", lambda cluster: nullcontext())
    monkeypatch.setattr(population, "_finished", lambda ray, cluster, again, job: [empty_row(c, job) for c in again])
    seen: list[Progress] = []
    rows = run_population(store, "step1", candidates[:2], job, Cluster(), seen.append)
    assert rows == store.rows("step1") == [good, replace(failed, error=None)]
    assert [progress.done for progress in seen] == [1, 2]


def test_an_error_is_recorded_with_its_type_and_first_line() -> None:
    class RemoteError(Exception):
        cause = RuntimeError("\nout of memory\n  at frame 1\n  at frame 2\n")

    assert _reason(RemoteError("ray::_work()\n  Traceback ..\n  at frame 2")) == "RuntimeError: out of memory"
    assert _reason(OSError("the worker died\nSee the logs.")) == "OSError: the worker died"
    assert _reason(MemoryError()) == "MemoryError: no message"


def test_without_ray(store: Store, candidates: list[Candidate], job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingError, match=r"pip install 'scrfd-edge\[search\]'"):
        run_population(store, "step1", candidates, job, Cluster())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: (data / "label.txt").unlink(), r"label\.txt"),
        (lambda data: (data / "dev.txt").unlink(), r"dev\.txt"),
        (lambda data: (data / "images" / "4.png").unlink(), r"4\.png: the picture is missing"),
        (lambda data: (data / "dev.txt").write_text("99.png\n"), r"99\.png is not in"),
        (lambda data: (data / "dev.txt").write_text("".join(f"{i}.png\n" for i in range(10))), "left to train on"),
        (lambda data: (data / "label.txt").write_text(FACELESS), r"dev\.txt: none of its pictures has a face"),
    ],
)
def test_missing_data(
    store: Store, candidates: list[Candidate], job: Job, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(job.data)
    with pytest.raises(DataError, match=message):
        run_population(store, "step1", candidates, job, Cluster())


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "127.0.0.1", "127.0.0.1:many", "127.0.0.1:99999"])
def test_addresses_where_no_cluster_answers(store: Store, candidates: list[Candidate], job: Job, address: str) -> None:
    with socket.socket() as silent:  # bound, but it does not listen
        silent.bind(("127.0.0.1", 0))
        cluster = Cluster(address.format(port=silent.getsockname()[1]))
        with pytest.raises(SettingError, match="No Ray cluster answers at '127.0.0.1.*HOST:PORT"):
            run_population(store, "step1", candidates, job, cluster)


@pytest.mark.parametrize("values", [{"cpus": 0}, {"cpus": -1}, {"gpus": -0.5}, {"attempts": 0}])
def test_shares_that_mean_nothing(values: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="shares"):
        Cluster(**values)  # type: ignore[arg-type]


def test_the_revision_is_known() -> None:
    assert current_revision()


def wait(condition: Callable[[], object], process: "subprocess.Popen[bytes] | None" = None) -> None:
    end = time.monotonic() + 180
    while not condition():
        assert process is None or process.poll() is None, "the driver ended"
        assert time.monotonic() < end, "waited for three minutes"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def descendants(root: int) -> list[int]:
    """Processes below a process."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
    found, level = [], {root}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level}
        found += sorted(level)
    return found


def workers(root: int) -> list[int]:
    """Processes below that train a candidate right now."""
    busy = []
    for pid in descendants(root):
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::_work"):
                busy.append(pid)
        except OSError:
            continue
    return busy


@contextmanager
def two_nodes() -> Iterator[str]:
    """The address of a cluster of two nodes of one CPU each, on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    ray = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--num-cpus=1"]
    head = [
        "--head",
        f"--port={address.rpartition(':')[2]}",
        "--node-ip-address=127.0.0.1",
        "--include-dashboard=false",
    ]
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        for options in ([*head, f"--temp-dir={folder}"], [f"--address={address}"]):
            node = stack.enter_context(subprocess.Popen([*ray, *options]))
            stack.callback(node.terminate)
            time.sleep(20)
        yield address
