"""How a call ended, as HTTP: the table of status codes, and the bodies of errors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest as BadRequestDetail
from google.rpc.status_pb2 import Status

from ._errors import BadRequest
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
WriteError = Callable[[Status, list[Any], int], tuple[int, Any]]
# Takes what gives the JSON Schema of a message; returns that of the body.
DescribeError = Callable[[Callable[[Descriptor], dict[str, Any]]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ErrorFormat:
    """How errors are written, and what they look like; itself a function that writes.

    Attributes:
        write: takes a status, the JSON of its details, and the HTTP status that it has by the table of google.rpc.Code;
            returns the HTTP status and the JSON value of the body.
        schema: takes what gives the JSON Schema of a message, whose descriptor it is asked with; returns the JSON
            Schema (2020-12) of the body. Without it the body is any JSON.

    """

    write: WriteError
    schema: DescribeError = lambda _: {}

    def __call__(self, status: Status, details: list[Any], http_status: int) -> tuple[int, Any]:
        """Write."""
        return self.write(status, details, http_status)


def _status_value(status: Status, details: list[Any], http_status: int) -> tuple[int, Any]:
    body: dict[str, Any] = {"code": status.code, "message": status.message, "details": details}
    return http_status, {name: value for name, value in body.items() if value}


def _aip193_value(status: Status, details: list[Any], http_status: int) -> tuple[int, Any]:
    name = Code.Name(status.code) if status.code in Code.values() else "UNKNOWN"
    body: dict[str, Any] = {"code": http_status, "message": status.message, "status": name}
    return http_status, {"error": body | ({"details": details} if details else {})}


def _aip193_schema(schema_of: Callable[[Descriptor], dict[str, Any]]) -> dict[str, Any]:
    properties = {
        "code": {"type": "integer", "format": "int32", "description": "The HTTP status code."},
        "message": {"type": "string", "description": "What went wrong, for developers."},
        "status": {"type": "string", "enum": Code.keys(), "description": "The google.rpc.Code."},
        "details": {
            "type": "array",
            "items": schema_of(AnyMessage.DESCRIPTOR),
            "description": "What went wrong, for programs.",
        },
    }
    error = {"type": "object", "properties": properties, "required": ["code", "message", "status"]}
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}


# A google.rpc.Status, as grpc-gateway has it; what is empty is left out.
status_error = ErrorFormat(_status_value, lambda schema_of: schema_of(Status.DESCRIPTOR))
# `{"error": {…}}`, as Google's own APIs have it and their clients expect (AIP-193).
aip193_error = ErrorFormat(_aip193_value, _aip193_schema)


def status_of(error: BadRequest, *, explain: bool) -> Status:
    """Return how a call ends whose request has been refused; `explain` adds which field is wrong, as a detail."""
    status = Status(code=Code.INVALID_ARGUMENT, message=str(error))
    violation = error.violation() if explain else None
    if violation is not None:
        status.details.add().Pack(BadRequestDetail(field_violations=[violation]))
    return status


class ErrorWriter:
    """Writes errors in the format of one face."""

    def __init__(self, codec: Codec, write: WriteError) -> None:
        """Take the codec for details, and the format, which may be a plain function."""
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
