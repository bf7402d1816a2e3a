"""What a servicer finds in its call, and what it can send with it, seen through every door."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import pytest
from doors.peers import DOORS, REQUEST_ID, STREAM_DOORS, call
from doors.stage import TOKEN, Line, playing
from rpc.outcomes import assert_internal, through_all

from authsvc.rpc.call import Call

NOT_FOUND = grpc.StatusCode.NOT_FOUND


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
    insecure = {"transport_security_type": [b"insecure"], "security_level": [b"TSI_SECURITY_NONE"]}
    assert seen[0]["identities"] == (None, None, insecure)
    assert seen[0]["so far"] == (None, "half", False, False)
    for one in seen[1:]:
        one["sent"].sort()
        assert one == seen[0] | {"sent": sorted(seen[0]["sent"])}


async def _initial_metadata_twice(request: Any, context: Any) -> Any:
    await context.send_initial_metadata((("x-a", "1"),))
    await context.send_initial_metadata((("x-a", "2"),))


async def _write_in_a_unary_method(request: Any, context: Any) -> Any:
    await context.write(request)


@pytest.mark.parametrize("behaviour", [_initial_metadata_twice, _write_in_a_unary_method])
async def test_what_cannot_be_sent_any_more_is_internal(behaviour: Any) -> None:
    """A second head, or a message beside the one response, is the servicer's mistake; the response stays whole."""
    async with playing(Say=behaviour) as stage:
        for door, reply in (await through_all(stage)).items():
            assert_internal(door, reply)
            assert "2" not in reply.values("x-a")


@pytest.mark.parametrize("what", ["read", "write", "send_initial_metadata"])
async def test_an_aborted_call_goes_no_further(what: str) -> None:
    """After an abort that the servicer has caught nothing is read or sent any more."""
    passed: list[str] = []

    async def behaviour(requests: Any, context: Any) -> AsyncIterator[Any]:
        with suppress(Exception):
            await context.abort(NOT_FOUND, "gone")
        await getattr(context, what)(*{"read": [], "write": [Line()], "send_initial_metadata": [()]}[what])
        passed.append(what)
        yield Line()

    async with playing(Talk=behaviour) as stage:
        for door in STREAM_DOORS:
            reply = await call(stage, door, "Talk")
            assert (reply.code, reply.message, reply.messages) == (5, "gone", []), door
    assert passed == []


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


async def test_request_ids(logs: list[Any]) -> None:
    """Every call has an id of its own, a UUID of version 4 in lower case, which is also in the log."""
    async with playing() as stage:
        replies = [*(await through_all(stage, "Whisper")).values(), *(await through_all(stage)).values()]
    ids = [value for reply in replies for value in reply.values("x-request-id")]
    assert ids == [entry["request_id"] for entry in logs]
    assert len(set(ids)) == len(replies)
    assert all(map(REQUEST_ID.fullmatch, ids))
