"""What may differ between the JSON faces of services."""

from dataclasses import dataclass, field
from typing import get_args

from ._accept import is_json
from ._answer import JSON
from ._status import WriteError, status_error
from .protojson import Limits, Style
from .protojson._codec import Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one face speaks JSON.

    Attributes:
        style: how messages are written, and what fields and enum values are called.
        unknown: whether unknown query parameters, body fields and enum names are skipped or refused.
        lenient_bodies: whether bodies of any content type are read as JSON, and what follows the first JSON
            value is skipped, as grpc-gateway does. Otherwise they are refused, with 415 and 400.
        errors: how errors are written: `status_error`, `aip193_error`, an `ErrorFormat` of one's own, or just its
            `write`, which leaves the OpenAPI document without their schema.
        content_type: of answers and errors that are one JSON value; streams of other framings have their own.
        empty_bodies: whether an answer whose message type has no fields has no body and no content type, rather than
            being `{}`; not in streams.
        explain: whether the refusal of a request names the wrong field for programs too, in a google.rpc.BadRequest.
            Of what a client has made up it repeats the names of unknown parameters and fields.
        system_parameters: whether the system parameters of Google's APIs (`fields`, `prettyPrint`, `alt` and those
            that mean nothing here) and the header `X-Goog-FieldMask` are for the server. Otherwise they are
            parameters as any other, unknown unless the request has such a field, and a header of no meaning.
        reserved_expansion: whether all reserved characters of RFC 6570 stay percent-encoded in path variables of
            several segments, and not only the slash; the other reading that google.api.http gives of itself.
        compress: whether answers are compressed for clients that ask for it. Where an answer holds a secret next to
            what anybody may have put into the request, its compressed length tells of the secret (BREACH).

    Raises:
        ValueError: `unknown` is none of its values, or `content_type` is no type of JSON.

    """

    style: Style = field(default_factory=Style)
    unknown: Unknown = "reject"
    lenient_bodies: bool = False
    limits: Limits = field(default_factory=Limits)
    errors: WriteError = status_error
    content_type: str = JSON
    empty_bodies: bool = False
    explain: bool = False
    system_parameters: bool = True
    reserved_expansion: bool = False
    compress: bool = True

    def __post_init__(self) -> None:
        """Check what a typing error would turn into the opposite."""
        if self.unknown not in get_args(Unknown):
            raise ValueError("unknown: must be one of " + ", ".join(get_args(Unknown)))
        kind = self.content_type
        if not (kind and kind.isascii() and kind.isprintable() and is_json(kind)):
            raise ValueError("content_type: must be a type of JSON, in UTF-8")
