"""How the WorkOS face speaks: names, nulls, times, and the bodies of errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from authsvc_workos.user_management.v1 import events_pb2, user_management_pb2
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest as BadRequestDetail
from google.rpc.error_details_pb2 import ResourceInfo, RetryInfo
from google.rpc.status_pb2 import Status
from jsonschema import Draft202012Validator

from authsvc.doors.workos import WORKOS, event_json
from authsvc.transcoding import Answer, BadRequest, Call, ErrorFormat, MethodNotAllowed, NoRoute, Transcoder

TRANSCODER = Transcoder(
    [
        *user_management_pb2.DESCRIPTOR.services_by_name["UserManagementService"].methods,
        *events_pb2.DESCRIPTOR.services_by_name["EventsService"].methods,
    ],
    dialect=WORKOS,
)
SESSIONS = "/user_management/users/user_1/sessions"
REVOKE = "/user_management/sessions/revoke"
BORN = {"seconds": 1_700_000_000, "nanos": 48_999_999}
BORN_TEXT = "2023-11-14T22:13:20.048Z"


def asked(path: str, query: str = "", verb: str = "GET", headers: Mapping[str, str] | None = None) -> Call:
    """The call that a request becomes."""
    lines = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return TRANSCODER.match(verb, path, query.encode(), lines)


def refused(call: Call, body: bytes = b"") -> tuple[int, Any]:
    """HTTP status and body of the answer to a request that does not fit."""
    with pytest.raises(BadRequest) as caught:
        call.message(body)
    return read(call.failure(call.status_of(caught.value), caught.value.http_status))


def read(answer: Answer) -> tuple[int, Any]:
    """HTTP status and body of an error, which follows the schema of errors."""
    assert dict(answer.headers)[b"content-type"] == b"application/json; charset=utf-8"
    body = orjson.loads(answer.body)
    assert isinstance(WORKOS.errors, ErrorFormat)
    schema = WORKOS.errors.schema(lambda descriptor: {})
    Draft202012Validator(schema | {"additionalProperties": False}).validate(body)
    return answer.status, body


def failed(code: int, message: str, *details: Message, http_status: int | None = None) -> tuple[int, Any]:
    """HTTP status and body of a call that ends so."""
    status = Status(code=code, message=message)
    for detail in details:
        status.details.add().Pack(detail)
    return read(asked(SESSIONS).failure(status, http_status))


def session(**more: Any) -> Any:
    """A session as it is when somebody has just signed in."""
    return user_management_pb2.Session(
        object="session",
        id="session_1",
        user_id="user_1",
        auth_method=user_management_pb2.AUTH_METHOD_CROSS_APP_AUTH,
        status=user_management_pb2.SESSION_STATUS_ACTIVE,
        expires_at=BORN,
        created_at=BORN,
        updated_at=BORN,
        **more,
    )


SESSION = {
    "object": "session",
    "id": "session_1",
    "ip_address": None,
    "user_agent": None,
    "user_id": "user_1",
    "auth_method": "cross_app_auth",
    "status": "active",
    "expires_at": BORN_TEXT,
    "ended_at": None,
    "created_at": BORN_TEXT,
    "updated_at": BORN_TEXT,
}


def written(call: Call, message: Any) -> Any:
    """The body of an answer."""
    call.message()
    return orjson.loads(call.encode(message))


def test_a_session_has_the_keys_of_workos() -> None:
    """What is unknown is null, what does not apply is left out; enums are short, times have milliseconds."""
    page = user_management_pb2.ListSessionsResponse(object="list", data=[session()], list_metadata={})
    body = {"object": "list", "data": [SESSION], "list_metadata": {"before": None, "after": None}}
    assert written(asked(SESSIONS), page) == body


def test_a_session_with_everything() -> None:
    """The optional keys have the values of the message, also inside of the impersonator."""
    full = session(organization_id="org_1", impersonator={"email": "a@b.c"}, ip_address="::1", ended_at=BORN)
    page = user_management_pb2.ListSessionsResponse(data=[full], list_metadata={"after": "session_1"})
    (found,) = written(asked(SESSIONS), page)["data"]
    more = {"organization_id": "org_1", "ip_address": "::1", "ended_at": BORN_TEXT}
    assert found == SESSION | more | {"impersonator": {"email": "a@b.c", "reason": None}}


def test_a_user_stands_alone() -> None:
    """The answer is the person without a message around it, with every key there is."""
    person = user_management_pb2.User(object="user", id="user_1", created_at=BORN, updated_at=BORN)
    body = written(asked("/user_management/users/user_1"), user_management_pb2.GetUserResponse(user=person))
    nulls = ("first_name", "last_name", "profile_picture_url", "last_sign_in_at", "external_id", "name", "locale")
    plain = {"object": "user", "id": "user_1", "email": "", "email_verified": False, "metadata": {}}
    assert body == plain | dict.fromkeys(nulls) | {"created_at": BORN_TEXT, "updated_at": BORN_TEXT}


def test_a_mask_means_nothing() -> None:
    """The header of Google's clients changes no answer, and no answer says that it might."""
    page = user_management_pb2.ListSessionsResponse(object="list", data=[session()], list_metadata={})
    call = asked(SESSIONS, headers={"x-goog-fieldmask": "object"})
    assert written(call, page)["data"] == [SESSION]
    assert b"vary" not in dict(call.answer(call.encode(page)).headers)


def test_a_revocation_is_answered_by_nothing() -> None:
    """200 without a body and without a content type: clients read what claims to be JSON, and fail."""
    call = asked(REVOKE, verb="POST", headers={"content-type": "application/json"})
    message: Any = call.message(b'{"session_id":"session_1"}')
    assert message.session_id == "session_1"
    answer = call.answer(call.encode(user_management_pb2.RevokeSessionResponse()))
    headers = dict(answer.headers)
    assert (answer.status, answer.body, headers[b"content-length"]) == (200, b"", b"0")
    assert b"content-type" not in headers


@pytest.mark.parametrize(("text", "number"), [("asc", 1), ("desc", 2), ("normal", 3)])
def test_orders_have_short_names(text: str, number: int) -> None:
    """As WorkOS's clients send them."""
    message: Any = asked(SESSIONS, f"order={text}&limit=7&after=session_1").message()
    assert (message.order, message.limit, message.after, message.id) == (number, 7, "session_1", "user_1")


INVALID = {"message": "Validation failed.", "code": "invalid_request_parameters"}


@pytest.mark.parametrize(
    ("query", "field", "code", "text"),
    [
        ("limit=abc", "limit", "limit_invalid", "must be an integer"),
        ("limit=", "limit", "limit_invalid", "must be an integer"),
        ("limit=1e99", "limit", "limit_invalid", "is out of range for int32"),
        ("limit=1&limit=2", "limit", "limit_invalid", "is given twice"),
        ("order=foo", "order", "order_invalid", "is not a known value"),
        ("order=ORDER_ASC", "order", "order_invalid", "is not a known value"),
        ("after=%ff", "after", "after_invalid", "is not UTF-8"),
        ("id=user_2", "id", "id_invalid", "is already given by the path"),
        ("organizationId=org_1", "organizationId", "unknown_field", "is not a known field"),
        ("a%22b=1", 'a"b', "unknown_field", "is not a known field"),
        ("order=2", "order", "order_invalid", "is not a known value"),
        ("order=0", "order", "order_invalid", "is not a known value"),
        ("order=unspecified", "order", "order_invalid", "is not a known value"),
        ("order=", "order", "order_invalid", "is not a known value"),
        ("fields=data", "fields", "unknown_field", "is not a known field"),
        ("$fields=data", "$fields", "unknown_field", "is not a known field"),
        ("alt=json", "alt", "unknown_field", "is not a known field"),
        ("prettyPrint=true", "prettyPrint", "unknown_field", "is not a known field"),
        ("key=sk_1", "key", "unknown_field", "is not a known field"),
        ("access_token=sk_1", "access_token", "unknown_field", "is not a known field"),
    ],
)
def test_a_wrong_parameter_is_named(query: str, field: str, code: str, text: str) -> None:
    """422 with the parameter, a code and a sentence."""
    errors = [{"field": field, "code": code, "message": text}]
    assert refused(asked(SESSIONS, query)) == (422, INVALID | {"errors": errors})


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (b'{"session_id":7}', "session_id", "session_id_invalid"),
        (b'{"sessionId":"a","session_id":"b"}', "session_id", "session_id_invalid"),
        (b'{"id":"session_1"}', "id", "unknown_field"),
    ],
)
def test_a_wrong_field_of_a_body_is_named(body: bytes, field: str, code: str) -> None:
    """As a parameter is, in the names of this face."""
    status, found = refused(asked(REVOKE, verb="POST"), body)
    assert (status, found["errors"][0]["field"], found["errors"][0]["code"]) == (422, field, code)


@pytest.mark.parametrize(
    ("body", "kind", "status", "message"),
    [
        (b"{", "application/json", 400, "the body is not JSON"),
        (b"[]", "application/json", 400, "must be a JSON object"),
        (b"{}", "text/plain", 415, "content-type: must be application/json, in UTF-8"),
    ],
)
def test_a_body_that_is_not_json_is_refused(body: bytes, kind: str, status: int, message: str) -> None:
    """With a message and nothing else, as no parameter is wrong."""
    call = asked(REVOKE, verb="POST", headers={"content-type": kind})
    assert refused(call, body) == (status, {"message": message})


def test_a_parameter_that_a_servicer_refuses_has_its_code() -> None:
    """The reason of each violation is the code, in lower case."""
    violation = BadRequestDetail.FieldViolation
    detail = BadRequestDetail(
        field_violations=[
            violation(field="limit", reason="limit_too_large", description="must be at most 100"),
            violation(field="after", description="must be an id"),
            violation(field="order", reason="ODD", description="is odd"),
        ]
    )
    status, body = failed(Code.INVALID_ARGUMENT, "limit: must be at most 100", detail)
    assert (status, body | {"errors": []}) == (422, INVALID | {"errors": []})
    assert body["errors"] == [
        {"field": "limit", "code": "limit_too_large", "message": "must be at most 100"},
        {"field": "after", "code": "after_invalid", "message": "must be an id"},
        {"field": "order", "code": "odd", "message": "is odd"},
    ]


def test_what_does_not_exist_is_named() -> None:
    """404 with a code and the id, where one is known; a path without a route has the message alone."""
    message = "User not found: 'invalid'."
    info = ResourceInfo(resource_type="user", resource_name="invalid", description=message)
    entity = {"message": message, "code": "entity_not_found", "entity_id": "invalid"}
    assert failed(Code.NOT_FOUND, message, RetryInfo(), info) == (404, entity)
    assert failed(Code.NOT_FOUND, "Not there.") == (404, {"message": "Not there."})
    with pytest.raises(NoRoute) as caught:
        asked("/user_management/nothing")
    assert read(TRANSCODER.unmatched(caught.value, "GET")) == (404, {"message": "Not Found"})


def test_another_method_is_not_allowed() -> None:
    """405 with a message."""
    with pytest.raises(MethodNotAllowed) as caught:
        asked(SESSIONS, verb="PUT")
    assert read(TRANSCODER.unmatched(caught.value, "PUT")) == (405, {"message": "Method Not Allowed"})


@pytest.mark.parametrize(
    ("code", "message", "http_status", "answer"),
    [
        (Code.UNAUTHENTICATED, "Unauthorized", None, (401, {"message": "Unauthorized"})),
        (Code.PERMISSION_DENIED, "No.", None, (403, {"message": "No."})),
        (Code.INVALID_ARGUMENT, "No.", None, (400, {"message": "No."})),
        (
            Code.RESOURCE_EXHAUSTED,
            "too many calls at once",
            None,
            (429, {"message": "Too many requests.", "code": "rate_limit_exceeded"}),
        ),
        (Code.RESOURCE_EXHAUSTED, "too large", 413, (413, {"message": "too large"})),
        (Code.RESOURCE_EXHAUSTED, "too large", 431, (431, {"message": "too large"})),
        (Code.INTERNAL, "", None, (500, {"message": "The call failed."})),
        (Code.UNAVAILABLE, "Later.", None, (503, {"message": "Later."})),
        (99, "Odd.", None, (500, {"message": "Odd."})),
    ],
)
def test_other_errors_have_a_message(code: int, message: str, http_status: int | None, answer: Any) -> None:
    """And nothing that is null; too many calls have a code."""
    assert failed(code, message, http_status=http_status) == answer


def test_a_better_status_of_http_stays() -> None:
    """A detail does not turn a body that is of a wrong type, or too large, into a wrong parameter."""
    detail = BadRequestDetail(field_violations=[BadRequestDetail.FieldViolation(field="a", description="b")])
    assert failed(Code.INVALID_ARGUMENT, "No.", detail, http_status=415) == (415, {"message": "No."})


def test_an_event_is_written_as_webhooks_send_it() -> None:
    """Compact, in the form that the list of events has."""
    event = events_pb2.Event(
        object="event", id="event_1", event="session.created", data=session(), created_at=BORN
    )  # fmt: skip
    data = event_json(event)
    expected = {
        "object": "event",
        "id": "event_1",
        "event": "session.created",
        "data": SESSION,
        "created_at": BORN_TEXT,
    }
    assert orjson.loads(data) == expected
    assert data == orjson.dumps(expected)
    page = written(asked("/events"), events_pb2.ListEventsResponse(object="list", data=[event], list_metadata={}))
    assert page == {"object": "list", "data": [expected], "list_metadata": {"after": None}}


def test_text_of_any_kind_survives() -> None:
    """What clients have given comes back as JSON that says the same, quotes and line ends included."""
    agent = 'Mo\u00e9zilla "5.0" \u2028\n\t\u0000\U0001f600'
    event = events_pb2.Event(data=session(user_agent=agent))
    assert orjson.loads(event_json(event))["data"]["user_agent"] == agent
