"""Plain Python values <-> builtin attributes, both ways without loss."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from xdsl.dialects.builtin import (
    ArrayAttr,
    BytesAttr,
    DenseArrayBase,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    f64,
    i64,
)
from xdsl.ir import Attribute

from wlm_dialect.errors import ProgramError


@lru_cache(maxsize=1 << 16)
def _integers(values: tuple[int, ...]) -> Attribute:
    return DenseArrayBase.from_list(i64, values)


def to_attribute(value: Any) -> Attribute:
    """An attribute for an integer, float, string, sequence or mapping of such; integers alone become a dense array."""
    match value:
        case int():
            return IntegerAttr(int(value), i64)
        case float():
            return FloatAttr(value, f64)
        case str():
            return StringAttr(value)
        case Mapping():
            return DictionaryAttr({str(k): to_attribute(v) for k, v in value.items()})
        case tuple() | list() if value and all(isinstance(v, int) for v in value):
            return _integers(tuple(value))
        case tuple() | list():
            return ArrayAttr([to_attribute(v) for v in value])
        case _:
            raise ProgramError(f"{type(value).__name__} {value!r} has no form as an attribute")


def to_value(attribute: Attribute) -> Any:
    """What `to_attribute` was given; sequences come back as tuples."""
    match attribute:
        case IntegerAttr() | FloatAttr():
            return attribute.value.data
        case StringAttr():
            return attribute.data
        case BytesAttr():  # how xDSL reads a string that is not ASCII
            return attribute.data.decode()
        case DenseArrayBase():
            return tuple(attribute.get_values())
        case ArrayAttr():
            return tuple(to_value(a) for a in attribute.data)
        case DictionaryAttr():
            return {k: to_value(a) for k, a in attribute.data.items()}
        case _:
            raise ProgramError(f"attribute {attribute} is no number, string, array or dictionary")
