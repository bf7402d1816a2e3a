from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from harness import open_hastily
from store.engines import only_sqlite, sqlite, url

from authsvc import directory
from authsvc.domain.databases import Database
from authsvc.domain.webhooks import DeliveryState, Due
from authsvc.errors import Refused
from authsvc.store import deliveries as module
from authsvc.store.deliveries import Deliveries
from authsvc.store.executor import Prepared
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

NOW = 1_700_000_000_000_000
LEASE = 30_000_000
FINGERPRINT = "0123456789abcdef"
URL = "https://savanna.example/hook"
PEOPLE = """
orgs: [{id: 1, name: x, users: [{id: 2, userName: gigi, human: {firstName: G, lastName: G}}]}]
agents: [{id: 3}, {id: 4}, {id: 5}]
"""


class Store:
    """A database in which a person can sign in and out, and a clock that stands until it is moved."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.executor = open_hastily(database)
        self.writes = Writes(self.executor, lambda: self.now)
        self.deliveries = Deliveries(self.executor, self.writes, lambda: self.now)

    async def sign_in_and_out(self) -> None:
        """One session, from its beginning to its end."""
        await self.writes.end_session(await self.writes.open_session(2, 3))

    async def create_webhook(self, url: str, events: tuple[str, ...] = ()) -> int:
        """The id of a new webhook."""
        return await self.deliveries.create_webhook(url, FINGERPRINT, events)

    async def enqueue(self, webhook_id: int, limit: int) -> int:
        """Make deliveries for a webhook; how many changes were dealt with."""
        webhook = await self.deliveries.webhook(webhook_id)
        assert webhook is not None
        return await self.deliveries.enqueue(webhook, limit)

    async def claim(self, now: int, lease: int, limit: int) -> list[Due]:
        """Take what is due, with room for everything."""
        return await self.deliveries.claim(now, lease, limit, lambda _: sys.maxsize)

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask in plain SQL."""
        return list(await self.executor.fetch_all(Prepared(sql, (), {})))

    async def owe(self, webhook_id: int, count: int) -> None:
        """Deliveries that are due now."""
        for _ in range((count + 1) // 2):
            await self.sign_in_and_out()
        assert await self.enqueue(webhook_id, count) == count


@pytest.fixture
async def store(new_database: Database) -> AsyncIterator[Store]:
    """Such a database, empty but for one person and some browsers."""
    store = Store(new_database)
    await directory.apply(store.writes, directory.parse(PEOPLE.encode(), "test.yaml"))
    yield store
    await store.executor.close()


async def _settle(store: Store, due: Due, state: DeliveryState, **changed: Any) -> None:
    outcome: dict[str, Any] = {"attempts": due.attempts + 1, "status": 500, "error": None, "next_at": NOW, "at": NOW}
    await store.deliveries.settle(due.id, state, **(outcome | changed))


# Webhooks.


async def test_webhook_begins_with_what_happens_next(store: Store) -> None:
    """A new webhook is not told what has happened before it."""
    await store.sign_in_and_out()
    webhook_id = await store.create_webhook(URL)
    assert await store.enqueue(webhook_id, 10) == 0
    await store.sign_in_and_out()
    assert await store.enqueue(webhook_id, 10) == 2


async def test_webhooks_are_listed(store: Store) -> None:
    """A webhook has its address, its events and its state, and is made and deleted with an entry in `changes`."""
    first = await store.create_webhook(URL)
    store.now += 1
    second = await store.create_webhook(URL, ("session.revoked",))
    found = await store.deliveries.webhooks()
    assert [(one.id, one.url, one.events, one.disabled) for one in found] == [
        (first, URL, "", 0),
        (second, URL, "session.revoked", 0),
    ]
    assert [one.actions for one in found] == [("created", "terminated"), ("terminated",)]
    assert await store.deliveries.webhook(second) == found[1]
    assert await store.deliveries.delete_webhook(first)
    assert not await store.deliveries.delete_webhook(first)
    assert await store.deliveries.webhook(first) is None
    assert await store.ask("SELECT entity_id, action FROM changes WHERE kind = 'webhook'") == [
        (first, "created"),
        (second, "created"),
        (first, "deleted"),
    ]


async def test_key_is_changed_for_all(store: Store) -> None:
    """The fingerprint of a new key is written to every webhook, and to `changes`, if the key could be put in place."""
    ids = [await store.create_webhook(URL) for _ in range(2)]

    def broken() -> None:
        raise Refused("the disk is full")

    with pytest.raises(Refused):
        await store.deliveries.set_key("f" * 16, broken)
    assert {one.key_fingerprint for one in await store.deliveries.webhooks()} == {FINGERPRINT}
    placed: list[str] = []
    assert [one.id for one in await store.deliveries.set_key("f" * 16, lambda: placed.append("it"))] == ids
    assert placed == ["it"]
    assert {one.key_fingerprint for one in await store.deliveries.webhooks()} == {"f" * 16}
    assert await store.ask("SELECT entity_id FROM changes WHERE kind = 'webhook' AND action = 'changed'") == [
        (webhook_id,) for webhook_id in ids
    ]


async def test_deleted_webhook_is_owed_nothing(store: Store) -> None:
    """With a webhook go its deliveries, also those on their way, whose outcome then means nothing."""
    webhook_id = await store.create_webhook(URL)
    await store.owe(webhook_id, 2)
    first, _ = await store.claim(NOW, LEASE, 10)
    assert await store.deliveries.delete_webhook(webhook_id)
    assert await store.deliveries.log() == []
    other = await store.create_webhook(URL)
    await store.owe(other, 2)
    await _settle(store, first, DeliveryState.DELIVERED)
    assert [one.state for one in await store.deliveries.log()] == [1, 1]


async def test_disabled_webhook_waits(store: Store) -> None:
    """A webhook that is disabled is sent nothing and loses nothing."""
    webhook_id = await store.create_webhook(URL)
    await store.owe(webhook_id, 2)
    assert await store.deliveries.set_disabled(webhook_id, disabled=True)
    await store.sign_in_and_out()
    assert await store.enqueue(webhook_id, 10) == 0
    assert await store.claim(NOW, LEASE, 10) == []
    assert await store.deliveries.set_disabled(webhook_id, disabled=False)
    assert await store.enqueue(webhook_id, 10) == 2
    assert len(await store.claim(NOW, LEASE, 10)) == 4
    assert not await store.deliveries.set_disabled(99, disabled=True)


# From changes to deliveries.


@pytest.mark.parametrize(("events", "actions"), [
    ((), ["created", "terminated"]),
    (("session.created",), ["created"]),
    (("session.revoked",), ["terminated"]),
    (("session.revoked", "session.created"), ["created", "terminated"]),
])  # fmt: skip
async def test_wanted_events_become_deliveries(store: Store, events: tuple[str, ...], actions: list[str]) -> None:
    """Each change that a webhook wants is owed to it once; what it does not want is passed by."""
    webhook_id = await store.create_webhook(URL, events)
    await store.sign_in_and_out()
    assert await store.enqueue(webhook_id, 10) == 2
    assert await store.enqueue(webhook_id, 10) == 0
    log = await store.deliveries.log()
    assert [one.action for one in reversed(log)] == actions
    assert {(one.webhook_id, one.state, one.attempts, one.next_at) for one in log} == {(webhook_id, 1, 0, NOW)}
    webhook = await store.deliveries.webhook(webhook_id)
    assert webhook is not None
    assert [(webhook.cursor,)] == await store.ask("SELECT max(sequence) FROM changes WHERE kind = 'session'")


async def test_other_changes_are_nobodys(store: Store) -> None:
    """Changes of users, and of sessions that neither begin nor end, make no delivery."""
    webhook_id = await store.create_webhook(URL)
    session_id = await store.writes.open_session(2, 3)
    text = PEOPLE.replace("lastName: G", "lastName: Giraffe").replace(
        "{id: 3}", "{id: 3, sessions: [{id: %d, user: 2, expiresAt: 2126-01-15T12:00:00Z}]}"
    )
    await directory.apply(store.writes, directory.parse((text % session_id).encode(), "test.yaml"))
    assert await store.enqueue(webhook_id, 10) == 2
    assert [one.action for one in await store.deliveries.log()] == ["created"]


async def test_long_backlog_goes_in_steps(store: Store) -> None:
    """At most so many changes are dealt with at a time, in their order."""
    webhook_id = await store.create_webhook(URL)
    for _ in range(3):
        await store.sign_in_and_out()
    assert [await store.enqueue(webhook_id, 4) for _ in range(3)] == [4, 2, 0]
    assert len({one.sequence for one in await store.deliveries.log()}) == 6


async def test_two_that_enqueue_at_once(store: Store, new_database: Database) -> None:
    """Whoever comes second finds the work done."""
    webhook_id = await store.create_webhook(URL)
    for _ in range(3):
        await store.sign_in_and_out()
    other = Store(new_database)
    both = [one.enqueue(webhook_id, 10) for one in (store, other)]
    assert sorted(await asyncio.gather(*both)) == [0, 6]
    await other.executor.close()
    assert len(await store.deliveries.log()) == 6


async def test_nothing_to_do_writes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for work takes no lock while there is none."""
    webhook_id = await store.create_webhook(URL)

    def never() -> None:
        raise AssertionError

    monkeypatch.setattr(store.executor, "transaction", never)
    assert await store.enqueue(webhook_id, 10) == 0
    assert not await store.deliveries.prune(NOW)
    assert await store.claim(NOW, LEASE, 10) == []


# Claims.


async def test_claim_is_a_lease(store: Store) -> None:
    """What is claimed is nobody else's until the lease is over, and then due again: nothing is lost in a crash."""
    webhook_id = await store.create_webhook(URL)
    await store.owe(webhook_id, 2)
    claimed = await store.claim(NOW, LEASE, 10)
    assert [(due.webhook_id, due.url, due.attempts) for due in claimed] == [(webhook_id, URL, 0)] * 2
    assert [due.sequence for due in claimed] == sorted(due.sequence for due in claimed)
    assert await store.claim(NOW + LEASE - 1, LEASE, 10) == []
    assert await store.claim(NOW + LEASE, LEASE, 10) == claimed


async def test_what_is_not_due_is_not_claimed(store: Store) -> None:
    """A delivery waits until its time has come."""
    webhook_id = await store.create_webhook(URL)
    await store.owe(webhook_id, 2)
    assert await store.claim(NOW - 1, LEASE, 10) == []
    assert len(await store.claim(NOW, LEASE, 1)) == 1


async def test_one_webhook_does_not_hold_up_the_others(store: Store) -> None:
    """However much is owed to one, the others get their share, and those that have waited longest come first."""
    busy = await store.create_webhook(URL)
    await store.owe(busy, 40)
    store.now += 1
    calm = await store.create_webhook(URL)
    await store.owe(calm, 2)
    claimed = await store.claim(store.now, LEASE, 10)
    assert Counter(due.webhook_id for due in claimed) == {busy: 5, calm: 2}
    assert claimed[0].webhook_id == busy
    assert len(await store.claim(store.now, LEASE, 10)) == 10


async def test_more_webhooks_than_places(store: Store) -> None:
    """With fewer places than webhooks, those left out are first the next time."""
    webhooks = [await store.create_webhook(URL) for _ in range(3)]
    await store.sign_in_and_out()
    for webhook_id in webhooks:
        assert await store.enqueue(webhook_id, 1) == 1
    rounds = [await store.claim(NOW, LEASE, 2) for _ in range(3)]
    assert [len(claimed) for claimed in rounds] == [2, 1, 0]
    assert {due.webhook_id for claimed in rounds for due in claimed} == set(webhooks)


_CLAIM = f"""
import asyncio, sys
from authsvc.config import Settings
from authsvc.store.deliveries import Deliveries
from authsvc.store.open import open_store
from authsvc.store.writes import Writes

async def main():
    executor = await open_store(Settings(database_url=sys.argv[1]).database_url)
    deliveries = Deliveries(executor, Writes(executor))
    print("ready", flush=True)
    sys.stdin.readline()
    while claimed := await deliveries.claim({NOW}, {LEASE}, 3, lambda _: 3):
        print(*(due.id for due in claimed), flush=True)
    await executor.close()

asyncio.run(main())
"""


async def test_processes_that_claim_at_once(store: Store, new_database: Database) -> None:
    """Of several processes that take what is due, each gets something else, and together they get everything."""
    webhook_id = await store.create_webhook(URL)
    await store.owe(webhook_id, 60)
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", _CLAIM, url(new_database)]
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]  # noqa: ASYNC220
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=30)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    claimed = [int(word) for answer in answers for word in answer]
    assert len(claimed) == 60
    assert set(claimed) == {row[0] for row in await store.ask("SELECT id FROM deliveries")}


# Outcomes.


async def test_outcome_is_in_the_log(store: Store) -> None:
    """What became of an attempt is kept; a delivery that stays pending is due when it says."""
    webhook_id = await store.create_webhook(URL)
    await store.owe(webhook_id, 2)
    first, second = await store.claim(NOW, LEASE, 10)
    await _settle(store, first, DeliveryState.DELIVERED, status=204, at=NOW + 1)
    await _settle(store, second, DeliveryState.PENDING, status=None, error="timed out", next_at=NOW + 7)
    newest, oldest = await store.deliveries.log()
    assert (oldest.id, oldest.sequence, oldest.action) == (first.id, first.sequence, "created")
    assert oldest[5:] == (2, 1, NOW, NOW + 1, 204, None)
    assert newest[5:] == (1, 1, NOW + 7, NOW, None, "timed out")
    assert await store.claim(NOW + 6, LEASE, 10) == []
    (again,) = await store.claim(NOW + 7, LEASE, 10)
    assert (again.id, again.attempts) == (second.id, 1)


@pytest.mark.parametrize("final", [DeliveryState.DELIVERED, DeliveryState.FAILED])
async def test_outcome_is_final(store: Store, final: DeliveryState) -> None:
    """The late outcome of an attempt whose lease was over does not undo that of a later one."""
    webhook_id = await store.create_webhook(URL)
    await store.owe(webhook_id, 1)
    (due,) = await store.claim(NOW, LEASE, 10)
    await _settle(store, due, final)
    await _settle(store, due, DeliveryState.PENDING)
    assert [one.state for one in await store.deliveries.log()] == [final]
    assert await store.claim(NOW + LEASE, LEASE, 10) == []


async def test_delivery_can_be_tried_again(store: Store) -> None:
    """By hand a failed or pending delivery, and only such a one, becomes due once more, with all its attempts."""
    webhook_id = await store.create_webhook(URL)
    await store.owe(webhook_id, 3)
    first, second, third = await store.claim(NOW, LEASE, 10)
    await _settle(store, first, DeliveryState.FAILED, attempts=7)
    await _settle(store, second, DeliveryState.DELIVERED)
    await _settle(store, third, DeliveryState.PENDING, attempts=6, next_at=NOW + 100 * LEASE)
    store.now += 5
    assert await store.claim(store.now, LEASE, 10) == []
    assert [await store.deliveries.retry(one) for one in (first.id, third.id)] == [True] * 2
    assert [await store.deliveries.retry(one) for one in (second.id, 99)] == [False] * 2
    assert [(due.id, due.attempts) for due in await store.claim(store.now, LEASE, 10)] == [(first.id, 0), (third.id, 0)]


async def test_all_deliveries_of_a_webhook_can_be_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has failed or waits becomes due, of one webhook only, in steps, and nothing else is touched."""
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    store.deliveries = Deliveries(store.executor, store.writes, lambda: store.now)
    ours, other = [await store.create_webhook(URL) for _ in range(2)]
    for _ in range(5):
        await store.sign_in_and_out()
    for webhook_id in (ours, other):
        await store.enqueue(webhook_id, 100)
    claimed = await store.claim(NOW, LEASE, 100)
    assert len(claimed) == 20
    fates = [DeliveryState.FAILED] * 5 + [DeliveryState.PENDING] * 3 + [DeliveryState.DELIVERED] * 2
    for webhook_id in (ours, other):
        for due, fate in zip([one for one in claimed if one.webhook_id == webhook_id], fates, strict=True):
            await _settle(store, due, fate, next_at=NOW + 100 * LEASE if fate is DeliveryState.PENDING else NOW)
    store.now += 5
    assert await store.deliveries.retry_all(ours) == 8
    assert await store.deliveries.retry_all(ours) == 0
    again = await store.claim(store.now, LEASE, 100)
    assert {(one.webhook_id, one.attempts) for one in again} == {(ours, 0)}
    assert len(again) == 8
    assert len(await store.deliveries.log(other, failed=True)) == 5


async def test_settled_deliveries_are_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was settled before a time goes, the oldest first and so many at once; what is pending or newer stays."""
    monkeypatch.setattr(module, "_AT_ONCE", 2)
    store.deliveries = Deliveries(store.executor, store.writes, lambda: store.now)
    webhook_id = await store.create_webhook(URL)
    await store.owe(webhook_id, 6)
    claimed = await store.claim(NOW, LEASE, 10)
    fates = [DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.DELIVERED, DeliveryState.PENDING]
    for number, (due, fate) in enumerate(zip(claimed, [*fates, DeliveryState.FAILED], strict=False)):
        await _settle(store, due, fate, at=NOW + number)
    assert not await store.deliveries.prune(NOW)
    assert len(await store.deliveries.log()) == 6
    assert await store.deliveries.prune(NOW + 4)
    assert [one.id for one in await store.deliveries.log()] == [due.id for due in reversed(claimed[2:])]
    assert not await store.deliveries.prune(NOW + 4)
    assert [one.id for one in await store.deliveries.log()] == [due.id for due in reversed(claimed[3:])]
    assert not await store.deliveries.prune(NOW + 4)
    assert await store.enqueue(webhook_id, 10) == 0


async def test_log_is_chosen(store: Store) -> None:
    """The log shows the newest, of all webhooks or of one, of all states or the failed ones."""
    webhooks = [await store.create_webhook(URL) for _ in range(2)]
    await store.sign_in_and_out()
    for webhook_id in webhooks:
        await store.enqueue(webhook_id, 10)
    due, *_ = await store.claim(NOW, LEASE, 10)
    await _settle(store, due, DeliveryState.FAILED)
    everything = await store.deliveries.log()
    assert len(everything) == 4
    assert await store.deliveries.log(limit=3) == everything[:3]
    assert await store.deliveries.log(webhooks[1]) == [one for one in everything if one.webhook_id == webhooks[1]]
    assert [one.id for one in await store.deliveries.log(failed=True)] == [due.id]
    assert len(await store.deliveries.log(due.webhook_id, failed=True)) == 1
    assert await store.deliveries.log(sum(webhooks) - due.webhook_id, failed=True) == []


@only_sqlite
async def test_looking_for_work_walks_along_indexes(store: Store) -> None:
    """Neither the log of changes nor the deliveries are scanned or sorted when there is work to find."""
    found = store.deliveries
    simple = (found._behind, found._claim, found._settle, found._retry, found._enqueue)
    for prepared in (*simple, found._retry_all, found._settled, found._prune, found._with_due):
        rows = sqlite(store.executor)._reader.execute(f"EXPLAIN QUERY PLAN {prepared.sql}", [1] * len(prepared.names))
        steps = [str(row[3]) for row in rows]
        assert not [step for step in steps if step.startswith("SCAN") and "webhooks" not in step], steps
        if prepared is not found._with_due:
            assert not [step for step in steps if "TEMP B-TREE" in step], steps
