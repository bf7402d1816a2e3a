"""ProtoJSON: request bodies into messages, messages into reply bodies.

Bytes become JSON values here, under limits; `_decoder` fits the values to a message. Replies are written
by `google.protobuf.json_format`.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, NoReturn, TypeVar, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from .._errors import BadRequest, Unreadable
from .._fields import WELL_KNOWN, pool_of
from ._decoder import Decoder
from ._scalars import whole

MAX_DEPTH = 64

M = TypeVar("M", bound=Message)

_SPACE = re.compile(r"[ \t\n\r]*")


def decode(target: type[M] | M, data: bytes, *, ignore_unknown: bool = True) -> M:
    """Read a ProtoJSON body into a new message of a class, or into a given message.

    An empty or blank body is the default message, and whatever follows the first JSON value is ignored,
    as the ZITADEL gateway documents. With `ignore_unknown`, unknown fields and enum names are skipped.

    Raises:
        BadRequest: the body is not UTF-8, not JSON, nested deeper than 64, or does not fit the message.

    """
    message = target() if isinstance(target, type) else target
    value = first_value(data)
    if value is not ABSENT:
        _decoder(message.DESCRIPTOR, ignore_unknown).fill(message, value)
    return message


def encode(message: Message) -> bytes:
    """Write a message as compact ProtoJSON: JSON names, defaults omitted, UTF-8, no final newline.

    Raises:
        json_format.Error, ValueError: the message has no JSON form, such as an Any of unknown type.

    """
    return _dump(_as_json(message))


class FieldEncoder:
    """Writes one top-level field of a reply: `response_body` of google.api.http."""

    def __init__(self, field: FieldDescriptor, blank: Message) -> None:
        """Work out what an unset field is: its default, `{}` for an ordinary message, else `null`."""
        self._name = field.json_name
        ordinary = field.message_type is not None and field.message_type.full_name not in WELL_KNOWN
        defaults = _as_json(blank, defaults=True)
        self._unset = defaults.get(self._name, {} if ordinary else None)

    def __call__(self, message: Message) -> bytes:
        """Return the field's JSON; raises as `encode` does."""
        return _dump(_as_json(message).get(self._name, self._unset))


class _Absent:
    """The type of `ABSENT`: a body without a value, which is not the same as `null`."""


ABSENT = _Absent()


def first_value(data: bytes) -> object:
    """Return the first JSON value of a body, or `ABSENT` for a blank one.

    Raises:
        BadRequest: the body is not UTF-8 or not JSON, repeats a key, or exceeds a limit.

    """
    try:
        text = data.decode()
        start = _end_of_space(text)
        if start == len(text):
            return ABSENT
        value, _ = _JSON.raw_decode(text, start)
    except UnicodeDecodeError:
        raise BadRequest("", "the body is not UTF-8") from None
    except RecursionError:
        raise BadRequest("", _TOO_DEEP) from None
    except ValueError:
        raise BadRequest("", "the body is not JSON") from None
    # Counting brackets is far cheaper than walking, and clears nearly every body.
    if text.count("{") + text.count("[") > MAX_DEPTH and _exceeds(value, MAX_DEPTH):
        raise BadRequest("", _TOO_DEEP)
    return value


_TOO_DEEP = f"the body is nested deeper than {MAX_DEPTH}"


def _end_of_space(text: str) -> int:
    found = _SPACE.match(text)
    return found.end() if found else 0


def _exceeds(value: object, depth: int) -> bool:
    level = [value]
    for _ in range(depth):
        level = [inner for outer in level for inner in _contents(outer) if isinstance(inner, dict | list)]
    return bool(level)


def _contents(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("", "the body has an object with a repeated key")
    return found


def _integer(digits: str) -> int:
    try:
        return whole(digits)
    except Unreadable:
        raise BadRequest("", "the body has a number with too many digits") from None


def _constant(_name: str) -> NoReturn:
    raise BadRequest("", "the body is not JSON")


_JSON = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)


@cache
def _decoder(descriptor: Descriptor, ignore_unknown: bool) -> Decoder:  # noqa: FBT001 - a cache key
    return Decoder(descriptor, ignore_unknown=ignore_unknown)


def _as_json(message: Message, *, defaults: bool = False) -> dict[str, Any]:
    return json_format.MessageToDict(
        message,
        always_print_fields_with_no_presence=defaults,
        descriptor_pool=pool_of(cast("Descriptor", message.DESCRIPTOR)),
    )


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
