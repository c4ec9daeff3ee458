"""What the declarations lose and our sources need: signatures.txt, Java signatures from Android's public reference."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .declarations import Class, Member, erase, split
from .types import shape

_LINE = re.compile(
    r"(?P<cls>[\w.]+): (?P<access>protected )?(?P<default>default )?(?P<variables><.+?> )?(?P<type>[\w.<>\[\]?, ]+ )?"
    r"(?P<name>\w+)(?:\((?P<parameters>.*)\))?(?: throws (?P<exceptions>.+))?$"
)


@dataclass(frozen=True)
class Signature:
    """variables: type variables of the method itself, with their bounds."""

    type: str
    parameters: tuple[str, ...] | None
    variables: dict[str, str] = field(default_factory=dict)
    exceptions: tuple[str, ...] = ()
    protected: bool = False
    default: bool = False
    varargs: bool = False


def read(path: Path, classes: Mapping[str, Class]) -> dict[tuple[str, Member], Signature]:
    """By class and declared member. Raises ValueError for a line that declares no known member: nothing is invented."""
    found: dict[tuple[str, Member], Signature] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None or match["cls"] not in classes:
            raise ValueError(f"{path}:{number}: expected CLASS: TYPE NAME(TYPES) of a known class, got {line!r}")
        variables = {}
        for part in split((match["variables"] or "").strip()[1:-1]):
            name, _, bound = part.partition(" extends ")
            variables[name] = bound or "Object"
        listed = match["parameters"]
        parameters = None if listed is None else tuple(split(listed.replace("...", "[]")))
        signature = Signature(
            type=(match["type"] or "void").strip(),
            parameters=parameters,
            variables=variables,
            exceptions=tuple(split(match["exceptions"] or "")),
            protected=bool(match["access"]),
            default=bool(match["default"]),
            varargs=listed is not None and "..." in listed,
        )
        name = "<init>" if match["name"] == "new" else match["name"]
        member = _declared(classes[match["cls"]], name, signature)
        if member is None:
            raise ValueError(f"{path}:{number}: no such member is declared: {line!r}")
        found[match["cls"], member] = signature
    return found


def _declared(cls: Class, name: str, signature: Signature) -> Member | None:
    def shapes(types: tuple[str, ...] | None, variables: Mapping[str, str]) -> list[str] | None:
        if types is None:
            return None
        return ["any" if erase(t) in cls.variables else shape(t, variables) for t in types]

    wanted = shapes(signature.parameters, signature.variables)
    for member in cls.members:
        if member.name == name and shapes(member.parameters, {}) == wanted:
            return member
    return None
