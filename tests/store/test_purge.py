"""What is deleted, what stays, and how."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from harness import open_hastily
from store.engines import only_sqlite, sqlite
from store.test_authorizations import NOW, Place, place
from structlog.testing import capture_logs

from authsvc.domain.authorizations import CODE_LIFE, CodeRequest
from authsvc.domain.clock import SECOND
from authsvc.domain.databases import Database
from authsvc.errors import Unavailable
from authsvc.store.executor import Prepared
from authsvc.store.purge import AT_ONCE, Purge

pytestmark = pytest.mark.both_engines

__all__ = ["place"]
DAY = 24 * 3600 * SECOND
REQUEST = CodeRequest("https://a.example/cb", "c" * 43, None)
OTHERS = f"""
INSERT INTO device_codes (id, device_hash, user_hash, client_id, scope, state, created_at, expires_at, interval)
VALUES (1, 'a', 'a', 5, '', 1, 1, {NOW - 600 * SECOND}, 5), (2, 'b', 'b', 5, '', 1, 1, {NOW - 600 * SECOND + 1}, 5);
INSERT INTO used_assertions VALUES ('a', {NOW}), ('b', {NOW + 1});
INSERT INTO attempts VALUES ('a', {NOW}), ('b', {NOW + 1});
INSERT INTO signing_keys (id, algorithm, public_key, private_key, signs_from, published_until, sequence, created_at,
  changed_at)
VALUES (1, 'x', '', '', 1, {NOW - 30 * DAY}, 1, 1, 1), (2, 'x', '', '', 1, {NOW - 30 * DAY + 1}, 1, 1, 1),
  (3, 'x', '', '', 1, NULL, 1, 1, 1);
"""


async def _run(place: Place, script: str) -> None:
    async with place.writes.transaction() as tx:
        for sql in script.split(";")[:-1]:
            await tx.execute(Prepared(sql, (), {}))


async def _left(place: Place, *tables: str) -> dict[str, int]:
    found = {table: await place.ask(f"SELECT count(*) FROM {table}") for table in tables}
    return {table: rows[0][0] for table, rows in found.items()}


def _purge(place: Place) -> Purge:
    return Purge(place.executor, lambda: place.at, pause=0)


async def _family(place: Place) -> int:
    """A code, exchanged for an access token of an hour and refresh tokens of 30 days, the first of them used."""
    code = await place.store.grant_code(place.client, place.holder, "openid", REQUEST)
    async with place.writes.transaction() as tx:
        found = await place.store.by_code(tx, code)
        assert found is not None
        await place.store.use_code(tx, found.id)
        for token in ("first", "second"):
            await place.store.keep_refresh_token(
                tx, token, place.holder, found.id, expires_at=NOW + 7 * DAY, ends_at=NOW + 30 * DAY
            )
        first = await place.store.by_refresh_token("first", tx)
        assert first is not None
        await place.store.use_refresh_token(tx, first)
    await place.keep(found.id, "access", life=3600 * SECOND)
    return found.id


async def test_a_family_stays_until_its_end(place: Place) -> None:
    """Code and used refresh tokens are known, to notice who uses them again, until the last token's end and a day."""
    await _family(place)
    place.at = NOW + 31 * DAY - 1
    assert await _purge(place).turn() == 1  # the access token, long over
    assert await _left(place, "authorizations", "refresh_tokens", "access_tokens") == {
        "authorizations": 1,
        "refresh_tokens": 2,
        "access_tokens": 0,
    }
    assert await place.store.by_refresh_token("first") is not None
    before = await _left(place, "changes")
    place.at += 1
    assert await _purge(place).turn() == 3
    assert await _left(place, "authorizations", "refresh_tokens") == {"authorizations": 0, "refresh_tokens": 0}
    assert await _left(place, "changes") == before


async def test_an_access_token_outlives_its_family(place: Place) -> None:
    """An authorization is kept for a day after the last of its access tokens, if that is its last token."""
    authorization_id = await _family(place)
    place.at = NOW + 30 * DAY - 1
    await place.keep(authorization_id, "last", life=3600 * SECOND)
    end = place.at + 3600 * SECOND + DAY
    for at, left in ((end - 1, 1), (end, 0)):
        place.at = at
        await _purge(place).turn()
        assert await _left(place, "authorizations", "access_tokens") == dict.fromkeys(
            ("authorizations", "access_tokens"), left
        )


async def test_a_code_that_nobody_fetched(place: Place) -> None:
    """An authorization whose code was never exchanged goes a day after the code's end."""
    await place.store.grant_code(place.client, place.holder, "openid", REQUEST)
    for at, left in ((NOW + CODE_LIFE + DAY - 1, 1), (NOW + CODE_LIFE + DAY, 0)):
        place.at = at
        await _purge(place).turn()
        assert await _left(place, "authorizations") == {"authorizations": left}


async def test_tokens_of_the_operator_stay(place: Place) -> None:
    """A token without a scope, which an operator made, is not deleted however old it is."""
    await place.writes.create_token(place.holder.user_id, None, SECOND)
    place.at += 1000 * DAY
    assert await _purge(place).turn() == 0
    assert await _left(place, "access_tokens") == {"access_tokens": 1}


async def test_bookkeeping(place: Place) -> None:
    """Old devices, assertions, full buckets and keys withdrawn a month ago go at their time and not before."""
    await _run(place, OTHERS)
    assert await _purge(place).turn() == 4
    tables = ("device_codes", "used_assertions", "attempts", "signing_keys")
    for table, key in zip(tables, ("id", "hash", "key", "id"), strict=True):
        rows = await place.ask(f"SELECT {key} FROM {table} ORDER BY 1")
        assert rows == [(2,), (3,)] if table == "signing_keys" else rows in ([(2,)], [("b",)], [(b"b",)])


async def _many(place: Place, count: int) -> None:
    """So many buckets that are full again."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
    await _run(place, f"INSERT INTO attempts {numbers} SELECT CAST(CAST(i AS TEXT) AS bytea), 1 FROM n;")


async def test_in_batches(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Much is deleted in several transactions, and where there is nothing to delete there is not one."""
    await _many(place, 2 * AT_ONCE + 1)
    begun: list[None] = []
    begin = place.executor.transaction

    def transaction() -> Any:
        begun.append(None)
        return begin()

    monkeypatch.setattr(place.executor, "transaction", transaction)
    assert (await _purge(place).turn(), len(begun)) == (2 * AT_ONCE + 1, 3)
    assert (await _purge(place).turn(), len(begun)) == (0, 3)


async def test_several_processes_share_the_work(place: Place, new_database: Database) -> None:
    """Those that delete at the same time never delete the same row: each takes what the one before has left."""
    await _many(place, 3 * AT_ONCE)
    other = open_hastily(new_database)
    turns = [Purge(executor, lambda: NOW, pause=0).turn() for executor in (place.executor, other)]
    counts = await asyncio.gather(*turns)
    await other.close()
    assert sum(counts) == 3 * AT_ONCE
    assert await _left(place, "attempts") == {"attempts": 0}


@only_sqlite
async def test_every_statement_uses_an_index(place: Place) -> None:
    """No statement goes through a table or sorts, not even one that a row refers to."""
    for step in _purge(place)._steps:
        for prepared in (step.some, step.delete):
            arguments = prepared.arguments({"before": NOW})
            sql = "EXPLAIN QUERY PLAN " + prepared.sql
            plan = [row[3] for row in sqlite(place.executor)._reader.execute(sql, arguments)]
            assert plan
            assert [each for each in plan if each.startswith("SCAN") or "TEMP B-TREE" in each] == []


async def test_it_goes_on_after_trouble(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes one turn after the other, tells of trouble and of what it deleted, and stops at once when told."""
    purge = Purge(place.executor, lambda: place.at, chance=lambda: 0.0)
    monkeypatch.setattr("authsvc.store.purge.EVERY", 0.0)
    answers: list[int | Exception] = [Unavailable("x", "y"), RuntimeError("odd"), 3]
    done = asyncio.Event()

    async def turn() -> int:
        answer = answers.pop(0)
        if not answers:
            done.set()
            monkeypatch.setattr("authsvc.store.purge.EVERY", 3600.0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(purge, "turn", turn)
    with capture_logs() as logs:
        purge.start()
        await done.wait()
        await purge.stop()
    assert [entry["event"] for entry in logs] == ["purge waits", "purge fails", "purged"]
