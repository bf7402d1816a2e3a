"""A database with people and clients, and everything that gives clients tokens, for tests."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet
from oauth.people import GIGI, ORG, START, TERMS, VISITOR, People
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.sqlite import dialect

from authsvc.domain.accounts import Browser, BrowserSession
from authsvc.domain.clients import SIGNING_ALGORITHMS, Client
from authsvc.domain.sessions import SignIn
from authsvc.domain.signing_keys import KeyPair
from authsvc.domain.tokens import token_hash
from authsvc.identity import jws
from authsvc.identity.activity import Activity
from authsvc.oauth import keyring
from authsvc.oauth.authorization import Authorization
from authsvc.oauth.clients import ClientAuthentication
from authsvc.oauth.code import CodeGrant, s256
from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.guessing import Guessing
from authsvc.oauth.hints import Hints
from authsvc.oauth.introspection import Introspection
from authsvc.oauth.issue import Issuing
from authsvc.oauth.logout import Logout
from authsvc.oauth.refresh import RefreshGrant
from authsvc.oauth.revocation import Revocation
from authsvc.oauth.sealing import Sealing
from authsvc.oauth.userinfo import UserInfo
from authsvc.store import schema
from authsvc.store.activity import SessionActivity
from authsvc.store.authorizations import Authorizations
from authsvc.store.clients import Clients
from authsvc.store.executor import Executor, Prepared, Row, Transaction, prepare
from authsvc.store.projects import Projects
from authsvc.store.reads import Reads
from authsvc.store.signing_keys import SigningKeys
from authsvc.store.sqlite import SqliteExecutor

ISSUER = TERMS.issuer
SECRET = "cs_" + "s" * 43
VERIFIER = "v" * 43
CALLBACK = "https://app.example/callback"
AGENT, PROJECT = 900, 800
APP, SPA, API, OTHER = "app", "spa", "api", "other"
SCOPE = "openid offline_access"
_SEALING = Sealing(bytes(32))


@cache
def _pairs() -> tuple[KeyPair, ...]:
    """Keys that are made once: that of RSA takes a while."""
    return tuple(keyring._MAKERS[name](_SEALING, START) for name in SIGNING_ALGORITHMS)


class Switch:
    """An executor whose database changes, so that statements are compiled once for all tests."""

    def __init__(self) -> None:
        self.inner: SqliteExecutor | None = None
        self._dialect = dialect(paramstyle="qmark")

    @property
    def _now(self) -> SqliteExecutor:
        assert self.inner is not None
        return self.inner

    @property
    def stats(self) -> None:
        """None, as of SQLite."""

    def prepare(self, statement: ClauseElement) -> Prepared:
        """`statement` for SQLite."""
        return prepare(statement, self._dialect)

    async def fetch_all(self, prepared: Prepared, /, **parameters: Any) -> Sequence[Row]:
        """All rows."""
        return await self._now.fetch_all(prepared, **parameters)

    async def fetch_one(self, prepared: Prepared, /, **parameters: Any) -> Row | None:
        """The first row, or None."""
        return await self._now.fetch_one(prepared, **parameters)

    async def has_table(self, name: str) -> bool:
        """Whether there is a table with this name."""
        return await self._now.has_table(name)

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a write transaction."""
        return self._now.transaction()

    async def close(self) -> None:
        """Let go of the database."""
        await self._now.close()


class Realm(People):
    """Gigi and the others, with four clients.

    `app` is confidential and trusted, `spa` public, `api` a resource server of the project of `spa`, `other` has
    nothing to do with them.
    """

    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self.clients, self.projects = Clients(executor), Projects(executor)
        self.authorizations = Authorizations(executor, self.writes, self.now)
        self.signing_keys = SigningKeys(executor, self.writes, self.now)
        self.reads = Reads(executor, self.now)
        self.keyring = keyring.Keyring(self.signing_keys, _SEALING, self.now)
        self.wire()

    def wire(self) -> None:
        """Begin anew, as another process would."""
        # Taking in a private key of RSA costs a tenth of a second, so the keyring stays; but its lock has its loop.
        self.keyring._reading = asyncio.Lock()
        self.issuing = Issuing(self.authorizations, self.keyring, TERMS, self.now)
        self.authentication = ClientAuthentication(self.clients, Guessing(self.attempts))
        hints = Hints(self.keyring, ISSUER)
        parts = (self.authentication, self.authorizations, self.issuing)
        self.codes = CodeGrant(*parts, self.now)
        self.refreshing = RefreshGrant(*parts, TERMS, self.now)
        self.authorization = Authorization(self.clients, self.projects, self.authorizations, hints, ISSUER, self.now)
        self.introspection = Introspection(
            self.authentication, self.clients, self.authorizations, self.reads, ISSUER, self.now
        )
        self.revocation = Revocation(self.authentication, self.authorizations)
        self.activity = Activity(SessionActivity(self.executor), self.now)
        self.user_info = UserInfo(self.authorizations, self.reads, self.activity, self.now)
        self.logout = Logout(self.clients, hints)

    async def fill(self) -> Realm:
        """Put everybody into the database."""
        await super().fill()
        for pair in _pairs():
            await self.signing_keys.add_first(pair)
        async with self.writes.transaction() as tx:
            await self.writes.put(tx, schema.projects, {"id": PROJECT, "org_id": ORG, "name": "Map"}, owner=ORG)
            await self.writes.put(tx, schema.user_agents, {"id": AGENT, "description": ""})
        await self.put_client(1, APP, trusted=True)
        await self.put_client(2, SPA, secret_hash=None, project_id=PROJECT)
        await self.put_client(3, API, project_id=PROJECT)
        await self.put_client(4, OTHER)
        return self

    async def put_client(self, row: int, client_id: str, **values: Any) -> None:
        """Make a client, or change one."""
        defaults = {
            "client_id": client_id,
            "name": client_id.title(),
            "state": 1,
            "secret_hash": token_hash(SECRET),
            "native": False,
            "trusted": False,
            "redirect_uris": f"{CALLBACK}\nhttps://app.example/other?tab=1",
            "post_logout_uris": "https://app.example/bye\nhttps://app.example/bye?x=1",
            "grant_types": "authorization_code refresh_token",
            "access_token_type": 0,
            "signing_algorithm": "RS256",
            "project_id": None,
        }
        async with self.writes.transaction() as tx:
            await self.writes.put(tx, schema.clients, {"id": row, **defaults, **values}, owner=None)

    async def client(self, client_id: str = APP) -> Client:
        """A client as the store has it."""
        found = await self.clients.by_client_id(client_id)
        assert found is not None
        return found

    async def session(self, user_id: int = GIGI, agent_id: int = AGENT, amr: str = "pwd") -> BrowserSession:
        """The session of somebody who signs in now."""
        about = SignIn(authenticated_at=self.at, amr=amr, lifetime=TERMS.session_life, idle_life=TERMS.session_idle)
        session_id = await self.writes.open_session(user_id, agent_id, about)
        return a_session(session_id, user_id, at=self.at, amr=amr)

    async def granted(
        self, session: BrowserSession | None = None, *, client: str = APP, scope: str = SCOPE, **parameters: str
    ) -> str:
        """The code that a client gets for a person who has signed in."""
        session = session or await self.session()
        request = await self.authorization.request(pairs(client_id=client, scope=scope, **parameters))
        answer = answer_of(await self.authorization.grant(request, session))
        return answer["code"]

    async def exchange(self, code: str, *, client: str = APP, **form: str) -> TokenAnswer:
        """Exchange a code as `app` would, or as `spa`, which has no secret."""
        form = {"code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER, **form}
        return await self.codes.tokens(asking(client, grant_type="authorization_code", **form))

    async def tokens(self, session: BrowserSession | None = None, **about: str) -> TokenAnswer:
        """The tokens of a person who has signed in."""
        client = about.get("client", APP)
        return await self.exchange(await self.granted(session, **about), client=client)

    async def refresh(self, token: str | None, *, client: str = APP, **form: str) -> TokenAnswer:
        """Refresh tokens."""
        return await self.refreshing.tokens(
            asking(client, grant_type="refresh_token", refresh_token=token or "", **form)
        )

    async def is_good(self, token: str) -> bool:
        """Whether an access token can be used right now."""
        record = await self.authorizations.by_access_token(token)
        assert record is not None
        return record.is_good(self.at)

    async def end(self, session_id: int) -> None:
        """End a session."""
        assert await self.writes.end_session(session_id)

    async def run(self, sql: str) -> None:
        """Change the database behind everybody's back."""
        async with self.writes.transaction() as tx:
            await tx.execute(Prepared(sql, (), {}))

    async def decoded(self, token: str | None) -> jwt.Token:
        """A signed token, verified as a client would with the published keys."""
        read = jws.read(token or "")
        assert token is not None
        assert read is not None
        keys = KeySet.import_key_set({"keys": await self.keyring.public()})
        return jwt.decode(token, keys, registry=jws.Algorithm(read.algorithm))


def a_session(session_id: int, user_id: int = GIGI, **values: Any) -> BrowserSession:
    """A session as a browser has it; `at` is when its person signed in."""
    at = values.pop("at", START)
    session = BrowserSession(
        id=session_id,
        user_id=user_id,
        org_id=ORG,
        login_name="gigi@savanna.example",
        display_name="Gigi",
        avatar_url="",
        is_active=True,
        authenticated_at=at,
        amr="pwd",
        impersonator=None,
    )
    return session._replace(**values)


def a_browser(*sessions: BrowserSession) -> Browser:
    """A browser with these sessions."""
    return Browser(AGENT, sessions)


def pairs(*more: tuple[str, str], without: str = "", **parameters: str) -> list[tuple[str, str]]:
    """The parameters of a good authorization request, changed."""
    defaults = {
        "client_id": APP,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": SCOPE,
        "state": "s t&te",
        "nonce": "n-1",
        "code_challenge": s256(VERIFIER),
        "code_challenge_method": "S256",
    }
    return [(name, value) for name, value in {**defaults, **parameters}.items() if name != without] + list(more)


def asking(client: str = APP, **form: str) -> TokenRequest:
    """A request of a client, with its secret if it has one."""
    if client == SPA:
        return TokenRequest({"client_id": SPA, **form}, [], VISITOR)
    return TokenRequest(form, [basic(client, SECRET)], VISITOR)


def basic(client_id: str, secret: str) -> str:
    """The value of `authorization` with these credentials."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def answer_of(location: str) -> dict[str, str]:
    """The parameters of a location, each of which is there once."""
    query = parse_qs(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values())
    return {name: values[0] for name, values in query.items()}
