"""How a call ended, as HTTP: the table of status codes, and the bodies of errors."""

from collections.abc import Callable
from typing import Any

from google.rpc.code_pb2 import Code
from google.rpc.status_pb2 import Status

from .protojson import Codec, EncodeError
from .protojson._codec import dump

# What google/rpc/code.proto gives for each code.
HTTP_STATUS = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.UNAUTHENTICATED: 401,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
}

# Takes a status, the JSON of its details, and the HTTP status that it has by the table; returns the HTTP status
# and the JSON value of the body.
ErrorFormat = Callable[[Status, list[Any], int], tuple[int, Any]]


def status_error(status: Status, details: list[Any], http_status: int) -> tuple[int, Any]:
    """Write an error as google.rpc.Status, as grpc-gateway does; what is empty is left out."""
    body: dict[str, Any] = {"code": status.code, "message": status.message, "details": details}
    return http_status, {name: value for name, value in body.items() if value}


def aip193_error(status: Status, details: list[Any], http_status: int) -> tuple[int, Any]:
    """Write an error as `{"error": {…}}`, as Google's own APIs do and their clients expect (AIP-193)."""
    name = Code.Name(status.code) if status.code in Code.values() else "UNKNOWN"
    body: dict[str, Any] = {"code": http_status, "message": status.message, "status": name}
    return http_status, {"error": body | ({"details": details} if details else {})}


class ErrorWriter:
    """Writes errors in the format of one face."""

    def __init__(self, codec: Codec, write: ErrorFormat) -> None:
        """Take the codec for details, and the format."""
        self._codec = codec
        self._format = write

    def write(self, status: Status, http_status: int | None = None, *, pretty: bool = False) -> tuple[int, bytes]:
        """Return the HTTP status and the body for a call that failed.

        `http_status` replaces that of the table, where HTTP has a better one.
        """
        code, value = self._value(status, http_status)
        return code, dump(value, pretty=pretty)

    def write_item(self, status: Status) -> bytes:
        """Return an error as an item of a stream: `{"error": …}` on one line, so that no message looks like it."""
        _, value = self._value(status, None)
        enveloped = isinstance(value, dict) and value.keys() == {"error"}
        return dump(value if enveloped else {"error": value})

    def _value(self, status: Status, http_status: int | None) -> tuple[int, Any]:
        details = []
        for detail in status.details:
            try:
                details.append(self._codec.value(detail))
            except EncodeError:  # of a type that this process does not know: better a poorer error than none
                continue
        return self._format(status, details, http_status or HTTP_STATUS.get(status.code, 500))
