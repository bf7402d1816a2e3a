"""The WorkOS face: how it speaks JSON, errors included; docs/workos.md has the bodies."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from authsvc_workos.user_management.v1 import options_pb2
from authsvc_workos.user_management.v1.events_pb2 import Event
from google.protobuf.descriptor import EnumValueDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo
from google.rpc.status_pb2 import Status

from authsvc.errors import OAuthRefused
from authsvc.transcoding import Dialect, ErrorFormat
from authsvc.transcoding.protojson import Codec, Limits, Style, short_enum_name

_Detail = TypeVar("_Detail", bound=Message)
_Json = dict[str, Any]

_TEXT = {"type": "string"}


def _nullable(field: FieldDescriptor) -> bool:
    options: Any = field.GetOptions()
    return bool(options.Extensions[options_pb2.nullable])


def _enum_name(value: EnumValueDescriptor) -> str:
    """Return the short name; what stands for nothing said has none."""
    return short_enum_name(value) if value.number else ""


def _write_error(status: Status, details: list[Any], http_status: int) -> tuple[int, _Json]:
    """Return the status of HTTP and the body; what has nothing to say is left out, as clients print null as text."""
    make = _BODIES.get((status.code, http_status))
    special = make(status) if make else None
    return special or (http_status, {"message": status.message or "The call failed."})


def _invalid(status: Status) -> tuple[int, _Json] | None:
    found = _detail(status, BadRequest)
    if found is None:
        return _coded(status, HTTPStatus.BAD_REQUEST)
    # One of WorkOS's clients shows nothing of an error but these codes.
    errors = [
        {
            "field": each.field,
            "code": each.reason.lower() or f"{each.field}_invalid",
            "message": each.description,
        }
        for each in found.field_violations
    ]
    body = {"message": "Validation failed.", "code": "invalid_request_parameters", "errors": errors}
    return HTTPStatus.UNPROCESSABLE_ENTITY.value, body


def _forbidden(status: Status) -> tuple[int, _Json] | None:
    return _coded(status, HTTPStatus.FORBIDDEN)


def _coded(status: Status, http_status: HTTPStatus) -> tuple[int, _Json] | None:
    """Return what has a code in OAuth's form, if it is one of OAuth's; clients tell the two apart by it."""
    found = _detail(status, ErrorInfo)
    if found is None:
        return None
    code = found.reason.lower()
    if found.domain == OAuthRefused.domain:
        return http_status.value, {"error": code, "error_description": status.message}
    return http_status.value, {"message": status.message, "code": code, **found.metadata}


def _not_found(status: Status) -> tuple[int, _Json] | None:
    found = _detail(status, ResourceInfo)
    if found is None:
        return None
    body = {"message": status.message, "code": "entity_not_found", "entity_id": found.resource_name}
    return HTTPStatus.NOT_FOUND.value, body


def _too_many(status: Status) -> tuple[int, _Json]:
    return HTTPStatus.TOO_MANY_REQUESTS.value, {"message": "Too many requests.", "code": "rate_limit_exceeded"}


# What has a body of its own; not where HTTP has a better status than the usual one, as for a body that is too large.
_BODIES: dict[tuple[int, int], Callable[[Status], tuple[int, _Json] | None]] = {
    (Code.INVALID_ARGUMENT, HTTPStatus.BAD_REQUEST): _invalid,
    (Code.PERMISSION_DENIED, HTTPStatus.FORBIDDEN): _forbidden,
    (Code.NOT_FOUND, HTTPStatus.NOT_FOUND): _not_found,
    (Code.RESOURCE_EXHAUSTED, HTTPStatus.TOO_MANY_REQUESTS): _too_many,
}


def _detail(status: Status, kind: type[_Detail]) -> _Detail | None:
    """Return the first detail of a kind."""
    found = kind()
    return next((found for each in status.details if each.Unpack(found)), None)


def _error_schema(schema_of: Callable[[Any], _Json]) -> _Json:
    wrong = {
        "type": "object",
        "properties": {
            "field": {**_TEXT, "description": "The parameter."},
            "code": {**_TEXT, "description": "What is wrong with it, for programs."},
            "message": {**_TEXT, "description": "What is wrong with it."},
        },
        "required": ["field", "code", "message"],
    }
    properties = {
        "message": {**_TEXT, "description": "What went wrong, for developers."},
        "code": {
            **_TEXT,
            "description": "What went wrong, for programs: `invalid_request_parameters` (422), `entity_not_found` "
            "(404), `rate_limit_exceeded` (429); of signing in `invalid_credentials`, `invalid_one_time_code`, "
            "`invalid_pending_authentication_token` (400), `mfa_challenge` (403); left out where the status says it.",
        },
        "pending_authentication_token": {**_TEXT, "description": "For the second factor that is wanted (403)."},
        "error": {**_TEXT, "description": "Instead of all this, of signing in: a word of OAuth (400)."},
        "error_description": {**_TEXT, "description": "Beside it: what went wrong, for developers."},
        "entity_id": {**_TEXT, "description": "What does not exist, by the id that was given (404)."},
        "errors": {"type": "array", "items": wrong, "description": "Each parameter that is wrong (422)."},
    }
    return {"type": "object", "properties": properties}


_STYLE = Style(defaults=True, proto_names=True, millis=True, nullable=_nullable, enum_name=_enum_name)

# Its requests hold a single id: far below these limits.
WORKOS = Dialect(
    style=_STYLE,
    unknown="reject",
    limits=Limits(depth=8, keys=100, containers=100, elements=100),
    errors=ErrorFormat(_write_error, _error_schema),
    content_type="application/json; charset=utf-8",
    empty_bodies=True,
    explain=True,
    system_parameters=False,
)

_CODEC = Codec(_STYLE)


def event_json(event: Event) -> bytes:
    """Write an event as webhooks send it: compact JSON in UTF-8, the same as in an answer of `GET /events`.

    Raises:
        EncodeError: a time in it is outside of the calendar, or its session has no status or no method.
    """
    return _CODEC.encode(event)
