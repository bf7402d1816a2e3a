"""Who may call which method: users with an access token, or the holders of an API key, through every door."""

from __future__ import annotations

from typing import Any

import pytest
from doors.peers import Headers, Reply, call
from doors.stage import KEY, TOKEN, Keys, Line, Tokens, playing
from google.rpc.error_details_pb2 import RetryInfo
from rpc.outcomes import through_all

from authsvc.domain.tokens import KeyRecord
from authsvc.errors import EntityNotFound, InvalidParameter
from authsvc.identity.api_keys import KeyHolder
from authsvc.identity.caller import Caller

BY_KEY: Headers = [("authorization", f"Bearer {KEY}")]
BY_TOKEN: Headers = [("authorization", f"Bearer {TOKEN}")]


def _http(door: str, status: int) -> int:
    return status if door == "json" else 200


async def test_methods_for_api_keys(logs: list[Any]) -> None:
    """A method that declares a permission is called with a key, finds the key's holder, and the log names the key."""
    seen: list[Any] = []

    async def note(request: Any, context: Any) -> Any:
        seen.append(context.caller)
        return request

    async with playing(Announce=note, Whisper=note) as stage:
        replies = await through_all(stage, "Announce", metadata=BY_KEY)
        assert {reply.code for reply in replies.values()} == {0}
        assert seen == [KeyHolder("the key", frozenset({"session.write"}))] * len(replies)
        assert [entry["key"] for entry in logs] == ["the key"] * len(replies)
        assert KEY not in repr(logs)
        await call(stage, "grpc", "Whisper", metadata=BY_TOKEN)
        assert isinstance(seen[-1], Caller)
        assert "key" not in logs[-1]


async def test_synchronous_servicers_find_the_holder_too() -> None:
    """A servicer made of plain functions sees the holder of the key as its caller."""

    def tell(request: Any, context: Any) -> Any:
        return Line(text=context.caller.name)

    async with playing(Announce=tell) as stage:
        for door, reply in (await through_all(stage, "Announce", metadata=BY_KEY)).items():
            assert [message.text for message in reply.messages] == ["the key"], door


NO_KEY: dict[str, tuple[Headers, str]] = {
    "no header": ([], 'Bearer realm="authsvc"'),
    "an empty bearer": ([("authorization", "Bearer ")], 'Bearer realm="authsvc"'),
    "another scheme": ([("authorization", "Basic eA==")], 'Bearer realm="authsvc"'),
    "an unknown key": ([("authorization", f"Bearer {KEY}x")], 'Bearer realm="authsvc", error="invalid_token"'),
    "a user's token": (BY_TOKEN, 'Bearer realm="authsvc", error="invalid_token"'),
    "a language": ([("accept-language", "de"), *BY_TOKEN], 'Bearer realm="authsvc", error="invalid_token"'),
}


@pytest.mark.parametrize(("metadata", "challenge"), NO_KEY.values(), ids=NO_KEY.keys())
async def test_without_a_usable_key(metadata: Headers, challenge: str) -> None:
    """Without a usable key a call ends with the bare text `Unauthorized`, no details, and a challenge."""
    async with playing() as stage:
        for door, reply in (await through_all(stage, "Announce", metadata=metadata)).items():
            assert (reply.code, reply.message, list(reply.status.details)) == (16, "Unauthorized", []), door
            assert reply.http_status == _http(door, 401)
            assert reply.values("www-authenticate") == [challenge], door


async def test_a_key_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method for users never asks for keys, and one for keys never asks for tokens."""

    async def fail(*_: Any) -> None:
        raise AssertionError

    async with playing() as stage:
        monkeypatch.setattr(Tokens, "token", fail)
        assert (await call(stage, "grpc", "Announce", metadata=BY_KEY)).code == 0
        monkeypatch.undo()
        monkeypatch.setattr(Keys, "key", fail)
        assert (await call(stage, "grpc", "Whisper", metadata=BY_TOKEN)).code == 0


async def test_without_the_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key without the method's permission ends with PERMISSION_DENIED and a sentence that names it."""
    monkeypatch.setattr(Keys, "permissions", "session.read user.read event.read authenticated")
    async with playing() as stage:
        for door, reply in (await through_all(stage, "Announce", metadata=BY_KEY)).items():
            sentence = "The API key does not have the permission session.write."
            assert (reply.code, reply.message, list(reply.status.details)) == (7, sentence, []), door
            assert reply.http_status == _http(door, 403)


async def test_the_organization_of_the_header_means_nothing_to_keys() -> None:
    """`x-zitadel-orgid` is for users."""
    async with playing() as stage:
        metadata = [*BY_KEY, ("x-zitadel-orgid", "no such organization")]
        for door, reply in (await through_all(stage, "Announce", metadata=metadata)).items():
            assert reply.code == 0, door


def _assert_too_many(door: str, reply: Reply, seconds: int) -> None:
    assert (reply.code, reply.message) == (8, "Too many requests."), door
    detail = RetryInfo()
    assert [any_.Unpack(detail) for any_ in reply.status.details] == [True]
    assert detail.retry_delay.seconds == seconds
    assert reply.http_status == _http(door, 429)
    assert reply.values("retry-after") == [str(seconds)], door


async def test_beyond_the_rate() -> None:
    """Above its rate a key's call ends with RESOURCE_EXHAUSTED and the time to wait, behind every door together."""
    async with playing(key_rate=0.001) as stage:
        assert (await call(stage, "json", "Announce", metadata=BY_KEY)).code == 0
        for door, reply in (await through_all(stage, "Announce", metadata=BY_KEY)).items():
            _assert_too_many(door, reply, 1000)
        for door, reply in (await through_all(stage, "Whisper", metadata=BY_TOKEN)).items():
            assert reply.code == 0, door


async def test_the_record_of_use_delays_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that takes for ever to record a use, or fails to, keeps no call from ending well."""

    async def fail(self: Keys, key_id: int, at: int) -> None:
        raise OSError

    monkeypatch.setattr(Keys, "touch_key", fail)
    async with playing() as stage:
        for door, reply in (await through_all(stage, "Announce", metadata=BY_KEY)).items():
            assert reply.code == 0, door


async def test_names_of_keys_may_be_anything(monkeypatch: pytest.MonkeyPatch, logs: list[Any]) -> None:
    """A key's name goes to the log as it is, and to no client."""
    name = 'a\r\nb "c" \U0001f992'

    async def key(self: Keys, key_hash: bytes) -> KeyRecord | None:
        return KeyRecord(7, name, "", 0, None, None)

    monkeypatch.setattr(Keys, "key", key)
    async with playing() as stage:
        for door, reply in (await through_all(stage, "Announce", metadata=BY_KEY)).items():
            assert reply.code == 7, door
            assert b"\xf0\x9f\xa6\x92" not in reply.raw, door
    assert {entry["event"] for entry in logs} <= {"call"}


IDS = {
    "a usual one": "user_01E4ZCR3C56J083X43JQXF3JK5",
    "empty": "",
    "quotes": "'\"`",
    "line ends": "a\r\nx-injected: 1\r\n\r\nb",
    "control characters": "".join(map(chr, [*range(32), *range(127, 160)])),
    "percent signs": "%0d%0a %41 %%",
    "other scripts": "gr\u00fcn \u0645\u0631\u062d\u0628\u0627 \u4f60\u597d \U0001f992",
    "what Unicode keeps for itself": "\ufeff\ufffe\uffff\u202e\u2028\U0010ffff",
    "4 KiB": "x" * 4096,
    "4 KiB that are escaped": "\n" * 4096,
    "4096 giraffes": "\U0001f992" * 4096,
}


@pytest.mark.parametrize("entity_id", IDS.values(), ids=IDS.keys())
async def test_ids_come_back_as_they_are(entity_id: str) -> None:
    """An error that repeats the id of a client reaches it whole by every door, cut where no id of ours is so long."""

    async def missing(request: Any, context: Any) -> Any:
        raise EntityNotFound("User", entity_id)

    shown = entity_id if len(entity_id) <= 200 else entity_id[:200] + "…"
    async with playing(Say=missing) as stage:
        for door, reply in (await through_all(stage)).items():
            assert (reply.code, reply.message) == (5, f"User not found: '{shown}'."), door
            assert reply.http_status == _http(door, 404)
            assert not reply.values("x-injected")
            assert len(reply.status.details) == 1


async def test_parameters_are_named() -> None:
    """A parameter that is wrong is named in the message and in a detail, by every door."""

    async def wrong(request: Any, context: Any) -> Any:
        raise InvalidParameter("limit", "limit_range", "must be from 1 to 100")

    async with playing(Say=wrong) as stage:
        for door, reply in (await through_all(stage)).items():
            assert (reply.code, reply.message) == (3, "limit: must be from 1 to 100"), door
            assert reply.http_status == _http(door, 400)
            assert [detail.TypeName() for detail in reply.status.details] == ["google.rpc.BadRequest"]
