"""A database with somebody who signs in and out, and dispatchers on it."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path
from typing import Any, Self

from webhooks.endpoints import Received

from authsvc.domain.webhooks import Delivery
from authsvc.store import schema
from authsvc.store.backends import BackendReads
from authsvc.store.deliveries import Deliveries
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes
from authsvc.webhooks.dispatcher import Dispatcher, Sender
from authsvc.webhooks.keys import fingerprint, secret_of
from authsvc.webhooks.keys import key_file as key_file_at
from authsvc.webhooks.outcome import Outcome
from authsvc.webhooks.sender import HttpSender

ORG, USER, AGENT = 1, 10, 20


class Stage:
    """The store, and what the clock shows to everybody."""

    def __init__(self, executor: SqliteExecutor, key_file: Path, now: int) -> None:
        self.now = now
        self.executor = executor
        self.key_file = key_file
        self.writes = Writes(executor, self.clock)
        self.deliveries = Deliveries(executor, self.writes, self.clock)
        self.events = BackendReads(executor)

    @classmethod
    async def filled(cls, executor: SqliteExecutor, key_file: Path, now: int) -> Self:
        """A stage with one organization, one person and one agent, and the key file."""
        stage = cls(executor, key_file, now)
        key_file_at(key_file).make()
        async with stage.writes.transaction() as tx:
            await stage.writes.put(tx, schema.orgs, {"id": ORG, "name": "Savanna", "state": 1}, owner=ORG)
            await stage.writes.put(tx, schema.users, _PERSON, owner=ORG)
            await stage.writes.put(tx, schema.user_agents, {"id": AGENT, "description": ""})
        return stage

    async def create_webhook(self, url: str, events: tuple[str, ...] = ()) -> int:
        """The id of a new webhook, whose secret is made from the key file."""
        return await self.deliveries.create_webhook(url, fingerprint(key_file_at(self.key_file).read()), events)

    def clock(self) -> int:
        """The time."""
        return self.now

    def secret(self, webhook_id: int) -> str:
        """The secret of a webhook."""
        return secret_of(key_file_at(self.key_file).read(), webhook_id)

    async def sign_in(self) -> int:
        """Open a session: one event."""
        return await self.writes.open_session(USER, AGENT)

    async def sign_in_and_out(self, times: int = 1) -> None:
        """Open sessions and end them: two events each time."""
        for _ in range(times):
            assert await self.writes.end_session(await self.sign_in())

    def dispatcher(self, sender: Sender | None = None, executor: SqliteExecutor | None = None) -> Dispatcher:
        """A dispatcher that is not started, by default with a real sender; jitter is in the middle."""
        writes = Writes(executor or self.executor, self.clock)
        return Dispatcher(
            Deliveries(executor or self.executor, writes, self.clock),
            BackendReads(executor or self.executor),
            self.key_file,
            lambda: sender or HttpSender(),
            self.clock,
            lambda: 0.5,
            tick=0.1,
        )

    async def dispatch(self, sender: Sender | None = None) -> None:
        """One turn of a new dispatcher, and the end of all attempts that it began."""
        dispatcher = self.dispatcher(sender)
        await dispatcher.turn()
        await dispatcher.stop(20)

    async def log(self) -> list[Delivery]:
        """All deliveries, newest first."""
        return await self.deliveries.log(limit=10_000)


class Scripted:
    """A sender that sends nothing: it keeps what it is given and says what it is told to say."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.sent: list[tuple[str, bytes, str]] = []
        self.closed = False
        self._outcomes = outcomes

    async def send(self, url: str, body: bytes, signature: str) -> Outcome:
        """Say the next outcome, and the last one from then on."""
        self.sent.append((url, body, signature))
        return self._outcomes[min(len(self.sent), len(self._outcomes)) - 1]

    async def close(self) -> None:
        """Remember it."""
        self.closed = True


def is_signed(secret: str, request: Received) -> bool:
    """Whether the signature is right, reckoned as WorkOS's Python SDK does it."""
    time, digest = request.headers["workos-signature"].split(", ")
    signed = f"{time[2:]}.{request.body.decode()}".encode()
    return hmac.compare_digest(digest[3:], hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest())


_TEXTS = ["display_name", "first_name", "last_name", "nick_name", "preferred_language", "avatar_url", "email", "phone"]
_PERSON: dict[str, Any] = {
    "id": USER,
    "org_id": ORG,
    "type": 1,
    "state": 1,
    "user_name": "gigi-giraffe",
    "login": "gigi",
    **dict.fromkeys([*_TEXTS, "description"], ""),
    "gender": 0,
    "email_verified": False,
    "phone_verified": False,
    "access_token_type": 0,
}
