"""The errors of the library: what stops a start-up, and what a request can be refused for.

The texts may be shown to anybody: none names a Python class, and none quotes what a client sent. Only the violation of
a `BadRequest`, which a dialect with `explain` shows, names what is unknown as the client has named it.
"""

from google.rpc.error_details_pb2 import BadRequest as BadRequestDetail

_SHOWN_FIELD_BYTES = 100
_SHOWN_BYTES = 200


class RouteError(Exception):
    """A google.api.http rule cannot be served; raised at start-up only.

    Attributes:
        reason: what is wrong, as one sentence without its place.
        method: full name of the RPC, or empty.
        template: the path template as written, or empty.
        column: 1-based position in `template`, or 0 where the fault has no position.

    """

    def __init__(self, reason: str, *, method: str = "", template: str = "", column: int = 0) -> None:
        """Keep the parts and join those that are known, from the widest to the narrowest."""
        place = [method, template, f"column {column}" if column else "", reason]
        super().__init__(": ".join(part for part in place if part))
        self.reason = reason
        self.method = method
        self.template = template
        self.column = column


class BadRequest(Exception):
    """The request does not fit its message: HTTP 400, gRPC INVALID_ARGUMENT.

    `str()` is `field: reason`, at most 200 bytes of UTF-8.

    Attributes:
        field: the field in the names of the style, such as `query.limit` or `queries[2].state`; may be empty.
        reason: what is wrong with it; always one of this library's own sentences.
        unknown: the client's own name of what there is no field for; in no text of an error.
        http_status: the status of HTTP for it.

    """

    http_status = 400

    def __init__(self, field: str, reason: str, *, unknown: str = "") -> None:
        """Keep all parts in full; only the printed form is shortened."""
        super().__init__(field, reason)
        self.field = field
        self.reason = reason
        self.unknown = unknown

    def violation(self) -> BadRequestDetail.FieldViolation | None:
        """Return which field of the request is wrong, and why; None where it is not a field that is.

        What is unknown is named as the client has named it, a long name reduced to its end.
        """
        if self.unknown:
            inside = f"{self.field}." if self.field else ""
            field = f"{inside}{self.unknown}".encode(errors="replace").decode()
            return _violation(field, "is not a known field", "UNKNOWN_FIELD")
        return _violation(self.field, self.reason) if self.field else None

    def __str__(self) -> str:
        """Return `field: reason`, a long field reduced to its end."""
        text = f"{_tail(self.field)}: {self.reason}" if self.field else self.reason
        return text.encode()[:_SHOWN_BYTES].decode(errors="ignore")


class BadHeader(BadRequest):
    """A header of the request is wrong; `field` is its name."""

    def violation(self) -> BadRequestDetail.FieldViolation | None:
        """Return None: a header is no field."""
        return None


class UnsupportedMediaType(BadHeader):
    """The body is of a type, or in an encoding, that is not read here: HTTP 415, gRPC INVALID_ARGUMENT."""

    http_status = 415


class Unreadable(Exception):
    """A value does not fit its field; whoever holds the value names the place on the way up.

    Attributes:
        reason: what is wrong, without the value.
        path: where, in the names of the style, as far as it is known.
        unknown: the name in the value at `path` that no field has; empty if that is not what is wrong.

    """

    def __init__(self, reason: str, *, unknown: str = "") -> None:
        """Start at the value itself."""
        super().__init__(reason)
        self.reason = reason
        self.unknown = unknown
        self.path = ""

    def inside(self, place: str) -> "Unreadable":
        """Put a field name, or an index in brackets, in front of the path."""
        joint = "." if self.path and not self.path.startswith("[") else ""
        self.path = f"{place}{joint}{self.path}"
        return self


class UnknownName(Unreadable):
    """An enum value name this schema does not have, which a lenient reader skips (ProtoJSON)."""


class NoRoute(Exception):
    """No template matches the path: HTTP 404."""

    def __init__(self) -> None:
        """Take no arguments: the path is the client's text and stays out of errors."""
        super().__init__("no route matches this path")


class MethodNotAllowed(Exception):
    """The path exists for other HTTP methods only: HTTP 405.

    Attributes:
        allowed: those methods, sorted: the value of the `Allow` header (RFC 9110, section 10.2.1).

    """

    def __init__(self, allowed: tuple[str, ...]) -> None:
        """Keep the allowed methods."""
        super().__init__("this path does not accept the HTTP method")
        self.allowed = allowed


def _violation(field: str, description: str, reason: str = "") -> BadRequestDetail.FieldViolation:
    return BadRequestDetail.FieldViolation(field=_tail(field), description=description, reason=reason)


def _tail(field: str) -> str:
    encoded = field.encode()
    if len(encoded) <= _SHOWN_FIELD_BYTES:
        return field
    return "..." + encoded[3 - _SHOWN_FIELD_BYTES :].decode(errors="ignore")
