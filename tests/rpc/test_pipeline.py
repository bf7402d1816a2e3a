"""What the pipeline makes of a servicer's ending, seen through every door."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, NamedTuple

import grpc
import pytest
from doors.peers import DOORS, call
from doors.stage import Line, Other, playing
from google.protobuf.any_pb2 import Any as AnyProto
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from rpc.outcomes import assert_internal, through_all
from zitadel.message_pb2 import ErrorDetail

NOT_FOUND = grpc.StatusCode.NOT_FOUND
SECRET = "hunter2"


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
