"""Android's classes as npm's @nativescript/types-android declares them in TypeScript, with the API level of each.

TypeScript knows one number and one string, so a declared type is only a shape: `number` for every numeric primitive,
`string` for String, CharSequence and char, `any` for Object and type variables.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

FIRST_LEVEL = 21  # the file starts there: what has no "@since" is at least that old

_CLASS = re.compile(
    r"export (?:abstract )?class (?P<name>\w+)\s*(?P<variables><[^{]*?>)?\s*"
    r"(?:extends (?P<super>[^{]*?))?\s*(?:implements (?P<interfaces>[^{]*?))?\s*\{$"
)
_METHOD = re.compile(r"public (?P<static>static )?(?P<name>\w+)\((?P<parameters>.*)\): (?P<type>.+);$")
_CONSTRUCTOR = re.compile(r"public constructor\((?P<parameters>[^{]*)\);$")
_FIELD = re.compile(r"public (?P<static>static )?(?P<name>\w+): (?P<type>.+);$")
_ARRAY = re.compile(r"androidNative\.Array<((?:(?!androidNative\.Array)[^<>]|<[^<>]*>)*)>")
_SINCE = re.compile(r"@since (\d+)")


@dataclass(frozen=True)
class Member:
    """A method, a constructor ("<init>", type "void") or, where parameters is None, a field."""

    name: str
    parameters: tuple[str, ...] | None
    type: str
    static: bool
    level: int


@dataclass
class Class:
    """name: with dots, nested or not. outer: name of the class around it."""

    name: str
    outer: str | None
    level: int
    abstract: bool
    variables: tuple[str, ...]
    super: str
    interfaces: tuple[str, ...]
    interface: bool = False
    members: list[Member] = field(default_factory=list)

    @property
    def binary(self) -> str:
        """Name in class files, such as "android/view/View$OnClickListener"."""
        if self.outer is None:
            return self.name.replace(".", "/")
        return self.name[: len(self.outer)].replace(".", "/") + "$" + self.name[len(self.outer) + 1 :]


def read(path: Path) -> dict[str, Class]:
    """Every class of the file by its name with dots."""
    classes: dict[str, Class] = {}
    scopes: list[str] = []  # names around the current line
    level = FIRST_LEVEL
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        text = line.strip()
        if text.startswith("/**"):
            while not text.endswith("*/"):
                text += " " + next(lines).strip()
            level = max([FIRST_LEVEL, *map(int, _SINCE.findall(text))])
            if "interface with the provided implementation" in text:
                classes[".".join(scopes)].interface = True
            continue
        if module := re.match(r"(?:declare|export) module ([\w.]+)\s*\{$", text):
            scopes.append(module[1])
        elif found := _CLASS.match(text):
            scopes.append(found["name"])
            name = ".".join(scopes)
            classes[name] = Class(
                name=name,
                outer=".".join(scopes[:-1]) if ".".join(scopes[:-1]) in classes else None,
                level=level,
                abstract="abstract class" in text,
                variables=tuple(re.findall(r"\w+", found["variables"] or "")),
                super=(found["super"] or "java.lang.Object").strip(),
                interfaces=tuple(split(found["interfaces"] or "")),
            )
        elif text.startswith("public constructor(implementation"):
            while not text.endswith("});"):
                text = next(lines).strip()
        elif text.startswith("public "):
            if member := _member(text, level):
                classes[".".join(scopes)].members.append(member)
        elif text == "}":
            scopes.pop()
        level = FIRST_LEVEL
    for cls in classes.values():
        if cls.interface and cls.super != "java.lang.Object":  # an interface that extends another one
            cls.interfaces, cls.super = (cls.super, *cls.interfaces), "java.lang.Object"
        for name in cls.interfaces:
            if erase(name) in classes:
                classes[erase(name)].interface = True
    return classes


def _member(text: str, level: int) -> Member | None:
    if found := _CONSTRUCTOR.match(text):
        return Member("<init>", _parameters(found["parameters"]), "void", False, level)
    if found := _METHOD.match(text):
        return Member(
            found["name"], _parameters(found["parameters"]), _plain(found["type"]), bool(found["static"]), level
        )
    if (found := _FIELD.match(text)) and found["name"] != "class":
        return Member(found["name"], None, _plain(found["type"]), bool(found["static"]), level)
    return None


def _parameters(text: str) -> tuple[str, ...]:
    return tuple(_plain(part.partition(":")[2]) for part in split(text))


def _plain(text: str) -> str:
    """Without "| null"; arrays as T[]."""
    text = text.replace("| null", "").strip()
    while (plain := _ARRAY.sub(r"\1[]", text)) != text:
        text = plain
    return text


def erase(name: str) -> str:
    """Without type arguments."""
    return name.partition("<")[0].strip()


def split(text: str) -> list[str]:
    """At commas outside of angle brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "<") - (character == ">")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]
