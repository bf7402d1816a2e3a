"""From an error of the service to the status of the call: the same behind every door."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo, RetryInfo
from zitadel.message_pb2 import ErrorDetail

from authsvc.errors import AuthsvcError, Coded, EntityNotFound, InvalidArgument, InvalidParameter, Kind, TooMany
from authsvc.messages import text
from authsvc.rpc.status import Status

_CODES = {
    Kind.INVALID_ARGUMENT: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Kind.PERMISSION_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.RESOURCE_EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}


def status_of(error: AuthsvcError, languages: Sequence[str]) -> Status:
    """The status of an expected error: `<text> (<id>)` and an ErrorDetail; the bare text if it has no id.

    What sort of error it is adds a detail of google.rpc: BadRequest, ResourceInfo, ErrorInfo or RetryInfo.
    """
    message = text(error.key, languages, **error.parameters) if error.localized else error.key
    details = tuple(_pack(detail) for detail in _details(error, message))
    return Status(_CODES[error.kind], f"{message} ({error.id})" if error.id else message, details)


def _details(error: AuthsvcError, message: str) -> Iterator[Message]:
    if error.id:
        yield ErrorDetail(id=error.id, message=message)
    match error:
        case InvalidArgument():
            yield _violation(error.field, message)
        case InvalidParameter():
            yield _violation(error.field, error.sentence, error.code)
        case EntityNotFound():
            yield ResourceInfo(resource_type=error.sort.lower(), resource_name=error.entity_id, description=message)
        case Coded():
            yield ErrorInfo(reason=error.code.upper(), domain=error.domain, metadata=error.facts)
        case TooMany():
            yield RetryInfo(retry_delay=Duration(seconds=error.retry_after))


def _violation(field: str, description: str, reason: str = "") -> BadRequest:
    violation = BadRequest.FieldViolation(field=field, description=description, reason=reason)
    return BadRequest(field_violations=[violation])


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
