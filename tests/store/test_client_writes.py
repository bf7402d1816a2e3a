"""Making and ending clients, and what ends with them."""

from __future__ import annotations

import pytest

from authsvc.domain.clients import Client, GrantType
from authsvc.domain.clock import SECOND, now
from authsvc.domain.tokens import token_hash
from authsvc.errors import Refused
from authsvc.store.client_writes import ClientWrites, NewClient, revoke_all
from authsvc.store.clients import Clients
from authsvc.store.executor import Prepared
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

DEVICE = (GrantType.DEVICE_CODE,)
ROWS = """
INSERT INTO orgs VALUES (1, 'A', 1, 1, 1, 1, NULL);
INSERT INTO users (id, org_id, type, state, user_name, login, display_name, first_name, last_name, nick_name,
  preferred_language, gender, avatar_url, email, email_verified, phone, phone_verified, description, access_token_type,
  sequence, created_at, changed_at)
SELECT value, 1, 1, 1, value, value, '', '', '', '', '', 0, '', '', 0, '', 0, '', 0, 1, 1, 1 FROM json_each('[2, 3]');
INSERT INTO authorizations (id, client_id, user_id, scope, amr, sequence, created_at, changed_at, revoked_at)
SELECT clients.id * 10 + users.id, clients.id, users.id, 'openid', '', 1, 1, 1, NULL FROM clients, users;
INSERT INTO access_tokens (id, token_hash, user_id, client_id, created_at, expires_at, scope)
SELECT clients.id * 10 + users.id, clients.id * 10 + users.id, users.id, clients.id, 1, {at}, 'openid'
FROM clients, users;
"""


async def _client(executor: SqliteExecutor, client_id: str) -> Client:
    found = await Clients(executor).by_client_id(client_id)
    assert found is not None
    return found


async def _fill(writes: Writes, at: int) -> None:
    async with writes.transaction() as tx:
        for sql in ROWS.format(at=at).split(";")[:-1]:
            await tx.execute(Prepared(sql, (), {}))


async def _revoked(executor: SqliteExecutor, column: str) -> list[tuple[object, ...]]:
    """Whose authorizations and whose tokens are revoked."""
    sql = "SELECT DISTINCT '{0}', {1} FROM {0} WHERE revoked_at IS NOT NULL"
    tables = ("authorizations", "access_tokens")
    found = [await executor.fetch_all(Prepared(sql.format(table, column), (), {})) for table in tables]
    return [tuple(row) for rows in found for row in rows]


@pytest.fixture
async def two(executor: SqliteExecutor) -> ClientWrites:
    """A store with two clients, `a` and `b`."""
    made = ClientWrites(Writes(executor))
    for name in ("a", "b"):
        await made.create(NewClient(name, name, grant_types=DEVICE))
    return made


async def test_create(executor: SqliteExecutor, two: ClientWrites) -> None:
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


async def test_disable(executor: SqliteExecutor, two: ClientWrites) -> None:
    """Disabling a client revokes what it was given, and nothing of another; only the first time ends anything."""
    await _fill(Writes(executor), now() + 60 * SECOND)
    a = await _client(executor, "a")
    assert [await two.disable("a"), await two.disable("a")] == [True, False]
    assert await _revoked(executor, "client_id") == [("authorizations", a.id), ("access_tokens", a.id)]


async def test_revoke_all_of_a_user(executor: SqliteExecutor, two: ClientWrites) -> None:
    """What one user's clients were given ends; tokens that are over anyway are left alone."""
    writes, at = Writes(executor), now()
    await _fill(writes, at)
    for moment, tables in ((at, ["authorizations"]), (at - 1, ["authorizations", "access_tokens"])):
        async with writes.transaction() as tx:
            await revoke_all(writes, tx, "user_id", 2, moment)
        assert await _revoked(executor, "user_id") == [(table, 2) for table in tables]


async def test_a_new_secret(executor: SqliteExecutor, two: ClientWrites) -> None:
    """A new secret is another one, and takes the place of the old one."""
    before = (await _client(executor, "a")).secret_hash
    secret = await two.new_secret("a")
    assert (await _client(executor, "a")).secret_hash == token_hash(secret) != before
    for client_id in ("x", "p"):
        with pytest.raises(Refused, match="there is no such client"):
            await two.new_secret(client_id)
