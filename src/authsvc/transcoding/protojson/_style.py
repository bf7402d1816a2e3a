"""How messages are written."""

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor

from ._enums import EnumName, declared_name


def _never(field: FieldDescriptor) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The choices that ProtoJSON leaves to the writer, and a few that it does not.

    Attributes:
        defaults: whether fields without presence are written at their default too.
        proto_names: whether fields are named as in the `.proto` file rather than in lowerCamelCase.
        enum_numbers: whether enums are written as numbers rather than as names.
        enum_name: what a value of an enum is called, where it is written and where it is read; any other name is
            unknown then. `short_enum_name` is ready-made. Two values of an enum must not have one name. A value whose
            name is empty does not exist in JSON: neither is it written, nor read as a number. In paths and queries
            there are no numbers at all where a style has names of its own.
        nullable: which fields with presence are written as `null` when they are unset, rather than omitted.
        millis: whether timestamps always have three fractional digits, finer ones cut off.

    """

    defaults: bool = False
    proto_names: bool = False
    enum_numbers: bool = False
    enum_name: EnumName = declared_name
    nullable: Callable[[FieldDescriptor], bool] = _never
    millis: bool = False

    def field_name(self, field: FieldDescriptor) -> str:
        """Return what a field is called in JSON."""
        name: str = field.name if self.proto_names else field.json_name
        return name
