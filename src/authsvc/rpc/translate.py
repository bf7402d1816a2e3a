"""From an error of the service to the status of the call: the same behind every door."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest
from zitadel.message_pb2 import ErrorDetail

from authsvc.errors import AuthsvcError, InvalidArgument, Kind
from authsvc.messages import text
from authsvc.rpc.status import Status

_CODES = {
    Kind.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}


def status_of(error: AuthsvcError, languages: Sequence[str]) -> Status:
    """The status of an expected error: `<text> (<id>)` and an ErrorDetail; the bare text if it has no id."""
    message = text(error.key, languages, **error.parameters) if error.localized else error.key
    code = _CODES[error.kind]
    if not error.id:
        return Status(code, message)
    details: list[Message] = [ErrorDetail(id=error.id, message=message)]
    if isinstance(error, InvalidArgument):
        violation = BadRequest.FieldViolation(field=error.field, description=message)
        details.append(BadRequest(field_violations=[violation]))
    return Status(code, f"{message} ({error.id})", tuple(_pack(detail) for detail in details))


def internal_error(languages: Sequence[str] = ()) -> tuple[str, Status]:
    """A new opaque id for an unexpected failure, and the status that tells the client no more than that id."""
    error_id = secrets.token_hex(8)
    message = text("Errors.Internal", languages)
    detail = _pack(ErrorDetail(id=error_id, message=message))
    return error_id, Status(grpc.StatusCode.INTERNAL, f"{message} ({error_id})", (detail,))


def _pack(message: Message) -> Any:
    packed = Any()
    packed.Pack(message)
    return packed
