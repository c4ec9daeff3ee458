"""Runs a population of candidates on Ray: on this machine, or on the cluster at an address.

The driver alone writes the store, a row as soon as a candidate is done. Whatever is killed, at most the candidates that
were in training are lost, and `run_population` runs those again, like any that failed.
"""

import importlib
import logging
import math
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ..errors import DataError, SettingError
from .candidate import Candidate, Job, empty_row, run_candidate
from .store import Row, Store, best_row, with_results


@dataclass(frozen=True)
class Cluster:
    """Where candidates run. address: of a Ray cluster ("auto" for one on this machine), None for an own, local one.
    cpus, gpus: what one candidate takes; a share such as 0.25 lets four candidates sit on one GPU. attempts: how often
    a candidate is tried before its error is recorded."""

    address: str | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    attempts: int = 2

    def __post_init__(self) -> None:
        shares = self.cpus, self.gpus
        if not all(0 <= share < math.inf for share in shares) or not any(shares) or self.attempts < 1:
            raise SettingError("Expected CPU and GPU shares of 0 or more, not both 0, and 1 or more attempts.")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise SettingError(f"Expected a part of one GPU or whole ones, got {self.gpus}.")


@dataclass(frozen=True)
class Progress:
    """done: finished candidates, failed ones included. seconds_left: None until the first is done. best: by hard AP."""

    done: int
    total: int
    failed: int
    seconds_left: float | None
    best: Row | None


def run_population(
    store: Store,
    search: str,
    candidates: Sequence[Candidate],
    job: Job,
    cluster: Cluster,
    report: Callable[[Progress], None] = lambda progress: None,
) -> list[Row]:
    """Runs the candidates that the table `search` lacks or has with an error, and returns the rows of all.

    A candidate that fails as often as `cluster.attempts` says is recorded with its error. Raises SettingError without
    Ray, or when no node has the shares asked for; DataError for missing data, or a row of the same name but of another
    description or seed.
    """
    rows = {row.name: row for row in store.rows(search)}
    for candidate in candidates:
        row = rows.get(candidate.name)
        if row is not None and (row.description, row.seed) != (candidate.description, candidate.seed):
            raise DataError(
                f"{store.path}: {candidate.name} is another network there: the store was made by another version or "
                "with other options. Choose another folder."
            )
    rows = {name: row for name, row in rows.items() if row.error is None}
    missing = [candidate for candidate in candidates if candidate.name not in rows]
    if missing:
        job.check()
        with _connected(cluster) as ray:
            began = time.monotonic()
            report(_progress(rows, candidates, 0, 0.0))
            for finished, row in enumerate(_finished(ray, cluster, missing, job), 1):
                store.add(search, row)
                rows[row.name] = row
                report(_progress(rows, candidates, finished, time.monotonic() - began))
    return [rows[candidate.name] for candidate in candidates]


def current_revision() -> str:
    """The commit of this code, with "+" when files of the package differ from it; outside a checkout the version."""
    package = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        return subprocess.run(("git", "-C", package, *arguments), capture_output=True, text=True, check=True).stdout

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # fails for an installed copy within another checkout
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".")
        return git("rev-parse", "--short=12", "HEAD").strip() + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return metadata.version("scrfd-edge")


@contextmanager
def _connected(cluster: Cluster) -> Iterator[Any]:
    """The module `ray`, connected until the end of the block."""
    if cluster.address is not None and cluster.address != "auto":
        _reach(cluster.address)
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise SettingError("Searching needs Ray: pip install 'scrfd-edge[search]'.") from error
    try:
        ray.init(
            address=cluster.address or "local",
            include_dashboard=None if cluster.address else False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        where = "on this machine" if cluster.address is None else f"at {cluster.address!r}"
        raise SettingError(f"Ray cannot be used {where} ({error}).") from error
    try:
        resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if not any(r.get("CPU", 0) >= cluster.cpus and r.get("GPU", 0) >= cluster.gpus for r in resources):
            raise SettingError(
                f"No node has {cluster.cpus:g} CPUs and {cluster.gpus:g} GPUs for one candidate: "
                "ask for a smaller share, or give the address of a cluster that has them."
            )
        yield ray
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raises SettingError when nothing listens there, on which Ray itself would hang."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SettingError(
            f"No Ray cluster answers at {address!r} ({error}). Expected auto, or HOST:PORT of its first node, "
            "where `ray start --head --port=PORT` runs."
        ) from error


def _finished(ray: Any, cluster: Cluster, candidates: Sequence[Candidate], job: Job) -> Iterator[Row]:
    """One row per candidate, as they finish."""
    task = ray.remote(num_cpus=cluster.cpus, num_gpus=cluster.gpus, max_retries=0)(_work)
    running = {task.remote(candidate, job): (candidate, 1) for candidate in candidates}
    while running:
        (ready,), _ = ray.wait(list(running), num_returns=1)
        candidate, attempt = running.pop(ready)
        try:
            yield ray.get(ready)
        except ray.exceptions.RayError as error:  # of the candidate, or of the worker or node under it
            if attempt < cluster.attempts:
                running[task.remote(candidate, job)] = candidate, attempt + 1
            else:
                yield empty_row(candidate, job, error=_reason(error))


def _reason(error: Exception) -> str:
    """Type and first line of what failed on the worker, whose traceback Ray puts into its own exception's text."""
    cause: Exception = getattr(error, "cause", error)
    lines = str(cause).strip().splitlines() or ["no message"]
    return f"{type(cause).__name__}: {lines[0]}"[:500]


def _work(candidate: Candidate, job: Job) -> Row:
    """Runs on a worker."""
    import ray

    return run_candidate(candidate, job, ray.get_runtime_context().get_node_id())


def _progress(rows: dict[str, Row], candidates: Sequence[Candidate], finished: int, seconds: float) -> Progress:
    known = [rows[candidate.name] for candidate in candidates if candidate.name in rows]
    left = (len(candidates) - len(known)) * seconds / finished if finished else None
    scored = with_results(known)
    best = best_row(scored) if scored else None
    return Progress(len(known), len(candidates), len(known) - len(scored), left, best)
