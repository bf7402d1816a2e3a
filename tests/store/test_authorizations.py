from __future__ import annotations

from typing import Any

import pytest

from authsvc.domain.authorizations import CODE_LIFE, CodeRequest, Holder
from authsvc.domain.clients import Client
from authsvc.domain.clock import SECOND
from authsvc.domain.sessions import SignIn
from authsvc.store import schema
from authsvc.store.authorizations import Authorizations
from authsvc.store.clients import Clients
from authsvc.store.executor import Executor, Prepared
from authsvc.store.writes import Writes

pytestmark = pytest.mark.both_engines

NOW = 1_700_000_000 * SECOND
ORG, USER, AGENT = 1, 10, 20
TEXTS = ("display_name", "first_name", "last_name", "nick_name", "preferred_language", "avatar_url", "email", "phone")
REQUEST = CodeRequest("https://a.example/cb", "c" * 43, "n-1")


class Place:
    """A database with a person, their session, and a client, and a clock to be set."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.at = NOW
        self.writes = Writes(executor, lambda: self.at)
        self.store = Authorizations(executor, self.writes, lambda: self.at)
        self.client: Client
        self.holder: Holder

    async def fill(self) -> Place:
        """Put everything into the database."""
        user = {"id": USER, "org_id": ORG, "type": 1, "state": 1, "user_name": "gigi", "login": "gigi", "gender": 0}
        flags = {"email_verified": False, "phone_verified": False, "access_token_type": 0, "description": ""}
        client = {"id": 5, "client_id": "app", "name": "App", "state": 1, "native": False, "trusted": False}
        lists = {"redirect_uris": "", "post_logout_uris": "", "grant_types": ""}
        async with self.writes.transaction() as tx:
            await self.writes.put(tx, schema.orgs, {"id": ORG, "name": "Savanna", "state": 1}, owner=ORG)
            await self.writes.put(tx, schema.users, {**user, **flags, **dict.fromkeys(TEXTS, "")}, owner=ORG)
            await self.writes.put(tx, schema.user_agents, {"id": AGENT, "description": ""})
            settings = {"access_token_type": 0, "signing_algorithm": "RS256"}
            await self.writes.put(tx, schema.clients, {**client, **lists, **settings})
        session_id = await self.writes.open_session(USER, AGENT, SignIn(authenticated_at=NOW, amr="pwd"))
        found = await Clients(self.executor).by_id(5)
        assert found is not None
        self.client = found
        self.holder = Holder(USER, ORG, session_id, NOW, "pwd")
        return self

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return list(await self.executor.fetch_all(Prepared(sql, (), {})))

    async def run(self, sql: str) -> None:
        """Run a statement that changes something."""
        async with self.writes.transaction() as tx:
            await tx.execute(Prepared(sql, (), {}))

    async def keep(self, authorization_id: int, token: str, *, life: int = SECOND) -> int:
        """Keep an access token; its id."""
        token_id = self.store.new_id()
        async with self.writes.transaction() as tx:
            await self.store.keep_access_token(
                tx,
                token_id,
                token,
                self.holder,
                "openid",
                client=self.client,
                authorization_id=authorization_id,
                created_at=self.at,
                expires_at=self.at + life,
            )
        return token_id


@pytest.fixture
async def place(executor: Executor) -> Place:
    """That database."""
    return await Place(executor).fill()


async def _start(place: Place) -> int:
    async with place.writes.transaction() as tx:
        return await place.store.start(tx, place.client, place.holder, "openid")


async def test_code_finds_its_authorization(place: Place) -> None:
    """A code is found with all that it is bound to, and with whom it stands for."""
    code = await place.store.grant_code(place.client, place.holder, "openid", REQUEST)
    async with place.writes.transaction() as tx:
        found = await place.store.by_code(tx, code)
        assert await place.store.by_code(tx, code + "x") is None
        assert await place.store.by_code(tx, "") is None
    assert found is not None
    assert found[1:9] == (5, "openid", "c" * 43, NOW + CODE_LIFE, None, REQUEST.redirect_uri, "n-1", NOW)
    assert found.holder == place.holder
    assert found.is_good(NOW)


async def test_authorization_without_code_has_no_code(place: Place) -> None:
    """What a device starts can be found by no code at all."""
    await _start(place)
    rows = await place.ask("SELECT code_hash, code_challenge, code_expires_at, redirect_uri FROM authorizations")
    assert rows == [(None, None, None, None)]


async def test_use_of_a_code_is_remembered_in_silence(place: Place) -> None:
    """That a code was used is kept on its row, and `changes` does not tell."""
    code = await place.store.grant_code(place.client, place.holder, "openid", REQUEST)
    before = await place.ask("SELECT max(sequence) FROM changes")
    async with place.writes.transaction() as tx:
        found = await place.store.by_code(tx, code)
        assert found is not None
        await place.store.use_code(tx, found.id)
        again = await place.store.by_code(tx, code)
    assert again is not None
    assert again.code_used_at == NOW
    assert await place.ask("SELECT max(sequence) FROM changes") == before


async def test_revoking_ends_the_tokens_that_still_live(place: Place) -> None:
    """An authorization is revoked with its living access tokens, of which `changes` tells once, as of one thing."""
    authorization_id, other = await _start(place), await _start(place)
    await place.keep(authorization_id, "old", life=1)
    place.at += SECOND
    living, stranger = await place.keep(authorization_id, "new"), await place.keep(other, "other")
    for _ in range(2):
        async with place.writes.transaction() as tx:
            await place.store.revoke(tx, authorization_id)
    assert await place.ask("SELECT kind, entity_id, action, org_id FROM changes ORDER BY sequence DESC LIMIT 3") == [
        ("authorization", authorization_id, "revoked", ORG),
        ("access_token", stranger, "created", ORG),
        ("access_token", living, "created", ORG),
    ]
    assert await place.ask("SELECT revoked_at FROM access_tokens ORDER BY id") == [(None,), (place.at,), (None,)]
    assert await place.ask("SELECT revoked_at FROM authorizations ORDER BY id") == [(place.at,), (None,)]


async def test_refresh_token_is_found_with_its_authorization(place: Place) -> None:
    """A refresh token is found with its times, its salt and its authorization; it ends no later than its family."""
    authorization_id = await _start(place)
    async with place.writes.transaction() as tx:
        await place.store.keep_refresh_token(
            tx, "r", place.holder, authorization_id, expires_at=NOW + 9, ends_at=NOW + 5
        )
        found = await place.store.by_refresh_token("r", tx)
    assert found is not None
    assert found == await place.store.by_refresh_token("r")
    assert (found.created_at, found.expires_at, found.ends_at, found.used_at) == (NOW, NOW + 5, NOW + 5, None)
    assert len(found.salt) == 32
    assert found.authorized.id == authorization_id
    assert await place.store.by_refresh_token("R") is None


async def test_use_of_a_refresh_token_is_activity(place: Place) -> None:
    """A refresh token that is used is stamped, and so is its session."""
    authorization_id = await _start(place)
    place.at += 300 * SECOND
    async with place.writes.transaction() as tx:
        await place.store.keep_refresh_token(
            tx, "r", place.holder, authorization_id, expires_at=NOW + 9, ends_at=NOW + 9
        )
        found = await place.store.by_refresh_token("r", tx)
        assert found is not None
        await place.store.use_refresh_token(tx, found)
    assert await place.ask("SELECT used_at FROM refresh_tokens") == [(place.at,)]
    assert await place.ask("SELECT active_at FROM sessions") == [(place.at,)]


async def test_access_token_is_found_by_itself(place: Place) -> None:
    """An access token is found with its client, its scope and what decides whether it is good."""
    authorization_id = await _start(place)
    token_id = await place.keep(authorization_id, "t")
    found = await place.store.by_access_token("t")
    assert found is not None
    assert found[:7] == (token_id, 5, authorization_id, "openid", NOW, NOW + SECOND, None)
    assert (found.is_good(NOW), found.is_good(NOW + SECOND)) == (True, False)
    assert await place.store.by_access_token("T") is None


async def test_impersonator_of_the_session_is_known(place: Place) -> None:
    """Tokens of an impersonator's session say whose they are."""
    about = SignIn(impersonator_email="ops@example.com", impersonator_reason="ticket")
    session_id = await place.writes.open_session(USER, AGENT, about)
    place.holder = place.holder._replace(session_id=session_id)
    await place.keep(await _start(place), "t")
    found = await place.store.by_access_token("t")
    assert found is not None
    assert found.standing.impersonator == "ops@example.com"


async def test_consent_grows(place: Place) -> None:
    """What a person agrees to is added to what they have agreed to; the same again is no change."""
    assert await place.store.consented(USER, place.client) == ""
    for scope in ("openid", "email openid", "email"):
        await place.store.remember_consent(USER, ORG, place.client, scope)
    assert await place.store.consented(USER, place.client) == "openid email"
    assert await place.ask("SELECT action FROM changes WHERE kind = 'consent' ORDER BY sequence") == [
        ("created",),
        ("changed",),
    ]


async def test_a_code_is_activity(place: Place) -> None:
    """Single sign-on moves the end of the session as any other activity does."""
    about = f"idle_life = {3600 * SECOND}, ends_at = {NOW + 10**12}, expires_at = {NOW + 3600 * SECOND}"
    await place.run(f"UPDATE sessions SET {about}")
    place.at += 600 * SECOND
    await place.store.grant_code(place.client, place.holder, "openid", REQUEST)
    rows = await place.ask("SELECT active_at, expires_at FROM sessions")
    assert rows == [(place.at, place.at + 3600 * SECOND)]


async def test_ids_come_from_one_source(place: Place) -> None:
    """Stores on the same writes take their ids from one source, so that none can be given twice."""
    writes = Writes(place.executor, lambda: NOW)
    stores = [Authorizations(place.executor, writes), Authorizations(place.executor, writes)]
    ids = [store.new_id() for _ in range(5) for store in stores] + [writes.ids.next()]
    assert ids == sorted(set(ids))
