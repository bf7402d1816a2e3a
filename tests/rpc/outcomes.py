"""One call through every door, and what an internal error looks like there."""

from __future__ import annotations

import re
from typing import Any

from doors.peers import DOORS, STREAM_DOORS, Reply, call
from doors.stage import Stage
from zitadel.message_pb2 import ErrorDetail

INTERNAL_ERROR = re.compile(r"An internal error occurred \(([0-9a-f]{16})\)")


async def through_all(stage: Stage, method: str = "Say", **more: Any) -> dict[str, Reply]:
    """The same call through every door that serves it."""
    doors = DOORS if method in {"Say", "Whisper", "Announce"} else STREAM_DOORS
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
