"""Finds what a phone of the oldest API level lacks: python -m api.levels DECLARATIONS OLDEST FOLDER...

A newer class or member may be used inside `if (Build.VERSION.SDK_INT >= LEVEL)`, or anywhere in a class annotated
@TargetApi(LEVEL), whose own members then count as of that level. Android Studio's lint goes by the same rules.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from . import bytecode, declarations
from .bytecode import Compiled, Reference
from .declarations import Class
from .types import shape_of_descriptor

# Packages that the declarations leave out ("function" is a word of JavaScript), and the level of all that is in them.
_LEFT_OUT = {"java/util/function/": 24}


class Levels:
    """API levels of the system's classes and of our own."""

    def __init__(self, system: dict[str, Class], own: list[Compiled], oldest: int) -> None:
        self._system = {cls.binary: cls for cls in system.values()}
        self._names = system
        self._own = {cls.name: cls for cls in own}
        self._oldest = oldest

    def of(self, reference: Reference) -> int | None:
        """None for what is neither declared by Android nor ours."""
        for package, package_level in _LEFT_OUT.items():
            if reference.owner.startswith(package):
                return package_level
        if reference.owner in self._own and reference.name is None:
            return self._own[reference.owner].target or self._oldest
        if reference.name is None:
            return self._class(reference.owner)
        if reference.owner in self._own and self._own[reference.owner].target:
            return self._own[reference.owner].target
        shapes = shape_of_descriptor(reference.descriptor or "")
        found = [
            level for name in self._line(reference.owner) if (level := self._declared(name, reference.name, shapes))
        ]
        if found:
            # What a superclass had before is there on older phones, too.
            return max(min(found), self._class(reference.owner) or 0)
        return self._oldest if reference.owner in self._own else None

    def _class(self, binary: str) -> int | None:
        if binary in self._own:
            return self._own[binary].target or self._oldest
        cls = self._system.get(binary)
        level = 0
        while cls is not None:  # not older than the classes around it
            level = max(level, cls.level)
            cls = self._names.get(cls.outer or "")
        return level or None

    def _declared(self, binary: str, name: str, shapes: tuple[str, ...] | None) -> int | None:
        cls = self._system.get(binary)
        if cls is None:
            return None
        found = [m.level for m in cls.members if m.name == name and _fits(m.parameters, shapes, cls)]
        return max(min(found), self._class(binary) or 0) if found else None

    def _line(self, binary: str) -> Iterator[str]:
        """The class, its superclasses and all their interfaces."""
        yield binary
        if binary in self._own:
            parents = [self._own[binary].super, *self._own[binary].interfaces]
        elif binary in self._system:
            cls = self._system[binary]
            names = [declarations.erase(name) for name in (cls.super, *cls.interfaces)]
            parents = [self._names[name].binary for name in names if name in self._names]
        else:
            return
        for parent in parents:
            if parent != binary:
                yield from self._line(parent)


def _fits(declared: tuple[str, ...] | None, shapes: tuple[str, ...] | None, cls: Class) -> bool:
    if declared is None or shapes is None or len(declared) != len(shapes):
        return declared is None and shapes is None
    return all(_same(declarations.erase(d), s, cls) for d, s in zip(declared, shapes, strict=True))


def _same(declared: str, shape: str, cls: Class) -> bool:
    return declared == shape or shape == "any" or declared.removesuffix("[]") in cls.variables


def main() -> None:
    source, oldest, folders = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    own = bytecode.read(sorted(path for folder in folders for path in Path(folder).rglob("*.class")))
    levels = Levels(declarations.read(source), own, oldest)
    checked = newer = 0
    faults = []
    for cls in own:
        parents = [Reference(cls.name, name) for name in (cls.super, *cls.interfaces)]
        for reference in (*parents, *cls.references):
            if not reference.owner.startswith(("android/", "java/", "javax/", "org/json/", "io/scrfdedge/")):
                continue
            level = levels.of(reference)
            what = reference.owner + (f".{reference.name}{reference.descriptor}" if reference.name else "")
            checked += 1
            if level is None:
                faults.append(f"{reference.where}: {what} is declared nowhere")
            elif level > oldest:
                newer += 1
                if level > max(reference.guard, cls.target):
                    faults.append(f"{reference.where}: {what} needs API {level}, and nothing checks for it")
    print("\n".join(faults))
    print(f"{checked} references, {newer} of them to what is newer than API {oldest}, {len(faults)} at fault")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
