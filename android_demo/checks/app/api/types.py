"""Types of Java and of the TypeScript declarations: their descriptors and signatures in class files, their shapes."""

import re
from collections.abc import Collection, Mapping

from .declarations import Class, erase, split

_PRIMITIVES = {
    "boolean": "Z",
    "byte": "B",
    "char": "C",
    "double": "D",
    "float": "F",
    "int": "I",
    "long": "J",
    "number": "I",  # unless signatures.txt says otherwise
    "short": "S",
    "void": "V",
}
_NAMES = {
    "any": "java.lang.Object",
    "string": "java.lang.String",
    "CharSequence": "java.lang.CharSequence",
    "Object": "java.lang.Object",
    "String": "java.lang.String",
}
_SHAPES = {
    **dict.fromkeys(("byte", "double", "float", "int", "long", "short"), "number"),
    **dict.fromkeys(("char", "String", "CharSequence", "java.lang.String", "java.lang.CharSequence"), "string"),
    **dict.fromkeys(("Object", "java.lang.Object"), "any"),
}


def shape(text: str, variables: Mapping[str, str] | None = None) -> str:
    """What is left of a Java type in the declarations. variables: bounds of the type variables in scope."""
    if text.endswith("[]"):
        return shape(text[:-2], variables) + "[]"
    name = (variables or {}).get(erase(text), erase(text))
    return _SHAPES.get(name, name)


def descriptor(text: str, classes: Mapping[str, Class], variables: Mapping[str, str] | None = None) -> str:
    """Of a type in Java or in the declarations, literals included ("6" is an int, '"x"' a String)."""
    if text.endswith("[]"):
        return "[" + descriptor(text[:-2], classes, variables)
    if text in _PRIMITIVES:
        return _PRIMITIVES[text]
    if text.startswith('"'):
        return "Ljava/lang/String;"
    if text in ("true", "false"):
        return "Z"
    if re.fullmatch(r"-?\d+", text):
        return "I" if -(2**31) <= int(text) < 2**31 else "J"
    if re.match(r"-?[\d.]", text):
        return "F"
    name = (variables or {}).get(erase(text), erase(text))
    name = _NAMES.get(name, name)
    if "." not in name:  # a type variable of the class
        name = "java.lang.Object"
    return f"L{_binary(name, classes)};"


def signature(text: str, classes: Mapping[str, Class], variables: Collection[str]) -> str:
    """As `descriptor`, with type arguments and the type variables in scope."""
    if text.endswith("[]"):
        return "[" + signature(text[:-2], classes, variables)
    if text in variables:
        return f"T{text};"
    if not text.endswith(">"):
        return descriptor(text, classes)
    arguments = "".join(_argument(part, classes, variables) for part in split(text[text.index("<") + 1 : -1]))
    return f"{descriptor(erase(text), classes)[:-1]}<{arguments}>;"


def _argument(text: str, classes: Mapping[str, Class], variables: Collection[str]) -> str:
    if text in ("any", "number", "?") or ("." not in text and text not in variables and text not in _NAMES):
        return "*" if not text.endswith("[]") else signature(text, classes, variables)
    return signature(text, classes, variables)


def _binary(name: str, classes: Mapping[str, Class]) -> str:
    return classes[name].binary if name in classes else name.replace(".", "/")


def shape_of_descriptor(text: str) -> tuple[str, ...] | None:
    """Shapes of a method descriptor's parameters; None for a field's descriptor."""
    if not text.startswith("("):
        return None
    parts = re.findall(r"\[*(?:L[^;]+;|[BCDFIJSZ])", text[1 : text.index(")")])
    return tuple(_shape_of(part) for part in parts)


def _shape_of(part: str) -> str:
    if part.startswith("["):
        return _shape_of(part[1:]) + "[]"
    if part.startswith("L"):
        return shape(part[1:-1].replace("/", ".").replace("$", "."))
    return {"Z": "boolean", "C": "string"}.get(part, "number")
