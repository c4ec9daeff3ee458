"""Writes the stand-in for android.jar: python -m api.stubs DECLARATIONS SIGNATURES JAR."""

import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from . import classfile, declarations, signatures
from .classfile import (
    ABSTRACT,
    ANNOTATION,
    FINAL,
    INTERFACE,
    NATIVE,
    PROTECTED,
    PUBLIC,
    STATIC,
    SUPER,
    VARARGS,
    Entry,
    Nested,
)
from .declarations import Class, Member
from .signatures import Signature
from .types import descriptor, signature

_OF_ANNOTATION = ("annotationType", "equals", "hashCode", "toString")  # every annotation type has them from there


def main() -> None:
    source, hand_written, jar = map(Path, sys.argv[1:])
    classes = declarations.read(source)
    known = signatures.read(hand_written, classes)
    inside: dict[str, list[Class]] = {}
    for cls in classes.values():
        if cls.outer is not None:
            inside.setdefault(cls.outer, []).append(cls)
    written = [cls for cls in classes.values() if cls.name.startswith(("android.", "org.json."))]
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for cls in written:
            archive.writestr(f"{cls.binary}.class", _class(cls, classes, inside, known))
    print(f"{len(written)} classes, {len(known)} signatures by hand")


def _class(
    cls: Class,
    classes: Mapping[str, Class],
    inside: Mapping[str, list[Class]],
    known: Mapping[tuple[str, Member], Signature],
) -> bytes:
    fields: list[Entry] = []
    methods: list[Entry] = []
    for member in cls.members:
        entry = _entry(cls, member, known.get((cls.name, member)), classes)
        entries = fields if member.parameters is None else methods
        if entry is not None and not any((e.name, e.descriptor) == (entry.name, entry.descriptor) for e in entries):
            entries.append(entry)
    head = None
    if cls.variables:
        interfaces = "".join(descriptor(name, classes) for name in cls.interfaces)
        variables = "".join(f"{name}:Ljava/lang/Object;" for name in cls.variables)
        head = f"<{variables}>{descriptor(cls.super, classes)}{interfaces}"
    return classfile.write(
        _access(cls),
        cls.binary,
        descriptor(cls.super, classes)[1:-1],
        [descriptor(name, classes)[1:-1] for name in cls.interfaces],
        fields,
        methods,
        _nested(cls, classes, inside),
        head,
    )


def _access(cls: Class) -> int:
    if not cls.interface:
        return PUBLIC | SUPER | (ABSTRACT if cls.abstract else 0)
    annotation = ANNOTATION if "java.lang.annotation.Annotation" in cls.interfaces else 0
    return PUBLIC | INTERFACE | ABSTRACT | annotation


def _nested(cls: Class, classes: Mapping[str, Class], inside: Mapping[str, list[Class]]) -> list[Nested]:
    """The class itself, the classes around it and those directly inside."""
    around, line = cls, []
    while around.outer is not None:
        line.append(around)
        around = classes[around.outer]
    line += inside.get(cls.name, [])
    return [Nested(c.binary, classes[c.outer].binary, (_access(c) & ~SUPER) | STATIC) for c in line if c.outer]


def _entry(cls: Class, member: Member, known: Signature | None, classes: Mapping[str, Class]) -> Entry | None:
    known = known or Signature(type=member.type, parameters=member.parameters)
    static = STATIC if member.static else 0
    if known.parameters is None:
        constant = _constant(member.type)
        return Entry(
            PUBLIC | static | (FINAL if constant is not None else 0),
            member.name,
            descriptor(known.type, classes),
            signature=signature(known.type, classes, cls.variables) if "<" in known.type else None,
            constant=constant,
        )
    if cls.interface and member.name == "<init>":
        return None
    if "java.lang.annotation.Annotation" in cls.interfaces and member.name in _OF_ANNOTATION:
        return None
    access = (PROTECTED if known.protected else PUBLIC) | static
    access |= ABSTRACT if cls.interface and not static and not known.default else NATIVE
    access |= VARARGS if known.varargs else 0
    types = (*known.parameters, known.type)
    variables = {*cls.variables, *known.variables}
    generic = None
    if known.variables or any("<" in t or t.removesuffix("[]") in variables for t in types):
        head = "".join(f"{n}:{descriptor(bound, classes)}" for n, bound in known.variables.items())
        arguments = "".join(signature(t, classes, variables) for t in known.parameters)
        generic = f"{f'<{head}>' if head else ''}({arguments}){signature(known.type, classes, variables)}"
        generic += "".join(f"^{descriptor(e, classes)}" for e in known.exceptions)
    arguments = "".join(descriptor(t, classes, known.variables) for t in known.parameters)
    return Entry(
        access,
        member.name,
        f"({arguments}){descriptor(known.type, classes, known.variables)}",
        signature=generic,
        exceptions=tuple(descriptor(e, classes)[1:-1] for e in known.exceptions),
    )


def _constant(literal: str) -> int | float | str | None:
    """Of a type that is a value, such as "6" or '"x"'."""
    if literal.startswith('"'):
        return literal[1:-1]
    if literal in ("true", "false"):
        return int(literal == "true")
    if re.fullmatch(r"-?\d+", literal):
        return int(literal)
    return float(literal) if re.match(r"-?[\d.]", literal) else None


if __name__ == "__main__":
    main()
