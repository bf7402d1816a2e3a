"""How messages are written."""

from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor


def _never(field: FieldDescriptor) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The choices that ProtoJSON leaves to the writer.

    Attributes:
        defaults: whether fields without presence are written at their default too.
        proto_names: whether fields are named as in the `.proto` file rather than in lowerCamelCase.
        enum_numbers: whether enums are written as numbers rather than as names.
        nullable: which fields with presence are written as `null` when they are unset, rather than omitted.
        millis: whether timestamps always have three fractional digits, finer ones cut off.

    """

    defaults: bool = False
    proto_names: bool = False
    enum_numbers: bool = False
    nullable: Callable[[FieldDescriptor], bool] = _never
    millis: bool = False
