"""What the pipeline makes of a servicer's ending, seen through every door."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import grpc
import pytest
from doors.peers import DOORS, STREAM_DOORS, Reply, call
from doors.stage import TOKEN, Line, Other, Stage, playing
from google.protobuf.any_pb2 import Any as AnyProto
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from zitadel.message_pb2 import ErrorDetail

from authsvc.rpc.call import Call

NOT_FOUND = grpc.StatusCode.NOT_FOUND
SECRET = "hunter2"
INTERNAL_ERROR = re.compile(r"An internal error occurred \(([0-9a-f]{16})\)")


async def through_all(stage: Stage, method: str = "Say", **more: Any) -> dict[str, Reply]:
    """The same call through every door that serves it."""
    doors = DOORS if method in {"Say", "Whisper"} else STREAM_DOORS
    return {door: await call(stage, door, method, **more) for door in doors}


def assert_internal(door: str, reply: Reply) -> str:
    """The reply tells of an internal error and nothing else; its id."""
    assert reply.code == 13, door
    found = INTERNAL_ERROR.fullmatch(reply.message)
    assert found, (door, reply.message)
    detail = ErrorDetail()
    assert [any_.Unpack(detail) for any_ in reply.status.details] == [True]
    assert (detail.id, detail.message) == (found[1], "An internal error occurred")
    assert reply.messages == []
    assert reply.http_status == (500 if door == "json" else 200)
    return found[1]


async def _raise(request: Any, context: Any) -> Any:
    raise RuntimeError(SECRET)


def raise_key_error() -> None:
    """Fail with a text that nobody may see."""
    raise KeyError(SECRET)


async def _raise_chained(request: Any, context: Any) -> Any:
    try:
        raise_key_error()
    except KeyError as error:
        raise grpc.RpcError(SECRET) from error


async def _raise_group(request: Any, context: Any) -> Any:
    raise ExceptionGroup(SECRET, [ValueError(SECRET)])


async def _raise_timeout(request: Any, context: Any) -> Any:
    raise TimeoutError(SECRET)


async def _raise_not_implemented(request: Any, context: Any) -> Any:
    raise NotImplementedError(SECRET)


async def _wait_for_cancelled(request: Any, context: Any) -> Any:
    future = asyncio.get_running_loop().create_future()
    future.cancel(SECRET)
    await future


async def _return_none(request: Any, context: Any) -> Any:
    return None


async def _return_none_as_ok(request: Any, context: Any) -> Any:
    context.set_code(grpc.StatusCode.OK)


async def _return_text(request: Any, context: Any) -> Any:
    return SECRET


async def _return_another_message(request: Any, context: Any) -> Any:
    return Other()


async def _abort_ok(request: Any, context: Any) -> Any:
    await context.abort(grpc.StatusCode.OK, SECRET)


async def _abort_unknown_code(request: Any, context: Any) -> Any:
    await context.abort(17, SECRET)


async def _abort_surrogates(request: Any, context: Any) -> Any:
    await context.abort(NOT_FOUND, SECRET + "\ud800")


async def _abort_with_exception(request: Any, context: Any) -> Any:
    await context.abort(NOT_FOUND, ValueError(SECRET))


async def _set_details_surrogates(request: Any, context: Any) -> Any:
    context.set_details(SECRET + "\ud800")
    return request


@pytest.mark.parametrize(
    "behaviour",
    [
        _raise,
        _raise_chained,
        _raise_group,
        _raise_timeout,
        _raise_not_implemented,
        _wait_for_cancelled,
        _return_none,
        _return_none_as_ok,
        _return_text,
        _return_another_message,
        _abort_ok,
        _abort_unknown_code,
        _abort_surrogates,
        _abort_with_exception,
        _set_details_surrogates,
    ],
)
async def test_a_failure_nobody_foresaw_is_internal(behaviour: Any, logs: list[Any]) -> None:
    """It ends INTERNAL with a new opaque id; the text stays in the log, under that id, with the traceback."""
    async with playing(Say=behaviour) as stage:
        replies = await through_all(stage)
    ids = [assert_internal(door, reply) for door, reply in replies.items()]
    assert len(set(ids)) == len(DOORS)
    for door, reply in replies.items():
        assert SECRET.encode() not in reply.raw, door
        assert behaviour.__name__.encode() not in reply.raw, door
    failures = [entry for entry in logs if entry["event"] == "call failed"]
    assert [entry["error_id"] for entry in failures] == ids
    assert [entry["log_level"] for entry in failures] == ["error"] * len(DOORS)
    assert all("Traceback (most recent call last)" in entry["exception"] for entry in failures)
    ended = [entry for entry in logs if entry["event"] == "call"]
    assert [entry["code"] for entry in ended] == ["INTERNAL"] * len(DOORS)
    assert [entry["request_id"] for entry in failures] == [entry["request_id"] for entry in ended]


async def test_the_traceback_names_the_line_that_failed(logs: list[Any]) -> None:
    """The logged traceback leads to the servicer, and holds the text that the client must not see."""
    async with playing(Say=_raise) as stage:
        await call(stage, "json")
    (failure,) = [entry for entry in logs if entry["event"] == "call failed"]
    assert f"RuntimeError: {SECRET}" in failure["exception"]
    assert "in _raise" in failure["exception"]


async def test_a_message_without_json_fails_only_there() -> None:
    """A timestamp outside its range has bytes but no JSON: INTERNAL at the JSON door, an answer at the others."""

    async def behaviour(request: Any, context: Any) -> Any:
        response = Line()
        response.when.seconds = 2**60
        return response

    async with playing(Say=behaviour) as stage:
        replies = await through_all(stage)
    assert_internal("json", replies.pop("json"))
    assert {reply.code for reply in replies.values()} == {0}


class Ending(NamedTuple):
    """A behaviour that ends with NOT_FOUND, and the message it must end with."""

    behaviour: Any
    message: str


async def _abort(request: Any, context: Any) -> Any:
    await context.abort(NOT_FOUND, "gone")


async def _abort_bare(request: Any, context: Any) -> Any:
    await context.abort(NOT_FOUND)


async def _abort_none(request: Any, context: Any) -> Any:
    await context.abort(NOT_FOUND, None)


async def _abort_number(request: Any, context: Any) -> Any:
    await context.abort(5, "by number")


async def _abort_swallowed(request: Any, context: Any) -> Any:
    try:
        await context.abort(NOT_FOUND, "gone")
    except Exception:  # noqa: BLE001 - what a careless servicer does
        return request


async def _abort_swallowed_without_answer(request: Any, context: Any) -> Any:
    try:
        await context.abort(NOT_FOUND, "gone")
    except Exception:  # noqa: BLE001
        return None


async def _abort_twice(request: Any, context: Any) -> Any:
    try:
        await context.abort(NOT_FOUND, "first")
    except Exception:  # noqa: BLE001
        context.set_code(grpc.StatusCode.DATA_LOSS)
    return request


async def _set_code(request: Any, context: Any) -> Any:
    context.set_code(NOT_FOUND)
    context.set_details("no such line")
    return request


async def _set_number_without_answer(request: Any, context: Any) -> Any:
    context.set_code(5)


TRICKY = 'grün % \n\r\t \x7f \U0001f992 100%25 "quoted"; a,b'


async def _abort_tricky(request: Any, context: Any) -> Any:
    await context.abort(NOT_FOUND, TRICKY)


@pytest.mark.parametrize(
    "ending",
    [
        Ending(_abort, "gone"),
        Ending(_abort_bare, ""),
        Ending(_abort_none, ""),
        Ending(_abort_number, "by number"),
        Ending(_abort_swallowed, "gone"),
        Ending(_abort_swallowed_without_answer, "gone"),
        Ending(_abort_twice, "first"),
        Ending(_set_code, "no such line"),
        Ending(_set_number_without_answer, ""),
        Ending(_abort_tricky, TRICKY),
    ],
    ids=lambda ending: ending.behaviour.__name__,
)
async def test_a_status_that_the_servicer_chose_reaches_the_client(ending: Ending, logs: list[Any]) -> None:
    """`abort`, even when caught, and `set_code` decide the status; no answer is sent with an error."""
    async with playing(Say=ending.behaviour) as stage:
        replies = await through_all(stage)
    for door, reply in replies.items():
        assert (reply.code, reply.message) == (5, ending.message), door
        assert reply.messages == [], door
        assert list(reply.status.details) == [], door
        assert reply.http_status == (404 if door == "json" else 200), door
    assert [entry["log_level"] for entry in logs] == ["info"] * len(DOORS)


def rich_status(**changes: Any) -> Any:
    """What grpc_status.rpc_status.to_status makes of a google.rpc.Status, with details and one entry beside."""
    details = []
    for message in (
        ErrorDetail(id="ID", message="text"),
        BadRequest(field_violations=[BadRequest.FieldViolation(field="f", description="d")]),
    ):
        details.append(AnyProto())
        details[-1].Pack(message)
    packed = Status(code=9, message="not now", details=details).SerializeToString()
    trailing = (("grpc-status-details-bin", packed), ("x-beside", "1"))
    values = {"code": grpc.StatusCode.FAILED_PRECONDITION, "details": "not now", "trailing_metadata": trailing}
    return SimpleNamespace(**values | changes)


async def test_rich_details_reach_the_client() -> None:
    """`abort_with_status` sends code, message and every detail, and the metadata beside them."""

    async def behaviour(request: Any, context: Any) -> Any:
        await context.abort_with_status(rich_status())

    async with playing(Say=behaviour) as stage:
        replies = await through_all(stage)
    for door, reply in replies.items():
        assert (reply.code, reply.message) == (9, "not now"), door
        assert [any_.TypeName() for any_ in reply.status.details] == ["zitadel.v1.ErrorDetail", "google.rpc.BadRequest"]
        if door != "json":
            assert reply.values("x-beside") == ["1"], door
            assert len(reply.values("grpc-status-details-bin")) == 1, door


async def test_a_detail_of_an_unknown_type_does_not_break_json() -> None:
    """Details that have no JSON are left out there; the other doors send their bytes as they are."""

    async def behaviour(request: Any, context: Any) -> Any:
        alien = AnyProto(type_url="type.googleapis.com/no.such.Type", value=b"\x08\x01")
        packed = Status(code=9, message="not now", details=[alien]).SerializeToString()
        await context.abort_with_status(rich_status(trailing_metadata=(("grpc-status-details-bin", packed),)))

    async with playing(Say=behaviour) as stage:
        replies = await through_all(stage)
    json = replies.pop("json")
    assert (json.http_status, json.code, json.message, len(json.status.details)) == (400, 9, "not now", 0)
    assert {len(reply.status.details) for reply in replies.values()} == {1}


@pytest.mark.parametrize("trailing", [(("grpc-status-details-bin", b"\xff"),), (("UPPER", "x"),)])
async def test_a_broken_rich_status_is_internal(trailing: Any) -> None:
    """A status object that cannot be sent is a failure like any other."""

    async def behaviour(request: Any, context: Any) -> Any:
        await context.abort_with_status(rich_status(trailing_metadata=trailing))

    async with playing(Say=behaviour) as stage:
        for door, reply in (await through_all(stage)).items():
            assert_internal(door, reply)


METADATA = (
    ("x-a", "1"),
    ("x-bytes-bin", b"\x00\xff"),
    ("x-a", "2"),
    ("x-empty", ""),
    ("x-bytes-bin", b""),
    ("x-a", "3"),
)
AS_TEXT = [("x-a", "1"), ("x-bytes-bin", "AP8"), ("x-a", "2"), ("x-empty", ""), ("x-bytes-bin", ""), ("x-a", "3")]


def _own(pairs: Any) -> list[tuple[str, str]]:
    return [(key, value) for key, value in pairs if key.startswith("x-") and not key.startswith(("x-r", "x-c"))]


@pytest.mark.parametrize("door", STREAM_DOORS)
@pytest.mark.parametrize("fails", [False, True], ids=["ok", "error"])
@pytest.mark.parametrize("method", ["Say", "Recite"])
async def test_metadata_leaves_in_order(door: str, method: str, fails: bool) -> None:  # noqa: FBT001
    """Initial and trailing metadata reach the client complete, in order, duplicates too, bytes as base64."""

    async def unary(request: Any, context: Any) -> Any:
        await context.send_initial_metadata(METADATA)
        if fails:
            await context.abort(NOT_FOUND, "gone", METADATA)
        context.set_trailing_metadata((("x-replaced", "1"),))
        context.set_trailing_metadata(METADATA)
        assert context.trailing_metadata() == METADATA
        return Line(text="answer")

    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        yield await unary(request, context)

    async with playing(Say=unary, Recite=stream) as stage:
        reply = await call(stage, door, method)
    initial, trailing = _own(reply.initial), _own(reply.trailing)
    if door == "grpcio":  # C-core sends entries of one name together
        initial, trailing, wanted = sorted(initial), sorted(trailing), sorted(AS_TEXT)
    else:
        wanted = AS_TEXT
    assert initial == wanted
    assert trailing == wanted
    assert reply.code == (5 if fails else 0)
    assert [message.text for message in reply.messages] == ([] if fails else ["answer"])


async def test_metadata_may_be_an_iterator_or_metadata_of_grpcio() -> None:
    """Whatever gives pairs will do: a generator is not used up by being checked."""

    async def behaviour(request: Any, context: Any) -> Any:
        await context.send_initial_metadata(entry for entry in (("x-a", "1"),))
        context.set_trailing_metadata(grpc.aio.Metadata(("x-b", "2")))
        return request

    async with playing(Say=behaviour) as stage:
        for door in STREAM_DOORS:
            reply = await call(stage, door)
            assert (reply.values("x-a"), reply.values("x-b")) == (["1"], ["2"]), door


@pytest.mark.parametrize("how", ["initial", "trailing", "abort"])
@pytest.mark.parametrize(
    "entry",
    [
        ("UPPER", "x"),
        ("", "x"),
        ("a b", "x"),
        ("ümlaut", "x"),
        (":status", "200"),
        ("grpc-status", "0"),
        ("content-length", "5"),
        ("content-type", "text/html"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("trailer", "x-a"),
        ("te", "trailers"),
        ("x-a", "line\r\nx-injected: 1"),
        ("x-a", "nul\0"),
        ("x-a", "ümlaut"),
        ("x-a", " padded"),
        ("x-a", "padded "),
        ("x-a", b"bytes"),
        ("x-a", 1),
        ("x-a-bin", "text"),
    ],
    ids=repr,
)
async def test_metadata_that_cannot_be_sent_is_internal(entry: Any, how: str) -> None:
    """A bad entry from a servicer is its failure; it never breaks or splits the response."""

    async def behaviour(request: Any, context: Any) -> Any:
        if how == "initial":
            await context.send_initial_metadata((entry,))
        elif how == "trailing":
            context.set_trailing_metadata((entry,))
        else:
            await context.abort(NOT_FOUND, "gone", (entry,))
        return request

    async with playing(Say=behaviour) as stage:
        for door in ("grpc", "web", "json"):
            reply = await call(stage, door)
            assert_internal(door, reply)
            assert b"x-injected" not in reply.raw


async def test_done_callbacks_run_once_and_cannot_hurt() -> None:
    """Every callback runs once, with the context, when the call is over; one that raises hurts nobody."""
    done: list[tuple[bool, bool]] = []
    errors: list[dict[str, Any]] = []

    async def behaviour(request: Any, context: Any) -> Any:
        context.add_done_callback(lambda _: 1 / 0)
        context.add_done_callback(lambda call: done.append((call.done(), call.cancelled())))
        assert not context.done()
        return request

    asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))
    async with playing(Say=behaviour) as stage:
        replies = await through_all(stage)
    assert {reply.code for reply in replies.values()} == {0}
    assert done == [(True, False)] * len(DOORS)
    assert [type(error["exception"]) for error in errors] == [ZeroDivisionError] * len(DOORS)


async def test_the_context_is_the_one_of_grpc_aio() -> None:
    """What a servicer may ask the context is answered alike behind every door."""
    seen: list[dict[str, Any]] = []

    async def behaviour(request: Any, context: Any) -> Any:
        assert isinstance(context, Call)
        assert isinstance(context, grpc.aio.ServicerContext)
        context.set_compression(grpc.Compression.Gzip)
        context.disable_next_message_compression()
        context.set_details("half")
        seen.append(
            {
                "sent": [(entry.key, entry.value) for entry in context.invocation_metadata() if entry.key[:2] == "x-"],
                "peer": re.sub(r"\d+$", "", context.peer()),
                "identities": (context.peer_identities(), context.peer_identity_key(), dict(context.auth_context())),
                "so far": (context.code(), context.details(), context.cancelled(), context.done()),
            }
        )
        return request

    sent = (("x-a", "1"), ("x-b-bin", base64.b64encode(b"\x00\xff")), ("x-a", "2"))
    as_json = [(f"grpc-metadata-{key}", value) for key, value in sent]
    async with playing(Say=behaviour) as stage:
        for door in DOORS:
            assert (await call(stage, door, metadata=as_json if door == "json" else sent)).code == 0
    assert sorted(seen[0]["sent"]) == [("x-a", "1"), ("x-a", "2"), ("x-b-bin", b"\x00\xff")]
    assert seen[0]["peer"] == "ipv4:127.0.0.1:"
    assert seen[0]["identities"] == (None, None, {})
    assert seen[0]["so far"] == (None, "half", False, False)
    for one in seen[1:]:
        one["sent"].sort()
        assert one == seen[0] | {"sent": sorted(seen[0]["sent"])}


async def test_errors_follow_the_language_of_the_caller() -> None:
    """The caller's own language comes before those of accept-language, in the order in which they stand."""
    seen = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.append(context.languages())
        return request

    headers = [
        ("authorization", f"Bearer {TOKEN}"),
        ("accept-language", "fr;q=0.9, , en-GB ;q=0.8"),
        ("accept-language", "it"),
    ]
    async with playing(Say=behaviour, Whisper=behaviour) as stage:
        for door in DOORS:
            assert (await call(stage, door, "Whisper", metadata=headers)).code == 0, door
            assert (await call(stage, door, "Say", metadata=headers)).code == 0, door
    assert seen == [["de-CH", "fr", "en-GB", "it"], ["fr", "en-GB", "it"]] * len(DOORS)


async def test_a_public_method_has_no_caller() -> None:
    """Asking a public call for its caller is a mistake of ours, not a nobody."""

    async def behaviour(request: Any, context: Any) -> Any:
        return Line(text=str(context.caller))

    async with playing(Say=behaviour) as stage:
        for door, reply in (await through_all(stage)).items():
            assert_internal(door, reply)


async def test_a_protected_method_is_not_reached_without_a_token() -> None:
    """The servicer of a protected method never sees a call without a caller; the challenge says why."""

    async def behaviour(request: Any, context: Any) -> Any:
        raise AssertionError

    async with playing(Whisper=behaviour) as stage:
        for door, reply in (await through_all(stage, "Whisper")).items():
            assert (reply.code, reply.message) == (16, "auth header missing"), door
            assert reply.values("www-authenticate") == ['Bearer realm="authsvc"'], door
