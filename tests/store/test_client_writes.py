"""Making and ending clients, and what ends with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from authsvc.domain.clients import Client, ClientState, GrantType
from authsvc.domain.clock import SECOND, now
from authsvc.domain.tokens import token_hash
from authsvc.errors import Refused
from authsvc.store.client_writes import ClientWrites, NewClient, revoke_all
from authsvc.store.clients import Clients
from authsvc.store.executor import Executor, Prepared, Row, Transaction
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

CODE = (GrantType.AUTHORIZATION_CODE,)
DEVICE = (GrantType.DEVICE_CODE,)
ROWS = """
INSERT INTO orgs VALUES (1, 'A', 1, 1, 1, 1, NULL);
INSERT INTO users (id, org_id, type, state, user_name, login, display_name, first_name, last_name, nick_name,
  preferred_language, gender, avatar_url, email, email_verified, phone, phone_verified, description, access_token_type,
  sequence, created_at, changed_at)
SELECT id, 1, 1, 1, name, name, '', '', '', '', '', 0, '', '', false, '', false, '', 0, 1, 1, 1
FROM (SELECT 2 AS id, 'b' AS name UNION ALL SELECT 3, 'c') AS people;
INSERT INTO authorizations (id, client_id, user_id, scope, amr, sequence, created_at, changed_at, revoked_at,
  ends_at)
SELECT clients.id * 10 + users.id, clients.id, users.id, 'openid', '', 1, 1, 1, NULL, {at} FROM clients, users;
INSERT INTO access_tokens (id, token_hash, user_id, client_id, created_at, expires_at, scope)
SELECT clients.id * 10 + users.id, CAST(CAST(clients.id * 10 + users.id AS TEXT) AS bytea), users.id, clients.id, 1,
  {at}, 'openid' FROM clients, users;
"""


MANY = """
INSERT INTO authorizations (id, client_id, user_id, scope, amr, sequence, created_at, changed_at, ends_at)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
SELECT i, {client}, 2, 'openid', '', 1, 1, 1, {at} FROM n
"""


class Counting:
    """A transaction that counts its statements."""

    def __init__(self, inner: Transaction) -> None:
        self._inner = inner
        self.statements = 0

    async def fetch_all(self, prepared: Prepared, /, **parameters: Any) -> Sequence[Row]:
        """All rows."""
        self.statements += 1
        return await self._inner.fetch_all(prepared, **parameters)

    async def fetch_one(self, prepared: Prepared, /, **parameters: Any) -> Row | None:
        """The first row."""
        self.statements += 1
        return await self._inner.fetch_one(prepared, **parameters)

    async def execute(self, prepared: Prepared, /, **parameters: Any) -> int:
        """Run a statement."""
        self.statements += 1
        return await self._inner.execute(prepared, **parameters)

    async def execute_many(self, prepared: Prepared, rows: Iterable[dict[str, Any]], /) -> None:
        """Run a statement many times."""
        self.statements += 1
        await self._inner.execute_many(prepared, rows)


async def _ask(executor: Executor, sql: str) -> list[Row]:
    return list(await executor.fetch_all(Prepared(sql, (), {})))


async def _client(executor: Executor, client_id: str) -> Client:
    found = await Clients(executor).by_client_id(client_id)
    assert found is not None
    return found


async def _fill(writes: Writes, at: int) -> None:
    async with writes.transaction() as tx:
        for sql in ROWS.format(at=at).split(";")[:-1]:
            await tx.execute(Prepared(sql, (), {}))


async def _revoked(executor: Executor, column: str) -> list[tuple[object, ...]]:
    """Whose authorizations and whose tokens are revoked."""
    sql = "SELECT DISTINCT '{0}', {1} FROM {0} WHERE revoked_at IS NOT NULL"
    tables = ("authorizations", "access_tokens")
    found = [await executor.fetch_all(Prepared(sql.format(table, column), (), {})) for table in tables]
    return [tuple(row) for rows in found for row in rows]


@pytest.fixture
async def two(executor: Executor) -> ClientWrites:
    """A store with two clients, `a` and `b`."""
    made = ClientWrites(Writes(executor))
    for name in ("a", "b"):
        await made.create(NewClient(name, name, grant_types=DEVICE))
    return made


async def test_create(executor: Executor, two: ClientWrites) -> None:
    """A client without an id of its own gets its number; the secret is kept by its hash, a public one has none."""
    client_id, secret = await two.create(NewClient("c", grant_types=DEVICE))
    found = await _client(executor, client_id)
    assert secret is not None
    assert (str(found.id), found.secret_hash) == (client_id, token_hash(secret))
    _, none = await two.create(NewClient("p", "p", public=True, grant_types=DEVICE))
    assert none is None
    assert (await _client(executor, "p")).is_public
    with pytest.raises(Refused, match="there is a client with this client id"):
        await two.create(NewClient("p", "p", public=True, grant_types=DEVICE))


async def test_disable(executor: Executor, two: ClientWrites) -> None:
    """Disabling a client revokes what it was given, and nothing of another; only the first time ends anything."""
    await _fill(Writes(executor), now() + 60 * SECOND)
    a = await _client(executor, "a")
    assert [await two.disable("a"), await two.disable("a")] == [True, False]
    assert await _revoked(executor, "client_id") == [("authorizations", a.id), ("access_tokens", a.id)]


async def test_revoke_all_of_a_user(executor: Executor, two: ClientWrites) -> None:
    """What one user's clients were given ends; what is over anyway is left alone, and then nothing has changed."""
    writes, at = Writes(executor), now()
    await _fill(writes, at)
    for moment, tables, told in ((at, [], 0), (at - 1, ["authorizations", "access_tokens"], 1)):
        async with writes.transaction() as tx:
            await revoke_all(writes, tx, "user_id", 2, moment)
        assert await _revoked(executor, "user_id") == [(table, 2) for table in tables]
        assert await _ask(executor, "SELECT count(*) FROM changes WHERE kind = 'user'") == [(told,)]


async def test_much_is_revoked_at_once(executor: Executor, two: ClientWrites) -> None:
    """A thousand authorizations take a few statements, and the one entry about their client is about them too."""
    writes = Writes(executor)
    a = await _client(executor, "a")
    await _fill(writes, now() + 60 * SECOND)
    async with writes.transaction() as tx:
        await tx.execute(Prepared(MANY.format(client=a.id, at=now() + 60 * SECOND), (), {}))
    before = await _ask(executor, "SELECT max(sequence) FROM changes")
    async with writes.transaction() as inner:
        tx = Counting(inner)
        await revoke_all(writes, tx, "client_id", a.id, now())
        assert tx.statements < 10
    about = "sequence, changed_at"
    ((sequence, at),) = await _ask(executor, f"SELECT {about} FROM clients WHERE id = {a.id}")
    assert [(sequence - 1,)] == before
    given = f"SELECT count(*), {about}, revoked_at FROM authorizations WHERE client_id = {a.id} GROUP BY 2, 3, 4"
    assert await _ask(executor, given) == [(1002, sequence, at, at)]
    assert await _ask(executor, "SELECT DISTINCT revoked_at FROM access_tokens WHERE revoked_at > 0") == [(at,)]
    entry = f"SELECT kind, entity_id, action, at FROM changes WHERE sequence = {sequence}"
    assert await _ask(executor, entry) == [("client", a.id, "changed", at)]


async def test_a_new_secret(executor: Executor, two: ClientWrites) -> None:
    """A new secret is another one, and takes the place of the old one."""
    before = (await _client(executor, "a")).secret_hash
    secret = await two.new_secret("a")
    assert (await _client(executor, "a")).secret_hash == token_hash(secret) != before
    for client_id in ("x", "p"):
        with pytest.raises(Refused, match="there is no such client"):
            await two.new_secret(client_id)


async def test_keep(executor: Executor, two: ClientWrites) -> None:
    """A client of ours is made once and then follows what is said of it; nothing is written when that is the same."""
    page = NewClient(
        "Page", "page", public=True, trusted=True, redirect_uris=("https://a.example/page",), grant_types=CODE
    )
    await two.keep(page)
    made = await _client(executor, "page")
    assert (made.is_public, made.trusted, made.redirect_uris) == (True, True, "https://a.example/page")
    changes = await _ask(executor, "SELECT max(sequence) FROM changes")
    await two.keep(page)
    assert await _ask(executor, "SELECT max(sequence) FROM changes") == changes
    await two.keep(page._replace(redirect_uris=("https://b.example/page",)))
    assert await _client(executor, "page") == made._replace(redirect_uris="https://b.example/page")


async def test_keep_enables_the_client(executor: Executor, two: ClientWrites) -> None:
    """It is there to be used as long as it is kept, even if it was disabled in between."""
    page = NewClient("Page", "page", public=True, redirect_uris=("https://a.example/page",), grant_types=CODE)
    await two.keep(page)
    await two.disable("page")
    await two.keep(page._replace(name="Another name"))
    kept = await _client(executor, "page")
    assert (kept.name, kept.state) == ("Another name", ClientState.ACTIVE)
