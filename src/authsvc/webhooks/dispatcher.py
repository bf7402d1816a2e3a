"""Makes deliveries of what has happened to sessions, and sends those that are due. Runs in the web worker.

At least once: a delivery is in the store before it is sent, and is claimed for a time only, so it is due again if
nothing is heard of it. Several processes on one database share the work.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog
from authsvc_workos.user_management.v1.events_pb2 import Event

from authsvc.api.convert_workos import fill_event
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.domain.webhooks import DeliveryState, Due
from authsvc.doors.workos import event_json
from authsvc.errors import Refused, Unavailable
from authsvc.store.backends import BackendReads
from authsvc.store.deliveries import Deliveries
from authsvc.webhooks.keys import key_of, secret_of
from authsvc.webhooks.outcome import Outcome
from authsvc.webhooks.schedule import pause
from authsvc.webhooks.signing import signature

TICK = 1.0
"""Seconds between two looks for something to send."""
LEASE = 60 * SECOND
"""How long a delivery is claimed, in microseconds: longer than an attempt can take."""
AT_ONCE = 64
"""Attempts at once."""
EACH = 8
"""Attempts at once for one webhook, so that those of one that does not answer leave room for others."""
KEPT = 30 * 24 * 3600 * SECOND
"""How long a delivery that is settled stays in the log, in microseconds."""
_TIDY = 3600 * SECOND  # between two looks for deliveries that have been in the log for long enough
_CHANGES = 1_000  # that are dealt with at once; the store has one writer, and others are waiting


class Sender(Protocol):
    """Makes single attempts."""

    async def send(self, url: str, body: bytes, signature: str) -> Outcome:
        """Send `body` to `url`."""

    async def close(self) -> None:
        """Let go of all connections."""


def _http_sender() -> Sender:
    from authsvc.webhooks.sender import HttpSender  # noqa: PLC0415 - slow, and only where there are webhooks

    return HttpSender()


class Dispatcher:
    """Sends what is owed to webhooks, signed with keys from the file `key_file`, from `start` to `stop`.

    `open_sender` is called once, on a thread, when there is something to send; `chance` gives numbers in [0, 1); `tick`
    is how long it rests between two looks for something to send, in seconds.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        events: BackendReads,
        key_file: Path,
        open_sender: Callable[[], Sender] = _http_sender,
        clock: Clock = now,
        chance: Callable[[], float] = random.random,
        tick: float = TICK,
    ) -> None:
        self._deliveries = deliveries
        self._events = events
        self._key_file = key_file
        self._open_sender = open_sender
        self._clock = clock
        self._chance = chance
        self._tick = tick
        self._tidy_at = 0
        self._sender: Sender | None = None
        self._flights: dict[asyncio.Task[None], int] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._trouble: str | None = None
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("authsvc.webhooks")

    def start(self) -> None:
        """Begin to look for something to send, and go on with it."""
        self._task = asyncio.create_task(self._run(), name="webhooks")

    async def stop(self, patience: float) -> None:
        """Send nothing new, and give attempts under way `patience` seconds. What they leave undone is due again."""
        self._stopping = True
        self._wake.set()
        if self._task:
            await self._task
        flights = list(self._flights)
        if flights:
            await asyncio.wait(flights, timeout=patience)
            for flight in flights:
                flight.cancel()
            await asyncio.gather(*flights, return_exceptions=True)
        if self._sender:
            await self._sender.close()

    async def turn(self) -> None:
        """Make deliveries of what is new, start to send what is due, and forget what was settled long ago."""
        webhooks = await self._deliveries.webhooks()
        if webhooks:
            await self._tidy()
        webhooks = [webhook for webhook in webhooks if not webhook.disabled]
        if not webhooks:
            return
        key = key_of(self._key_file, webhooks)  # each time: a new key counts at once
        for webhook in webhooks:
            if await self._deliveries.enqueue(webhook, _CHANGES) == _CHANGES:
                self._wake.set()  # there are more
        free = AT_ONCE - len(self._flights)
        if free <= 0 or self._stopping:
            return
        due = await self._deliveries.claim(self._clock(), LEASE, free, self._room)
        if due and self._sender is None:
            self._sender = await asyncio.to_thread(self._open_sender)
        if self._sender is None or self._stopping:
            return
        for delivery in due:
            flight = asyncio.create_task(self._deliver(self._sender, delivery, secret_of(key, delivery.webhook_id)))
            self._flights[flight] = delivery.webhook_id
            flight.add_done_callback(self._landed)

    async def _tidy(self) -> None:
        """Forget some of what is old, with each turn while there is more, and then no more for an hour."""
        at = self._clock()
        if at >= self._tidy_at and not await self._deliveries.prune(at - KEPT):
            self._tidy_at = at + _TIDY

    def _room(self, webhook_id: int) -> int:
        """How many more attempts for a webhook may begin."""
        return EACH - sum(each == webhook_id for each in self._flights.values())

    def _landed(self, flight: asyncio.Task[None]) -> None:
        del self._flights[flight]
        self._wake.set()  # there may be more for its place

    async def _run(self) -> None:
        while not self._stopping:
            await self._one_turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._tick):
                    await self._wake.wait()
            self._wake.clear()

    async def _one_turn(self) -> None:
        """Take a turn. Trouble is told once, not every second."""
        trouble = None
        try:
            await self.turn()
        except Unavailable as error:
            trouble = f"the database does not answer: {error.__cause__}"
        except Refused as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing would be sent any more
            trouble = repr(error)
            if trouble != self._trouble:
                self._log.exception("webhooks fail")
        if trouble and trouble != self._trouble:
            self._log.error("webhooks wait", reason=trouble)
        elif self._trouble and not trouble:
            self._log.info("webhooks go on")
        self._trouble = trouble

    async def _deliver(self, sender: Sender, due: Due, secret: str) -> None:
        """Make one attempt, and write down what became of it."""
        try:
            outcome = await self._outcome(sender, due, secret)
            await self._settle(due, outcome)
        except Unavailable as error:
            # It is due again when its claim ends.
            self._log.warning("delivery not recorded", delivery=due.id, reason=str(error.__cause__))
            return
        self._log.info(
            "delivery",
            delivery=due.id,
            webhook=str(due.webhook_id),
            attempt=due.attempts + 1,
            status=outcome.status,
            error=outcome.error,
        )

    async def _outcome(self, sender: Sender, due: Due, secret: str) -> Outcome:
        try:
            event = await self._events.session_event(due.sequence)
            if event is None:
                return Outcome(None, "the event is no longer known")
            message = Event()
            fill_event(message, event)
            body = event_json(message)
            return await sender.send(due.url, body, signature(secret, body, self._clock()))
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - it counts as an attempt, so that it does not come back for ever
            self._log.exception("delivery failed", delivery=due.id)
            return Outcome(None, "internal error; see the log")

    async def _settle(self, due: Due, outcome: Outcome) -> None:
        attempts, at = due.attempts + 1, self._clock()
        wait = None if outcome.delivered else pause(attempts, self._chance)
        if outcome.delivered:
            state = DeliveryState.DELIVERED
        else:
            state = DeliveryState.FAILED if wait is None else DeliveryState.PENDING
        await self._deliveries.settle(
            due.id,
            state,
            attempts=attempts,
            status=outcome.status,
            error=outcome.error,
            next_at=at + (wait or 0),
            at=at,
        )
