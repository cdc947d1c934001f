"""Structs made from other objects."""

from typing import Any, TypeVar

import msgspec

StructT = TypeVar("StructT", bound=msgspec.Struct)


def struct_from(kind: type[StructT], source: object, **given: Any) -> StructT:
    """Return a struct with the given fields; the others are the attributes of `source` with the same names.

    Raises:
        AttributeError: neither has a field, even if the struct has a default for it.
    """
    same = {name: getattr(source, name) for name in kind.__struct_fields__ if name not in given}
    return kind(**same, **given)
