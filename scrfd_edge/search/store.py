"""Results that survive `kill -9`: one SQLite file, one table per search, one row per finished candidate."""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..description import Description
from ..errors import DataError, ModelError, SettingError
from ..files import make_folder

COMPONENTS = ("stem", "C2", "C3", "C4", "C5", "neck", "head", "pool")

_COLUMNS: Mapping[str, str] = {
    "name": "TEXT PRIMARY KEY",
    "seed": "INTEGER NOT NULL",
    "description": "TEXT NOT NULL",
    "parameters": "INTEGER NOT NULL",
    **{component.lower(): "INTEGER NOT NULL" for component in COMPONENTS},
    "epochs": "REAL NOT NULL",
    "easy": "REAL",
    "medium": "REAL",
    "hard": "REAL",
    "seconds": "REAL NOT NULL",
    "revision": "TEXT NOT NULL",
    "node": "TEXT NOT NULL",
    "error": "TEXT",
}


@dataclass(frozen=True)
class Row:
    """One finished candidate.

    seed: of its training. macs: multiply-adds per component (COMPONENTS). easy, medium, hard: AP in percent, all None
    when it failed. seconds: training and evaluation. revision: of the code that trained it. node: of Ray where it ran.
    error: why it failed.
    """

    name: str
    seed: int
    description: Description
    parameters: int
    macs: Mapping[str, int]
    epochs: float
    easy: float | None
    medium: float | None
    hard: float | None
    seconds: float
    revision: str
    node: str
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON values, one key per column of the table but `description` as an object and `macs` in one."""
        return {**vars(self), "description": self.description.to_dict(), "macs": dict(self.macs)}


def with_results(rows: Sequence[Row]) -> list[Row]:
    """The rows with results."""
    return [row for row in rows if row.hard is not None]


def best_row(rows: Sequence[Row]) -> Row:
    """The row of the highest hard AP, the first of equals, among one or more."""
    return max(rows, key=lambda row: row.hard or 0.0)


def hard_ap(rows: Sequence[Row]) -> list[float]:
    """Hard APs in percent of the rows that have one."""
    return [row.hard for row in rows if row.hard is not None]


class Store:
    """The file of all searches of one folder. Every added row is on the disk when `add` returns.

    Raises DataError for a file that is not one of ours.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        make_folder(self.path.parent)
        with self._open() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS searches (name TEXT PRIMARY KEY, identity TEXT NOT NULL)")

    @classmethod
    def existing(cls, path: str | Path) -> "Store":
        """A store that is there already. Raises DataError when it is not."""
        if not Path(path).is_file():
            raise DataError(f"{path}: no such file; expected what `scrfd-edge search run` wrote.")
        return cls(path)

    def begin(self, search: str, identity: Mapping[str, Any], resume: bool) -> None:
        """Makes the table of a search, or goes on with it. A table without rows is as good as none.

        identity: what makes its rows comparable (space, budget, recipe, arithmetic, data, seed), JSON values. Raises
        SettingError when the table has rows and `resume` is false, DataError when they are of another identity.
        """
        text = json.dumps(identity, sort_keys=True)
        with self._open() as connection:
            columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
            connection.execute(f"CREATE TABLE IF NOT EXISTS {_table(search)} ({columns})")
            if connection.execute(f"SELECT 1 FROM {_table(search)}").fetchone() is None:
                connection.execute("INSERT OR REPLACE INTO searches VALUES (?, ?)", (search, text))
                return
            found = connection.execute("SELECT identity FROM searches WHERE name = ?", (search,)).fetchone()
        if found[0] != text:
            stored = json.loads(found[0])
            keys = sorted(k for k in {*stored, *identity} if stored.get(k) != json.loads(text).get(k))
            differences = ", ".join(f"{k} {stored.get(k)!r} there, {identity.get(k)!r} here" for k in keys)
            raise DataError(
                f"{self.path} holds another {search} search ({differences}). "
                "Go on with the options that it was started with, or choose another folder."
            )
        if not resume:
            raise SettingError(f"{self.path} holds this {search} search already: go on with --resume.")

    def add(self, search: str, row: Row) -> None:
        """Writes one row, for good, or in the place of one that failed."""
        values = {k: v for k, v in vars(row).items() if k not in ("macs", "description")}
        values["description"] = json.dumps(row.description.to_dict())
        values |= {component.lower(): row.macs[component] for component in COMPONENTS}
        marks = ", ".join(f":{name}" for name in _COLUMNS)
        with self._open() as connection:
            connection.execute(f"DELETE FROM {_table(search)} WHERE name = ? AND error IS NOT NULL", (row.name,))
            connection.execute(f"INSERT INTO {_table(search)} ({', '.join(_COLUMNS)}) VALUES ({marks})", values)

    def searches(self) -> dict[str, dict[str, Any]]:
        """Name -> identity of every search."""
        with self._open() as connection:
            return {
                n: json.loads(t) for n, t in connection.execute("SELECT name, identity FROM searches ORDER BY name")
            }

    def rows(self, search: str) -> list[Row]:
        """All rows of a search by name; none when there is no such search."""
        if search not in self.searches():
            return []
        with self._open() as connection:
            found = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM {_table(search)} ORDER BY name").fetchall()
        return [_row(self.path, dict(zip(_COLUMNS, values, strict=True))) for values in found]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing."""
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as connection, connection:
                yield connection
        except sqlite3.Error as error:
            raise DataError(
                f"{self.path}: expected the results of `scrfd-edge search run` ({error}). "
                "Choose another folder if the file is not one of ours."
            ) from error


def _row(path: Path, values: dict[str, Any]) -> Row:
    macs = {component: values.pop(component.lower()) for component in COMPONENTS}
    try:
        description = Description.from_dict(json.loads(values.pop("description")))
    except (ModelError, json.JSONDecodeError) as error:
        raise DataError(f"{path}: the row {values['name']!r} has a damaged description ({error}).") from error
    return Row(description=description, macs=macs, **values)


def _table(search: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", search) or search == "searches":
        raise SettingError(f"Search {search!r}: expected a name of small letters, digits and underscores.")
    return f"search_{search}"
