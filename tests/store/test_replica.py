from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from postgresql import emptied, server
from structlog.testing import capture_logs

from authsvc import directory
from authsvc.domain.databases import Postgres
from authsvc.domain.paging import page
from authsvc.domain.tokens import token_hash
from authsvc.errors import Unavailable
from authsvc.store import replica as replica_module
from authsvc.store.executor import Prepared
from authsvc.store.open import Pooling, open_replica
from authsvc.store.postgres import PostgresExecutor
from authsvc.store.reads import Reads
from authsvc.store.replica import Replica
from authsvc.store.writes import Writes

ALL = page(0, 0, ascending=True)
PEOPLE = """
orgs: [{id: 1, name: x, projects: [{id: 5, name: Map, roles: [{key: a}]}],
        users: [{id: 2, userName: NAME, human: {firstName: G, lastName: G}}]}]
agents: [{id: 3, sessions: [{id: 4, user: "2"}]}]
userGrants: [GRANTS]
"""


class Pair(NamedTuple):
    """A database and a replica that lags far behind it."""

    primary: PostgresExecutor
    behind: Postgres
    replica: Replica
    reads: Reads
    writes: Writes


async def _fill(database: Postgres, name: str, grants: str) -> None:
    executor = PostgresExecutor(database)
    text = PEOPLE.replace("NAME", name).replace("GRANTS", grants)
    await directory.apply(Writes(executor), directory.parse(text.encode(), "test.yaml"))
    await executor.close()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """On the one the person has a new name and a grant."""
    first, behind = emptied(), server().create()
    await _fill(first, "new-name", "{id: 6, user: '2', org: 1, project: 5, roles: [a]}")
    await _fill(behind, "old-name", "")
    primary = PostgresExecutor(first)
    replica = open_replica(behind, primary, Pooling(connections=2))
    yield Pair(primary, behind, replica, Reads(primary, lagging=replica), Writes(primary))
    await replica.close()
    await primary.close()
    server().drop(behind)


async def test_what_may_lag(pair: Pair) -> None:
    """A person and their sessions and grants are as the replica knows them, and the list tells how far that is."""
    user = await pair.reads.user(2)
    assert user is not None
    assert user.user_name == "old-name"
    assert [session.user_name for session in await pair.reads.sessions(3)] == ["old-name"]
    lagging, newest = await pair.reads.grants(2, ALL), await Reads(pair.primary).grants(2, ALL)
    assert (lagging.total, newest.total) == (0, 1)
    assert lagging.sequence is not None
    assert newest.sequence is not None
    assert lagging.sequence < newest.sequence


async def test_what_may_not(pair: Pair) -> None:
    """A token counts, and counts no more, at once."""
    _, token = await pair.writes.create_token(2, None, 10**9)
    found = await pair.reads.token(token_hash(token), None)
    assert found is not None
    assert found.revoked_at is None
    assert await pair.writes.revoke_token(token)
    found = await pair.reads.token(token_hash(token), None)
    assert found is not None
    assert found.revoked_at is not None


async def test_without_the_replica(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the replica does not answer, the primary does; it is left alone for a while, and then asked again."""
    monkeypatch.setattr(replica_module, "_PAUSE", 1)
    await pair.reads.user(2)
    server().ask(f"ALTER DATABASE {pair.behind.name} ALLOW_CONNECTIONS false")
    server().ask(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{pair.behind.name}'")
    with capture_logs() as logs:
        names = [user.user_name for _ in range(3) if (user := await pair.reads.user(2))]
    assert names == ["new-name"] * 3
    assert [entry["event"] for entry in logs] == ["replica fails"]
    assert "not currently accepting connections" in logs[0]["reason"]
    server().ask(f"ALTER DATABASE {pair.behind.name} ALLOW_CONNECTIONS true")
    await asyncio.sleep(1)
    user = await pair.reads.user(2)
    assert user is not None
    assert user.user_name == "old-name"


class _Fake:
    """A reader that does as it is told."""

    def __init__(self, behaviour: Any) -> None:
        self.behaviour = behaviour

    async def fetch_all(self, *_: Any, **__: Any) -> Any:
        """Do it."""
        return await self.behaviour()

    fetch_one = fetch_all


async def _hang() -> None:
    await asyncio.sleep(30)


async def _lack() -> None:
    raise RuntimeError("there is no such table yet")


async def _down() -> None:
    raise Unavailable("x", "y")


async def _answer() -> str:
    return "primary"


@pytest.mark.parametrize("behaviour", [_hang, _lack, _down])
async def test_whatever_is_wrong_with_it(behaviour: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica that hangs, lacks a table or is away costs no call its answer."""
    monkeypatch.setattr(replica_module, "_PATIENCE", 0.05)
    prepared = Prepared("", (), {})
    for name in ("fetch_one", "fetch_all"):
        replica: Any = Replica(_Fake(behaviour), _Fake(_answer))  # type: ignore[arg-type]
        assert await getattr(replica, name)(prepared) == "primary"


async def test_a_failing_primary_is_no_secret() -> None:
    """If neither answers, the call is told so."""
    replica: Any = Replica(_Fake(_down), _Fake(_down))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await replica.fetch_one(Prepared("", (), {}))
