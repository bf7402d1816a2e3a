"""How one request wants its answer written: the system parameters of Google's REST clients.

`prettyPrint`, `fields` and `$alt=json;enum-encoding=int`, each also with a dollar sign in front; `fields` also as
the header `X-Goog-FieldMask` (AIP-157).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from ._errors import BadRequest
from ._mask import Mask, masked, parse_mask
from .protojson import Codec
from .protojson._codec import dump
from .protojson._encoder import Encode

_ENUM_ENCODINGS = {"int": True, "string": False}
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class View:
    """How answers are written for one request.

    Attributes:
        encode: makes the JSON value of an answer.
        mask: the part of it that is wanted.
        pretty: whether it is indented.
        events: whether a stream is wanted as server-sent events, whatever `Accept` says (`alt=sse`).

    """

    encode: Encode
    mask: Mask | None = None
    pretty: bool = False
    events: bool = False

    def write(self, message: Any, *, one_line: bool = False) -> bytes:
        """Write an answer; raises `EncodeError` for one without JSON form."""
        value = self.encode(message)
        if self.mask is not None:
            value = masked(value, self.mask)
        return dump(value, pretty=self.pretty and not one_line)


class Views:
    """The views of one route."""

    def __init__(self, method: MethodDescriptor, field: FieldDescriptor | None, codecs: "Codecs") -> None:
        """Compile; `field` is what `response_body` names, None for the whole response."""
        self._shown: Descriptor | None = field.message_type if field else method.output_type
        self._proto_names = codecs.usual.style.proto_names

        @cache  # hardly anybody asks for the unusual
        def encoder(enum_numbers: bool) -> Encode:  # noqa: FBT001
            codec = codecs.by_enum_numbers[enum_numbers]
            return (
                codec.field_encoder(method.output_type, field) if field else codec.message_encoder(method.output_type)
            )

        self._encoder = encoder
        self.usual = View(encoder(codecs.usual.style.enum_numbers))

    def view(self, parameters: Mapping[str, str], mask_header: str) -> View:
        """Return the view that a request asks for.

        Raises:
            BadRequest: a system parameter has a value that it cannot have.

        """
        mask = parameters.get("fields") or mask_header
        if not mask and parameters.keys().isdisjoint({"alt", "prettyPrint"}):
            return self.usual
        encode, events = self.usual.encode, False
        if "alt" in parameters:
            numbers, events = _alt(parameters["alt"])
            encode = encode if numbers is None else self._encoder(numbers)
        parsed = parse_mask(mask, self._shown, proto_names=self._proto_names) if mask else None
        return View(encode, parsed, _flag("prettyPrint", parameters.get("prettyPrint", "false")), events)


class Codecs:
    """The codec of a face, and the one that differs from it in how enums are written."""

    def __init__(self, usual: Codec) -> None:
        """Make the second; it never reads."""
        other = replace(usual.style, enum_numbers=not usual.style.enum_numbers)
        self.usual = usual
        self.by_enum_numbers = {usual.style.enum_numbers: usual, other.enum_numbers: Codec(other)}


def _alt(value: str) -> tuple[bool | None, bool]:
    """Whether enums are wanted as numbers, None if nothing is said; and whether a stream as server-sent events."""
    form, _, option = value.partition(";")
    name, _, encoding = option.partition("=")
    if form not in {"json", "sse"} or (option and (name != "enum-encoding" or encoding not in _ENUM_ENCODINGS)):
        raise BadRequest("alt", "must be json or sse, where ;enum-encoding=int may follow")
    return _ENUM_ENCODINGS.get(encoding), form == "sse"


def _flag(name: str, value: str) -> bool:
    if value not in _FLAGS:
        raise BadRequest(name, "must be true or false")
    return _FLAGS[value]
