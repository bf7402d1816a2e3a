"""The table of HTTP statuses, against google.rpc.Code, and the bodies of errors."""

from __future__ import annotations

import json
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from jsonschema import Draft202012Validator

from authsvc.transcoding import ErrorFormat, aip193_error, status_error
from authsvc.transcoding._status import HTTP_STATUS, ErrorWriter, WriteError
from authsvc.transcoding.protojson import Codec

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


def status(code: int, message: str = "", *details: Message) -> Status:
    """A status with packed details."""
    made = Status(code=code, message=message)
    for detail in details:
        made.details.add().Pack(detail)
    return made


def write(error: Status, http_status: int | None = None, form: WriteError = status_error) -> tuple[int, Any]:
    """HTTP status and JSON of an error's body."""
    code, body = ErrorWriter(Codec(), form).write(error, http_status)
    return code, json.loads(body)


INFO = ErrorInfo(reason="NO", domain="shop", metadata={"k": "v"})
INFO_JSON = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "NO",
    "domain": "shop",
    "metadata": {"k": "v"},
}


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (status(5, "none here"), (404, {"code": 5, "message": "none here"})),
        (status(5), (404, {"code": 5})),
        (status(3, "bad", INFO), (400, {"code": 3, "message": "bad", "details": [INFO_JSON]})),
        (status(99, "odd"), (500, {"code": 99, "message": "odd"})),
        (status(-1, "odd"), (500, {"code": -1, "message": "odd"})),
        (status(2, '"\n\u2028<\u00fc'), (500, {"code": 2, "message": '"\n\u2028<\u00fc'})),
    ],
)
def test_errors_are_a_google_rpc_status(error: Status, answer: Any) -> None:
    """By default: code, message and details, without what is empty, and 500 for codes that nobody knows."""
    assert write(error) == answer


@pytest.mark.parametrize(
    ("error", "http_status", "answer"),
    [
        (status(5, "none"), None, (404, {"code": 404, "message": "none", "status": "NOT_FOUND"})),
        (status(5), None, (404, {"code": 404, "message": "", "status": "NOT_FOUND"})),
        (
            status(8, "many", INFO),
            None,
            (429, {"code": 429, "message": "many", "status": "RESOURCE_EXHAUSTED", "details": [INFO_JSON]}),
        ),
        (status(8, "large"), 413, (413, {"code": 413, "message": "large", "status": "RESOURCE_EXHAUSTED"})),
        (status(99, "odd"), None, (500, {"code": 500, "message": "odd", "status": "UNKNOWN"})),
    ],
)
def test_errors_as_aip_193_has_them(error: Status, http_status: int | None, answer: Any) -> None:
    """One object `error`: the HTTP status as its code, the name of the code as its status, message, details."""
    code, body = write(error, http_status, aip193_error)
    assert (code, body) == (answer[0], {"error": answer[1]})


@pytest.mark.parametrize("http_status", [413, 415, 431])
def test_http_may_have_a_better_status(http_status: int) -> None:
    """Then it is the status of the answer, and the code of google.rpc stays."""
    assert write(status(8, "x"), http_status) == (http_status, {"code": 8, "message": "x"})


def test_details_that_cannot_be_written_are_left_out() -> None:
    """Those of an unknown type, of broken content or without a JSON form; the others stay, in their order."""
    error = status(3, "bad", StringValue(value="first"))
    error.details.append(AnyMessage(type_url="type.googleapis.com/no.Such", value=b"x"))
    error.details.append(AnyMessage(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff"))
    error.details.append(AnyMessage(type_url="", value=b"x"))
    error.details.add().Pack(Value())
    error.details.add().Pack(Value(number_value=float("nan")))
    error.details.add().Pack(BadRequest(field_violations=[BadRequest.FieldViolation(field="f", description="d")]))
    for form in (status_error, aip193_error):
        _, body = write(error, form=form)
        first, last = body.get("error", body)["details"]
        assert first == {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "first"}
        assert last["fieldViolations"] == [{"field": "f", "description": "d"}]


def test_details_that_all_fail_leave_no_empty_list() -> None:
    """Where nothing remains there is no `details` at all."""
    error = status(3, "bad")
    error.details.append(AnyMessage(type_url="type.googleapis.com/no.Such", value=b"x"))
    assert write(error) == (400, {"code": 3, "message": "bad"})


def test_a_format_of_ones_own() -> None:
    """A hook gets the status, the JSON of the details and the HTTP status, and has the last word on both."""
    seen = []

    def form(error: Status, details: list[Any], http_status: int) -> tuple[int, Any]:
        seen.append((error.message, details, http_status))
        return 418, [error.code, *details]

    assert write(status(5, "none", INFO), form=form) == (418, [5, INFO_JSON])
    assert write(status(5), 410, form) == (418, [5])
    assert seen == [("none", [INFO_JSON], 404), ("", [], 410)]


def test_a_format_of_ones_own_may_build_on_another() -> None:
    """A format with a schema writes what its function does, and the ready ones can be called from it."""

    def form(error: Status, details: list[Any], http_status: int) -> tuple[int, Any]:
        code, body = aip193_error(error, details, http_status)
        return code, body | {"trace": "t"}

    expected = (404, {"error": {"code": 404, "message": "none", "status": "NOT_FOUND"}, "trace": "t"})
    assert write(status(5, "none"), form=form) == expected
    assert write(status(5, "none"), form=ErrorFormat(form, lambda schema_of: {"type": "object"})) == expected


@pytest.mark.parametrize("form", [status_error, aip193_error])
@pytest.mark.parametrize("error", [status(5, "none", INFO), status(5), status(99)])
def test_the_ready_formats_write_what_their_schemas_say(form: ErrorFormat, error: Status) -> None:
    """Whatever the error, its body follows the schema, which asks only for those of messages."""
    _, body = write(error, form=form)
    objects: dict[str, dict[str, Any]] = {
        "google.rpc.Status": {
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "details": {"type": "array"}},
            "additionalProperties": False,
        },
        "google.protobuf.Any": {"required": ["@type"]},
    }
    schema = form.schema(lambda descriptor: objects[descriptor.full_name])
    Draft202012Validator(schema).validate(body)
    assert not Draft202012Validator(schema).is_valid({"code": "none", "error": "none"})


def test_errors_may_be_indented() -> None:
    """As answers are."""
    code, body = ErrorWriter(Codec(), status_error).write(status(5, "none"), pretty=True)
    assert (code, body) == (404, b'{\n  "code": 5,\n  "message": "none"\n}')


@pytest.mark.parametrize(
    ("form", "item"),
    [
        (status_error, b'{"error":{"code":5,"message":"none"}}'),
        (aip193_error, b'{"error":{"code":404,"message":"none","status":"NOT_FOUND"}}'),
        (lambda error, details, http_status: (http_status, "none"), b'{"error":"none"}'),
        (lambda error, details, http_status: (http_status, {"error": 1, "x": 2}), b'{"error":{"error":1,"x":2}}'),
    ],
)
def test_an_error_within_a_stream_is_one_object(form: WriteError, item: bytes) -> None:
    """`{"error": …}` in any format, and not twice, on one line."""
    assert ErrorWriter(Codec(), form).write_item(status(5, "none")) == item
