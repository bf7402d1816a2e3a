"""Plays the server of an ASGI application: one request, event by event."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Pairs = Iterable[tuple[str, str]]
Event = dict[str, Any]


@dataclass
class Reply:
    """A whole response, and the events that it came in."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    events: list[Event]

    def header(self, name: str) -> str | None:
        """The only value of a header."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, values
        return values[0] if values else None


class Request:
    """A request that is being served; the body arrives when it is given. What is None is left out of the scope.

    After so many events as it `reads`, the client lets the server wait.
    """

    def __init__(
        self, app: Any, http_method: str, target: str, headers: Pairs = (), *, reads: int | None = None, **scope: Any
    ) -> None:
        path, _, query = target.partition("?")
        self.events: list[Event] = []
        self._reads = reads
        self._incoming: asyncio.Queue[Event] = asyncio.Queue()
        self._news = asyncio.Event()
        usual = {
            "type": "http",
            "method": http_method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
        }
        self.scope = {name: value for name, value in (usual | scope).items() if value is not None}
        self.task = asyncio.ensure_future(app(self.scope, self._incoming.get, self._send))

    async def _send(self, event: Event) -> None:
        if self._reads is not None and len(self.events) >= self._reads:
            await asyncio.Event().wait()
        self.events.append(event)
        self._news.set()
        await asyncio.sleep(0)

    def give(self, body: bytes = b"", *, more: bool = False) -> None:
        """Send a piece of the body."""
        self._incoming.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def leave(self) -> None:
        """Go away."""
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def soon(self) -> None:
        """Give the application a few turns: what takes time, or waits for anything, is not done then."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def sent(self, count: int) -> list[Event]:
        """The events so far, as soon as there are so many."""
        async with asyncio.timeout(5):
            while len(self.events) < count:
                self._news.clear()
                await self._news.wait()
        return self.events

    async def reply(self) -> Reply:
        """The response, once the application has returned."""
        async with asyncio.timeout(5):
            await self.task
        start = self.events[0]
        assert start["type"] == "http.response.start"
        assert {event["type"] for event in self.events[1:]} <= {"http.response.body"}
        assert not any(event.get("more_body") is False for event in self.events[1:-1])
        headers = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
        return Reply(start["status"], headers, b"".join(event["body"] for event in self.events[1:]), self.events)

    @property
    def complete(self) -> bool:
        """Whether the response has been ended, and not broken off."""
        last = self.events[-1] if self.events else {"type": ""}
        return last["type"] == "http.response.body" and not last.get("more_body", False)


async def ask(
    app: Any, http_method: str, target: str, headers: Pairs = (), body: bytes | Sequence[bytes] = b"", **scope: Any
) -> Reply:
    """One request, its body in one piece or in several, and the complete answer to it."""
    request = Request(app, http_method, target, headers, **scope)
    pieces = [body] if isinstance(body, bytes) else body
    for number, piece in enumerate(pieces, start=1):
        request.give(piece, more=number < len(pieces))
    reply = await request.reply()
    assert not reply.events[-1].get("more_body", False), "the response is incomplete"
    return reply
