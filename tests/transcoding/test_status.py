"""The table of HTTP statuses, against google.rpc.Code."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.code_pb2 import Code

from authsvc.transcoding._status import HTTP_STATUS

# As the comments of google/rpc/code.proto map them.
GOOGLE = {
    "OK": 200,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}


@pytest.mark.parametrize("name", Code.keys())
def test_every_code_has_the_status_of_google(name: str) -> None:
    """The table holds every code of google.rpc.Code, with the HTTP status that its definition names."""
    code = grpc.StatusCode[name]
    assert code.value[0] == Code.Value(name)
    assert HTTP_STATUS[Code.Value(name)] == GOOGLE[name]


def test_no_code_is_missing() -> None:
    """Grpcio knows no code beside those."""
    assert set(HTTP_STATUS) == {code.value[0] for code in grpc.StatusCode}
