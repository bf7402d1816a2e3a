"""How enum values are named in JSON: as they are declared, or as a style says."""

import re
from collections.abc import Callable

from google.protobuf.descriptor import EnumDescriptor, EnumValueDescriptor

EnumName = Callable[[EnumValueDescriptor], str]

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class EnumNameError(ValueError):
    """The names that a style gives to the values of an enum cannot be told apart."""


def declared_name(value: EnumValueDescriptor) -> str:
    """Return the name in the `.proto` file, as ProtoJSON has it."""
    name: str = value.name
    return name


def short_enum_name(value: EnumValueDescriptor) -> str:
    """Return the name in lower case without that of its enum: `active` for `SESSION_STATUS_ACTIVE`."""
    prefix = _WORD.sub("_", value.type.name).upper()
    return declared_name(value).removeprefix(f"{prefix}_").lower()


def numbers_by_name(enum: EnumDescriptor, enum_name: EnumName) -> dict[str, int]:
    """Return the numbers of an enum by the names of its values, without those whose name is empty.

    Raises:
        EnumNameError: two numbers have one name.

    """
    numbers: dict[str, int] = {}
    for value in enum.values:
        name = enum_name(value)
        if name and numbers.setdefault(name, value.number) != value.number:
            raise EnumNameError(f"two values of {enum.full_name} have the name {name} in JSON")
    return numbers


def names_by_number(enum: EnumDescriptor, enum_name: EnumName) -> dict[int, str]:
    """Return the names by number, the first declared one where several share a number; raises likewise."""
    names: dict[int, str] = {}
    for name, number in numbers_by_name(enum, enum_name).items():
        names.setdefault(number, name)
    return names


def nameless_numbers(enum: EnumDescriptor, enum_name: EnumName) -> frozenset[int]:
    """Return the numbers of an enum that have no name and so do not exist in JSON."""
    return frozenset(value.number for value in enum.values).difference(numbers_by_name(enum, enum_name).values())
