"""What may differ between the JSON faces of services."""

from dataclasses import dataclass, field

from ._status import WriteError, status_error
from .protojson import Limits, Style
from .protojson._codec import Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one face speaks JSON.

    Attributes:
        style: how messages are written.
        unknown: whether unknown query parameters, body fields and enum names are skipped or refused.
        lenient_bodies: whether bodies of any content type are read as JSON, and what follows the first JSON
            value is skipped, as grpc-gateway does. Otherwise they are refused, with 415 and 400.
        errors: how errors are written: `status_error`, `aip193_error`, an `ErrorFormat` of one's own, or just its
            `write`, which leaves the OpenAPI document without their schema.
        reserved_expansion: whether all reserved characters of RFC 6570 stay percent-encoded in path variables of
            several segments, and not only the slash; the other reading that google.api.http gives of itself.

    """

    style: Style = field(default_factory=Style)
    unknown: Unknown = "reject"
    lenient_bodies: bool = False
    limits: Limits = field(default_factory=Limits)
    errors: WriteError = status_error
    reserved_expansion: bool = False
