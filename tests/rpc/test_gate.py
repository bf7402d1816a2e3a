"""How many calls run at once, and what becomes of those beyond."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from doors.peers import (
    DOORS,
    WEB,
    WEB_TEXT,
    Headers,
    Reply,
    call,
    h2_peer,
    http1,
    http1_request,
    json_reply,
    pack,
    web_reply,
)
from doors.stage import KEY, TOKEN, Keys, Line, Sleeper, Tokens, eventually, path, playing
from google.rpc.error_details_pb2 import RetryInfo
from rpc.outcomes import through_all

from authsvc.domain.tokens import KeyRecord
from authsvc.errors import NotFound, PermissionDenied, Unauthenticated, Unavailable

BEARER: Headers = [("authorization", f"Bearer {TOKEN}")]


class Kind(NamedTuple):
    """A kind of calls that has a limit of its own, by one of its methods, and the code with which a good call ends."""

    name: str
    method: str
    metadata: Headers
    code: int

    def __str__(self) -> str:
        return self.name


KINDS = [
    Kind("public", "Say", [], 0),
    Kind("public stream", "Collect", [], 0),
    Kind("with a caller", "Whisper", BEARER, 0),
    Kind("with an API key", "Announce", [("authorization", f"Bearer {KEY}")], 0),
    Kind("without the user it needs", "Whisper", [], 16),
]


def assert_refused(door: str, reply: Reply) -> None:
    """The reply says that there is no room, and when to come again."""
    assert (reply.code, reply.message) == (8, "too many calls at once"), door
    detail = RetryInfo()
    assert [any_.Unpack(detail) for any_ in reply.status.details] == [True]
    assert detail.retry_delay.seconds == 1
    assert reply.http_status == (429 if door == "json" else 200)
    if door != "json":
        assert reply.values("retry-after") == ["1"]


@pytest.mark.parametrize("door", DOORS)
async def test_calls_beyond_the_limit_end_at_once(door: str, logs: list[Any]) -> None:
    """With every place taken a call is refused before its request is read, and logged like any other."""
    sleeper = Sleeper()
    async with playing(max_calls=2, Say=sleeper.unary) as stage, h2_peer(stage.port) as peer:
        for _ in range(2):
            peer.call("Say", pack(Line()))
        await eventually(sleeper.began.is_set)
        assert_refused(door, await call(stage, door, metadata=[("grpc-encoding", "br")][: door != "grpcio"]))
        assert [entry["code"] for entry in logs] == ["RESOURCE_EXHAUSTED"]
        assert logs[0]["method"] == "stage.v1.Stage/Say"


async def test_nothing_is_read_of_a_refused_call() -> None:
    """A call without a place is answered while its request still arrives."""
    async with playing(max_calls=1) as stage, h2_peer(stage.port) as peer:
        for kind in KINDS:
            peer.call(kind.method, metadata=kind.metadata, end=False)
            assert_refused("grpc", await peer.call(kind.method, metadata=kind.metadata, end=False).reply())
        for method in ("Recite", "Talk"):
            assert_refused("grpc", await peer.call(method, end=False).reply())


@pytest.mark.parametrize("held", KINDS, ids=str)
async def test_every_kind_of_call_is_counted_apart(held: Kind) -> None:
    """Requests of one kind that never end, up to the limit, keep out their own kind and no other, by any door."""
    async with playing(max_calls=2) as stage, h2_peer(stage.port) as peer:
        for _ in range(2):
            peer.call(held.method, metadata=held.metadata, end=False)
        assert_refused("grpc", await peer.call(held.method, pack(Line()), metadata=held.metadata).reply())
        for kind in KINDS:
            for door, reply in (await through_all(stage, kind.method, metadata=kind.metadata)).items():
                if kind is held:
                    assert_refused(door, reply)
                else:
                    assert reply.code == kind.code, (door, kind)


async def test_running_calls_keep_their_place() -> None:
    """A call holds its place until its servicer is done, not only while its request is read."""
    sleepers = {name: Sleeper() for name in ("Say", "Whisper", "Recite")}
    behaviours: dict[str, Any] = {
        name: sleeper.stream if name == "Recite" else sleeper.unary for name, sleeper in sleepers.items()
    }
    async with playing(max_calls=1, **behaviours) as stage, h2_peer(stage.port) as peer:
        for name, sleeper in sleepers.items():
            peer.call(name, pack(Line()), metadata=BEARER)
            await eventually(sleeper.began.is_set)
        for name in sleepers:
            for door, reply in (await through_all(stage, name, metadata=BEARER)).items():
                assert_refused(door, reply)


MALFORMED: dict[str, tuple[bytes, Headers, int]] = {
    "no message": (pack(b"\xff"), [], 13),
    "cut short": (pack(Line(text="x"))[:-1], [], 13),
    "unknown compression": (pack(Line(), 1), [("grpc-encoding", "br")], 12),
    "no request": (b"", [], 12),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_is_named_also_without_a_token(name: str) -> None:
    """What is wrong with a request comes before what is wrong with its token; a good one without a token ends 16."""
    body, metadata, code = MALFORMED[name]
    async with playing() as stage, h2_peer(stage.port) as peer:
        for token in ([], [("authorization", "Bearer")], BEARER):
            assert (await peer.call("Whisper", body, metadata=[*metadata, *token]).reply()).code == code
        assert (await peer.call("Whisper", pack(Line())).reply()).code == 16


NO_KEY: dict[str, tuple[Headers, int]] = {
    "no key": ([], 16),
    "an unknown key": ([("authorization", "Bearer sk_other")], 16),
    "a user's token": (BEARER, 16),
    "a key without the permission": ([("authorization", f"Bearer {KEY}")], 7),
}


@pytest.mark.parametrize(("metadata", "code"), NO_KEY.values(), ids=NO_KEY.keys())
async def test_nothing_is_read_without_a_usable_api_key(
    metadata: Headers, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a method for API keys a stranger learns nothing: the call ends by its headers alone, whatever the request."""
    if code == 7:
        monkeypatch.setattr(Keys, "key", _powerless)
    async with playing(max_calls=1) as stage, h2_peer(stage.port) as peer, h2_peer(stage.grpcio_port) as grpcio:
        for _ in range(2):  # and takes no place that another one would need
            assert (await peer.call("Announce", metadata=metadata, end=False).reply()).code == code
        for body in (pack(b"\xff"), pack(Line(text="x"))[:-1], pack(Line(), 1)):
            for each in (peer, grpcio):
                if each is peer or body == pack(b"\xff"):
                    assert (await each.call("Announce", body, metadata=metadata).reply()).code == code
            for kind in (WEB, WEB_TEXT):
                content = base64.b64encode(body) if kind == WEB_TEXT else body
                request = http1_request("POST", path("Announce"), [("content-type", kind), *metadata], content)
                assert web_reply(await http1(stage.port, request), text=kind == WEB_TEXT).code == code
        for query in ("?number=x", "?nothing=1", "?text=%ff", "?text=a&text=b"):
            request = http1_request("GET", f"/auth/v1/announce{query}", metadata)
            assert json_reply(await http1(stage.port, request)).code == code


async def _powerless(self: Keys, key_hash: bytes) -> KeyRecord:
    return KeyRecord(7, "the key", "user.read", 0, None, None)


@pytest.mark.parametrize(
    ("error", "code", "malformed"),
    [
        (Unauthenticated("Errors.Token.Invalid"), 16, 13),
        (NotFound("Errors.User.NotFound"), 5, 13),
        (PermissionDenied("Organisation doesn't exist"), 7, 13),
        (Unavailable("Errors.Store.Unavailable"), 14, 14),
        (ValueError(), 13, 13),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_only_a_failed_authentication_waits_for_the_request(
    error: Exception, code: int, malformed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad credential is told after the request has been read; when nobody can tell, the call ends at once."""

    async def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(Tokens, "token", fail)
    async with playing() as stage, h2_peer(stage.port) as peer:
        unread = peer.call("Whisper", metadata=BEARER, end=False)
        assert (await peer.call("Whisper", pack(Line()), metadata=BEARER).reply()).code == code
        assert (await peer.call("Whisper", pack(b"\xff"), metadata=BEARER).reply()).code == malformed
        assert unread.over.is_set() == (code in {13, 14})


async def _fail(request: Any, context: Any) -> Any:
    raise ValueError


async def _forever(request: Any, context: Any) -> Any:
    await asyncio.Event().wait()


async def _fail_late(request: Any, context: Any) -> AsyncIterator[Any]:
    yield Line()
    raise ValueError


def _sync(request: Any, context: Any) -> Any:
    return request


@pytest.mark.parametrize("behaviour", [_fail, _forever, _sync])
async def test_every_ending_frees_its_place(behaviour: Any) -> None:
    """One place is enough for calls one after another, however each of them ends."""
    timeout = 0.05 if behaviour is _forever else 10.0
    async with playing(max_calls=1, unary_timeout=timeout, Say=behaviour, Recite=_fail_late) as stage:
        for door in DOORS:
            for _ in range(2):
                assert (await call(stage, door, "Say")).code == {_fail: 13, _forever: 4, _sync: 0}[behaviour]
            for headers in ([("x-bad-bin", "*")], [("grpc-timeout", "0n")]):
                if door not in {"json", "grpcio"}:
                    assert (await call(stage, door, "Say", metadata=headers)).code in {4, 13}
        for door in DOORS[:-1]:
            assert (await call(stage, door, "Recite")).code == 13
            assert (await call(stage, door, "Collect")).code == 0


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_request_that_ends_badly_frees_its_place(kind: Kind) -> None:
    """One place of a kind is enough for malformed requests and those that never come, one after another."""
    late = [*kind.metadata, ("grpc-timeout", "20m")]
    async with playing(max_calls=1) as stage, h2_peer(stage.port) as peer:
        for _ in range(2):
            assert (await peer.call(kind.method, pack(b"\xff"), metadata=kind.metadata).reply()).code == 13
            assert (await peer.call(kind.method, end=False, metadata=late).reply()).code == 4
            assert (await peer.call(kind.method, pack(Line()), metadata=kind.metadata).reply()).code == kind.code


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_client_that_leaves_frees_its_place(kind: Kind, logs: list[Any]) -> None:
    """A cancelled call gives its place back."""
    async with playing(max_calls=1) as stage:
        for _ in range(3):
            async with h2_peer(stage.port) as peer:
                running = peer.call(kind.method, metadata=kind.metadata, end=False)
                assert_refused("grpc", await peer.call(kind.method, pack(Line()), metadata=kind.metadata).reply())
                count = len(logs)
                running.cancel()
                await eventually(lambda count=count: len(logs) > count)  # type: ignore[misc]
                reply = await peer.call(kind.method, pack(Line()), metadata=kind.metadata).reply()
                assert reply.code == kind.code
