"""Class files without code, as javac needs them to compile against (chapter 4 of the JVM specification)."""

import struct
from dataclasses import dataclass

PUBLIC, PROTECTED, STATIC, FINAL, SUPER, VARARGS, NATIVE = 0x1, 0x4, 0x8, 0x10, 0x20, 0x80, 0x100
INTERFACE, ABSTRACT, ANNOTATION = 0x200, 0x400, 0x2000
_VERSION = 52  # Java 8


@dataclass(frozen=True)
class Entry:
    """A field or a method. constant: of a static final field."""

    access: int
    name: str
    descriptor: str
    signature: str | None = None
    exceptions: tuple[str, ...] = ()
    constant: int | float | str | None = None


@dataclass(frozen=True)
class Nested:
    """One line of the InnerClasses attribute: binary names of a nested class and of the class around it."""

    binary: str
    outer: str
    access: int


def write(
    access: int,
    binary: str,
    super_binary: str,
    interfaces: list[str],
    fields: list[Entry],
    methods: list[Entry],
    nested: list[Nested],
    signature: str | None,
) -> bytes:
    """The bytes of one class file."""
    pool = _Pool()
    body = struct.pack(">HHH", access, pool.cls(binary), pool.cls(super_binary))
    body += struct.pack(">H", len(interfaces)) + b"".join(struct.pack(">H", pool.cls(i)) for i in interfaces)
    for entries in (fields, methods):
        body += struct.pack(">H", len(entries)) + b"".join(_entry(entry, pool) for entry in entries)
    attributes = []
    if signature is not None:
        attributes.append(_attribute("Signature", struct.pack(">H", pool.text(signature)), pool))
    if nested:
        lines = b"".join(
            struct.pack(
                ">HHHH", pool.cls(n.binary), pool.cls(n.outer), pool.text(n.binary[len(n.outer) + 1 :]), n.access
            )
            for n in nested
        )
        attributes.append(_attribute("InnerClasses", struct.pack(">H", len(nested)) + lines, pool))
    body += struct.pack(">H", len(attributes)) + b"".join(attributes)
    head = struct.pack(">IHH", 0xCAFEBABE, 0, _VERSION)
    return head + struct.pack(">H", pool.next) + b"".join(pool.entries) + body


def _entry(entry: Entry, pool: "_Pool") -> bytes:
    attributes = []
    if entry.constant is not None:
        index = pool.constant(entry.descriptor, entry.constant)
        attributes.append(_attribute("ConstantValue", struct.pack(">H", index), pool))
    if entry.signature is not None:
        attributes.append(_attribute("Signature", struct.pack(">H", pool.text(entry.signature)), pool))
    if entry.exceptions:
        names = b"".join(struct.pack(">H", pool.cls(e)) for e in entry.exceptions)
        attributes.append(_attribute("Exceptions", struct.pack(">H", len(entry.exceptions)) + names, pool))
    head = struct.pack(">HHH", entry.access, pool.text(entry.name), pool.text(entry.descriptor))
    return head + struct.pack(">H", len(attributes)) + b"".join(attributes)


def _attribute(name: str, content: bytes, pool: "_Pool") -> bytes:
    return struct.pack(">HI", pool.text(name), len(content)) + content


class _Pool:
    """The constant pool: each entry once."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.next = 1
        self._known: dict[bytes, int] = {}

    def _add(self, entry: bytes, slots: int = 1) -> int:
        if entry not in self._known:
            self._known[entry] = self.next
            self.entries.append(entry)
            self.next += slots
        return self._known[entry]

    def text(self, value: str) -> int:
        content = value.encode("utf-8")
        return self._add(struct.pack(">BH", 1, len(content)) + content)

    def cls(self, binary: str) -> int:
        return self._add(struct.pack(">BH", 7, self.text(binary)))

    def constant(self, descriptor: str, value: int | float | str) -> int:
        if isinstance(value, str):
            return self._add(struct.pack(">BH", 8, self.text(value)))
        if descriptor == "J":
            return self._add(struct.pack(">Bq", 5, int(value)), slots=2)
        if descriptor == "D":
            return self._add(struct.pack(">Bd", 6, value), slots=2)
        if descriptor == "F":
            return self._add(struct.pack(">Bf", 4, value))
        return self._add(struct.pack(">Bi", 3, int(value)))
