"""Errors of the service as statuses: code, message and the details that belong to each sort."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2, json_format
from google.rpc import error_details_pb2
from zitadel.message_pb2 import ErrorDetail

from authsvc.errors import (
    AuthsvcError,
    EntityNotFound,
    InvalidArgument,
    InvalidParameter,
    NotFound,
    PermissionDenied,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from authsvc.rpc.translate import status_of

CLASSES: Any = (ErrorDetail, error_details_pb2.BadRequest, error_details_pb2.ResourceInfo, error_details_pb2.RetryInfo)
LIMIT = "query.limit: must not exceed 1000"
USER = "User not found: 'user_x'."

STATUSES: list[tuple[AuthsvcError, grpc.StatusCode, str, list[dict[str, Any]]]] = [
    (
        InvalidArgument("query.limit", "Errors.Limit.ExceedsMaximum", "AUTHSVC-L1m1t", maximum=1000),
        grpc.StatusCode.INVALID_ARGUMENT,
        f"{LIMIT} (AUTHSVC-L1m1t)",
        [
            {"id": "AUTHSVC-L1m1t", "message": LIMIT},
            {"fieldViolations": [{"field": "query.limit", "description": LIMIT}]},
        ],
    ),
    (
        InvalidParameter("limit", "limit_range", "must be from 1 to 100"),
        grpc.StatusCode.INVALID_ARGUMENT,
        "limit: must be from 1 to 100",
        [{"fieldViolations": [{"field": "limit", "description": "must be from 1 to 100", "reason": "limit_range"}]}],
    ),
    (Unauthenticated("Unauthorized", token_sent=True), grpc.StatusCode.UNAUTHENTICATED, "Unauthorized", []),
    (PermissionDenied("May not."), grpc.StatusCode.PERMISSION_DENIED, "May not.", []),
    (
        NotFound("Errors.User.NotFound", "QUERY-Dfbg2"),
        grpc.StatusCode.NOT_FOUND,
        "User could not be found (QUERY-Dfbg2)",
        [{"id": "QUERY-Dfbg2", "message": "User could not be found"}],
    ),
    (
        EntityNotFound("User", "user_x"),
        grpc.StatusCode.NOT_FOUND,
        USER,
        [{"resourceType": "user", "resourceName": "user_x", "description": USER}],
    ),
    (
        TooMany("Too many requests.", 3),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Too many requests.",
        [{"retryDelay": "3s"}],
    ),
    (
        Unavailable("Errors.Store.Unavailable", "AUTHSVC-DB001"),
        grpc.StatusCode.UNAVAILABLE,
        "The service is temporarily unavailable (AUTHSVC-DB001)",
        [{"id": "AUTHSVC-DB001", "message": "The service is temporarily unavailable"}],
    ),
]


def _unpacked(detail: any_pb2.Any) -> dict[str, Any]:
    message = next(cls() for cls in CLASSES if detail.Is(cls.DESCRIPTOR))
    assert detail.Unpack(message)
    return dict(json_format.MessageToDict(message))


@pytest.mark.parametrize(
    ("error", "code", "message", "details"), STATUSES, ids=lambda value: type(value).__name__.lower()
)
def test_statuses(error: AuthsvcError, code: grpc.StatusCode, message: str, details: list[dict[str, Any]]) -> None:
    """Each sort of error has its code, its text, with its id if it has one, and the details that programs read."""
    status = status_of(error, [])
    assert (status.code, status.message) == (code, message)
    assert [_unpacked(detail) for detail in status.details] == details


@pytest.mark.parametrize(
    "error", [EntityNotFound("User", "{x}"), InvalidParameter("{x}", "{x}", "{x}"), TooMany("{x}")]
)
def test_what_clients_send_is_no_template(error: AuthsvcError) -> None:
    """Texts with what a client sent in them are taken as they are, in every language."""
    assert "{x}" in status_of(error, ["de", "en"]).message


@pytest.mark.parametrize("character", ["x", "\u00e9", "\U0001f992", "\0"])
def test_long_ids_are_cut(character: str) -> None:
    """An id longer than any of ours comes back cut, so that the error fits into the headers of gRPC."""
    status = status_of(EntityNotFound("Session", character * 4096), [])
    (detail,) = map(_unpacked, status.details)
    assert detail["resourceName"] == character * 200 + "…"
    assert status.message == detail["description"] == f"Session not found: '{character * 200}…'."
    (detail,) = map(_unpacked, status_of(EntityNotFound("Session", character * 200), []).details)
    assert detail["resourceName"] == character * 200
