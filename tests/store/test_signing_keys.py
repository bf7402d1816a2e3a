from __future__ import annotations

import asyncio

import pytest
from store.engines import only_sqlite

from authsvc.domain.clock import SECOND
from authsvc.domain.sealed import SIGNING_KEY, TOTP
from authsvc.domain.signing_keys import KeyPair, SigningKey
from authsvc.store.executor import Executor, Prepared
from authsvc.store.signing_keys import SigningKeys
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

AT = 1_800_000_000 * SECOND


class Desk:
    """The keys in a database, and a clock that goes when it is told."""

    def __init__(self, executor: Executor) -> None:
        self.at = AT
        self.executor = executor
        self.keys = SigningKeys(executor, Writes(executor, self.clock), self.clock)

    def clock(self) -> int:
        """The time it shows."""
        return self.at

    async def published(self) -> list[str]:
        """The names of the keys that are published now."""
        return [key.public_key for key in await self.keys.keys() if key.is_published(self.at)]

    async def ask(self, sql: str) -> list[tuple[object, ...]]:
        """Ask in plain SQL."""
        return list(await self.executor.fetch_all(Prepared(sql, (), {})))


@pytest.fixture
def desk(executor: Executor) -> Desk:
    """An empty database."""
    return Desk(executor)


def _pair(name: str, algorithm: str = "RS256") -> KeyPair:
    return KeyPair(algorithm, name, f"sealed {name}", "DER" if algorithm == "RS256" else None)


async def test_the_first_keys(desk: Desk) -> None:
    """Of those who add a first key at once one wins, for each algorithm; it signs from then on."""
    names = ("a", "b", "c")
    await asyncio.gather(*(desk.keys.add_first(_pair(name, algorithm)) for name in names for algorithm in ("A", "B")))
    found = await desk.keys.keys()
    assert sorted(key.algorithm for key in found) == ["A", "B"]
    assert {(key.signs_from, key.published_until, key.created_at) for key in found} == {(AT, None, AT)}


async def test_a_key_is_kept_as_it_is(desk: Desk) -> None:
    """All that belongs to a key comes back as it was."""
    await desk.keys.add_first(_pair("a"))
    (found,) = await desk.keys.keys()
    assert found == SigningKey(found.id, "RS256", "a", "sealed a", "DER", AT, None, AT)


async def test_rotation(desk: Desk) -> None:
    """New keys are there at once; the ends of those before them are written down, and never put off."""
    await desk.keys.add_first(_pair("a"))
    await desk.keys.add_first(_pair("other", "EdDSA"))
    await desk.keys.rotate([_pair("b")], AT + 10, AT + 100)
    await desk.keys.rotate([_pair("c")], AT + 20, AT + 200)
    assert {key.public_key: (key.signs_from - AT, key.published_until) for key in await desk.keys.keys()} == {
        "a": (0, AT + 100),
        "other": (0, None),
        "b": (10, AT + 200),
        "c": (20, None),
    }
    for at, names in ((99, "a other b c"), (100, "other b c"), (199, "other b c"), (200, "other c")):
        desk.at = AT + at
        assert await desk.published() == names.split()


async def test_rotation_at_once(desk: Desk) -> None:
    """Keys whose ends are known have them brought forward, if they are to be withdrawn at once."""
    await desk.keys.add_first(_pair("a"))
    await desk.keys.rotate([_pair("b")], AT + 10, AT + 100)
    await desk.keys.rotate([_pair("c")], AT, AT)
    assert await desk.published() == ["c"]


async def test_a_first_key_after_all_others(desk: Desk) -> None:
    """Where all keys have been withdrawn a first one can be added again."""
    await desk.keys.add_first(_pair("a"))
    await desk.keys.add_first(_pair("b"))
    assert await desk.published() == ["a"]
    async with desk.executor.transaction() as tx:
        await tx.execute(Prepared("UPDATE signing_keys SET published_until = 0", (), {}))
    await desk.keys.add_first(_pair("c"))
    assert await desk.published() == ["c"]


async def test_changes_tell_of_keys(desk: Desk) -> None:
    """Whatever happens to keys stands in `changes`, with the number that the row has."""
    await desk.keys.add_first(_pair("a"))
    await desk.keys.rotate([_pair("b")], AT + 10, AT + 100)
    first, second = (key.id for key in await desk.keys.keys())
    assert await desk.ask("SELECT kind, entity_id, action FROM changes ORDER BY sequence") == [
        ("signing_key", first, "created"),
        ("signing_key", first, "changed"),
        ("signing_key", second, "created"),
    ]
    assert await desk.ask("SELECT sequence FROM signing_keys ORDER BY created_at, id") == [(2,), (3,)]


async def test_samples_of_what_is_sealed(desk: Desk) -> None:
    """There is a sample of each sort of sealed text that the database holds, with its purpose."""
    assert await desk.keys.sealed() == []
    await desk.keys.add_first(_pair("a"))
    assert await desk.keys.sealed() == [(SIGNING_KEY, "sealed a")]
    assert TOTP not in dict(await desk.keys.sealed())


@only_sqlite
async def test_the_sample_at_start_is_found_by_an_index(desk: Desk) -> None:
    """However many users there are, looking for one with a second factor goes through none without."""
    for prepared in desk.keys._sealed:
        plan = await desk.ask(f"EXPLAIN QUERY PLAN {prepared.sql.replace('?', '1')}")
        assert all("ix_users_with_totp" in str(row) for row in plan if "users" in str(row))
        assert not any("TEMP" in str(row) for row in plan)
