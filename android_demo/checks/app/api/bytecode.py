"""What compiled classes refer to, and under which version checks, read from `javap -p -v`."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_CLASS = re.compile(r"this_class: #\d+\s+// (\S+)")
_SUPER = re.compile(r"super_class: #\d+\s+// (\S+)")
_METHOD = re.compile(r"  (?:[\w.$<>\[\], ?]+ )?([\w$.]+)\(.*\).*;$")
_INSTRUCTION = re.compile(r"\s+(?P<at>\d+): (?P<code>\w+)\s*(?P<rest>.*)$")
_MEMBER = re.compile(
    r"// (?:Interface)?(?:Method|Field) (?:(?P<owner>[\w/$]+)\.)?\"?(?P<name>[\w$<>]+)\"?:(?P<descriptor>\S+)$"
)
_TYPE = re.compile(r"// class (?P<type>[\w/$]+)$")
_HANDLE = re.compile(
    r"REF_(?!invokeStatic java/lang/invoke/)\w+ (?P<owner>[\w/$]+)\.\"?(?P<name>[\w$<>]+)\"?:(?P<d>\S+)$"
)
_TARGET = re.compile(r"android\.annotation\.TargetApi\(\s+value=(\d+)")


@dataclass(frozen=True)
class Reference:
    """To a class, or to its field or method. guard: the API level that a version check around it ensures, or 0."""

    where: str
    owner: str
    name: str | None = None
    descriptor: str | None = None
    guard: int = 0


@dataclass
class Compiled:
    """One class. target: of its annotation TargetApi, or 0."""

    name: str
    super: str
    interfaces: list[str] = field(default_factory=list)
    target: int = 0
    references: list[Reference] = field(default_factory=list)


def read(files: list[Path]) -> list[Compiled]:
    """The class files, in one run of javap."""
    text = subprocess.run(["javap", "-p", "-v", *map(str, files)], check=True, capture_output=True, text=True).stdout
    return [_class(part) for part in text.split("\nClassfile ") if "this_class" in part]


def _class(text: str) -> Compiled:
    name, super_name = (pattern.search(text)[1] for pattern in (_CLASS, _SUPER))  # type: ignore[index]
    compiled = Compiled(name, super_name)
    head = text[: text.index("this_class")].splitlines()
    declared = next(
        line for line in head if re.match(r"(public |final |abstract |private |static )*(class|interface|enum) ", line)
    )
    if " implements " in declared:
        listed = re.sub(r"<.*?>", "", declared.partition(" implements ")[2])
        compiled.interfaces = [part.strip().replace(".", "/") for part in listed.split(",")]
    if found := _TARGET.search(text):
        compiled.target = int(found[1])
    method = ""
    code: list[re.Match[str]] = []
    branches: list[tuple[int, int, int]] = []
    for line in text[text.index("\n{\n") :].splitlines():
        if found := _METHOD.match(line):
            method = found[1].rpartition(".")[2]
        elif line.strip() == "Code:":
            code = []
        elif found := _INSTRUCTION.match(line):
            code.append(found)
            if branch := _version_check(code):
                branches.append(branch)
            if int(found["at"]) == 0:
                branches = []
            guard = max((level for start, end, level in branches if start < int(found["at"]) < end), default=0)
            where = f"{name.rpartition('/')[2]}.{method}"
            if member := _MEMBER.search(found["rest"]):
                owner = member["owner"] or name
                compiled.references.append(Reference(where, owner, member["name"], member["descriptor"], guard))
            elif kind := _TYPE.search(found["rest"]):
                compiled.references.append(Reference(where, kind["type"], guard=guard))
        elif found := _HANDLE.search(line):
            compiled.references.append(Reference(name.rpartition("/")[2], found["owner"], found["name"], found["d"]))
    return compiled


def _version_check(code: list[re.Match[str]]) -> tuple[int, int, int] | None:
    """Of `if (Build.VERSION.SDK_INT >= LEVEL)`: where its body starts and ends, and the level."""
    if len(code) < 3 or code[-1]["code"] != "if_icmplt" or "VERSION.SDK_INT" not in code[-3]["rest"]:
        return None
    return int(code[-1]["at"]), int(code[-1]["rest"]), int(code[-2]["rest"])
