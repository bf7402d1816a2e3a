"""What the grants of programs and devices are tried on: two organizations, their machine users, people and clients."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from postgresql import server

from authsvc.domain.accounts import Visitor
from authsvc.domain.authorizations import Terms
from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import TokenRecord, token_hash
from authsvc.domain.users import UserState
from authsvc.identity import jws
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.caller import Caller
from authsvc.identity.passwords import Passwords, Verdict, hash_password
from authsvc.oauth.client_credentials import ClientCredentialsGrant
from authsvc.oauth.clients import ClientAuthentication
from authsvc.oauth.device import DeviceGrant, Devices
from authsvc.oauth.exchange import Grant, TokenAnswer, TokenRequest
from authsvc.oauth.guessing import Guessing
from authsvc.oauth.issue import Issuing
from authsvc.oauth.jwt_bearer import JwtBearerGrant
from authsvc.oauth.keyring import Keyring
from authsvc.oauth.machines import MachineAuthentication
from authsvc.oauth.sealing import Sealing
from authsvc.oauth.token_exchange import Actors, TokenExchangeGrant
from authsvc.store import schema
from authsvc.store.attempts import Attempts
from authsvc.store.authorizations import Authorizations
from authsvc.store.clients import Clients
from authsvc.store.devices import DeviceCodes
from authsvc.store.executor import Executor, Prepared
from authsvc.store.impersonations import Impersonations
from authsvc.store.machines import Machines
from authsvc.store.postgres import PostgresExecutor
from authsvc.store.projects import Projects
from authsvc.store.reads import Reads
from authsvc.store.sign_ins import Accounts
from authsvc.store.signing_keys import SigningKeys
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes

NOW = 1_800_000_000 * SECOND
ISSUER = "https://auth.savanna.example"
SECRET = "s3cret: 100% + ä"
ORG, OTHER_ORG, CLOSED_ORG = 1, 2, 3
ROBOT, SIGNER, SUPPORT, RETIRED, KEYLESS, CLOSED = 100, 101, 102, 103, 104, 105
GIGI, LOCKED, STRANGER = 200, 201, 202
CLI, WEB, TOOL = 500, 501, 502
AGENT, SESSION, IMPERSONATED = 600, 610, 611
KEYS: dict[int, Key] = {
    900: RSAKey.generate_key(2048),
    901: ECKey.generate_key("P-256"),
    902: OKPKey.generate_key("Ed25519"),
    903: OKPKey.generate_key("Ed25519"),  # expired
    904: OKPKey.generate_key("Ed25519"),  # of a machine user that is no more to be used
    905: OKPKey.generate_key("Ed25519"),  # of another machine user
}
ALGORITHMS = {900: "RS256", 901: "ES256"}
HOME = Visitor("192.0.2.1", "curl/8")
TERMS = Terms(ISSUER, 3600 * SECOND, 30 * 86400 * SECOND, 7 * 86400 * SECOND, 30 * 86400 * SECOND, 7 * 86400 * SECOND)
_OPENED: list[Any] = []
"""The signing keys, of which the keyrings of all tests know."""
_AT_SERVER: dict[str, list[Any]] = {}
"""The database of PostgreSQL's of which each test has a copy, once it is made, and its signing keys."""
_TEXTS = ("display_name", "first_name", "last_name", "nick_name", "preferred_language", "avatar_url", "phone")


class Time:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> int:
        """The time it shows, in microseconds."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.at += int(seconds * SECOND)


class CountedPasswords(Passwords):
    """Passwords that count how often one is checked, and need not take the time for it."""

    def __init__(self) -> None:
        super().__init__()
        self.checks = 0
        self.pretended: bool | None = None

    async def verify(self, password_hash: str | None, password: str) -> Verdict:
        """As usual, unless the outcome is pretended; and one more."""
        self.checks += 1
        if self.pretended is not None:
            return Verdict(self.pretended, is_outdated=False)
        return await super().verify(password_hash, password)


class Stage:
    """The stores and grants on one database."""

    def __init__(self, executor: Executor) -> None:
        self.clock = clock = Time()
        self.executor = executor
        self.writes = Writes(executor, clock)
        self.machines = Machines(executor, self.writes, clock)
        sealing = Sealing(bytes(32))
        self.projects = Projects(executor)
        self.device_codes = DeviceCodes(executor, sealing, clock)
        self.passwords = CountedPasswords()
        self.keyring = Keyring(SigningKeys(executor, self.writes, clock), sealing, clock)
        authorizations = Authorizations(executor, self.writes, clock)
        self.authorizations = authorizations
        self.issuing = Issuing(authorizations, self.keyring, TERMS, clock)
        guessing = Guessing(Attempts(executor, sealing, clock))
        self.authentication = MachineAuthentication(self.machines, self.passwords, guessing)
        clients = ClientAuthentication(Clients(executor), guessing)
        self.devices = Devices(self.device_codes, self.projects, clients, guessing, TERMS)
        self.device = DeviceGrant(self.device_codes, clients, authorizations, self.issuing, clock)
        self.client_credentials = ClientCredentialsGrant(self.authentication, self.issuing, self.projects)
        self.jwt_bearer = JwtBearerGrant(self.machines, self.issuing, self.projects, TERMS, clock)
        self.actors = Actors(self.machines, self.authentication, authorizations, clock)

    def token_exchange(self, terms: Terms = TERMS) -> TokenExchangeGrant:
        """The grant for impersonation on these terms."""
        return TokenExchangeGrant(
            self.actors, self._accounts, Impersonations(self.writes), self.issuing, self.projects, terms
        )

    @cached_property
    def _accounts(self) -> Accounts:
        return Accounts(self.executor, self.writes, self.clock)

    @cached_property
    def _reads(self) -> Reads:
        return Reads(self.executor, self.clock)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return list(await self.executor.fetch_all(Prepared(sql, (), {})))

    async def put(self, table: Any, **values: Any) -> None:
        """Change a row."""
        async with self.writes.transaction() as tx:
            await self.writes.put(tx, table, values, owner=ORG)

    async def caller(self, token: str) -> Caller:
        """Whom a door takes the holder of the token for."""
        return await Authenticator(self._reads, self.clock).caller([f"Bearer {token}"], [])

    async def record(self, token: str) -> TokenRecord:
        """What the store knows of a token."""
        record = await self._reads.token(token_hash(token), None)
        assert record is not None
        return record


async def ask(grant: Grant, *authorization: str, visitor: Visitor = HOME, **form: Any) -> TokenAnswer:
    """The answer of a grant to a form."""
    return await grant.tokens(TokenRequest(form, authorization, visitor))


def assertion(
    kid: int = 902, key: Key | None = None, algorithm: str | None = None, header: Any = (), **changed: Any
) -> str:
    """An assertion of the robot as it should be, but for what is said to be otherwise; a claim of None is left out."""
    algorithm = algorithm or ALGORITHMS.get(kid, "EdDSA")
    at = NOW // SECOND
    claims = {"iss": str(ROBOT), "sub": str(ROBOT), "aud": ISSUER, "iat": at, "exp": at + 300, **changed}
    said = {"alg": algorithm, "kid": str(kid), "typ": "JWT", **dict(header)}
    payload = json.dumps({name: value for name, value in claims.items() if value is not None})
    names = {name: value for name, value in said.items() if value is not None}
    registry = jws.Algorithm(algorithm)
    return joserfc_jws.serialize_compact(names, payload, key or KEYS[kid], registry=registry)


@asynccontextmanager
async def staged(empty: Path, folder: Path) -> AsyncIterator[Stage]:
    """The stage on a database of its own, a copy in `folder`; `empty` is a migrated one."""
    executor = SqliteExecutor(Path(shutil.copy(await _template(empty), folder / "stage.db")))
    stage = Stage(executor)
    stage.keyring._held = list(_OPENED)  # opening an RSA key takes longer than a test
    yield stage
    stage.passwords.close()
    await executor.close()


@asynccontextmanager
async def staged_at_server() -> AsyncIterator[Stage]:
    """The stage on PostgreSQL."""
    if not _AT_SERVER:
        template = server().create()
        _AT_SERVER[template.name] = await _fill(PostgresExecutor(template))
    ((name, opened),) = _AT_SERVER.items()
    database = server().create(name)
    stage = Stage(PostgresExecutor(database))
    stage.keyring._held = list(opened)
    yield stage
    stage.passwords.close()
    await stage.executor.close()
    server().drop(database)


async def _template(empty: Path) -> Path:
    """The database that each test has a copy of, made for the first one."""
    path = empty.parent / "stage.db"
    if not path.exists():
        _OPENED[:] = await _fill(SqliteExecutor(Path(shutil.copy(empty, path))))
    return path


async def _fill(executor: Executor) -> list[Any]:
    """Make what the tests find; the signing keys that were opened on the way."""
    stage = Stage(executor)
    for org_id, state in ((ORG, 1), (OTHER_ORG, 1), (CLOSED_ORG, 2)):
        await stage.put(schema.orgs, id=org_id, name="Savanna", state=state)
    domain = stage.writes.statement("domain", schema.org_domains.insert)
    async with stage.writes.transaction() as tx:
        for name, org_id, is_primary in (("savanna.example", ORG, True), ("zoo.example", ORG, False)):
            await tx.execute(domain, name=name, org_id=org_id, is_primary=is_primary)
    secret = hash_password(SECRET)
    await _put_user(stage, ROBOT, secret_hash=secret)
    await _put_user(stage, SIGNER, secret_hash=secret, access_token_type=1)
    await _put_user(stage, SUPPORT, secret_hash=secret, may_impersonate=True)
    await _put_user(stage, RETIRED, secret_hash=secret, state=UserState.INACTIVE.value)
    await _put_user(stage, KEYLESS)
    await _put_user(stage, CLOSED, secret_hash=secret, org_id=CLOSED_ORG)
    await _put_user(stage, GIGI, type=1, email="gigi@savanna.example", password_hash=secret)
    await _put_user(stage, LOCKED, type=1, state=UserState.LOCKED.value)
    await _put_user(stage, STRANGER, type=1, org_id=OTHER_ORG)
    for kid, key in KEYS.items():
        user_id = {904: RETIRED, 905: SIGNER}.get(kid, ROBOT)
        expires_at = NOW if kid == 903 else None
        text = json.dumps(key.as_dict(private=False)) if kid == 902 else _pem(key)
        await stage.put(schema.machine_keys, id=kid, user_id=user_id, public_key=text, expires_at=expires_at)
    device, refresh = "urn:ietf:params:oauth:grant-type:device_code", "refresh_token"
    await _put_client(stage, CLI, "cli", f"{device} {refresh}")
    await _put_client(stage, WEB, "web", f"authorization_code {refresh}", secret_hash=token_hash("cs_web"))
    await _put_client(stage, TOOL, "tool", device)
    await stage.put(schema.user_agents, id=AGENT, description="Chrome on Linux")
    signed_in = {"authenticated_at": NOW - 60 * SECOND, "amr": "pwd otp mfa"}
    await stage.put(schema.sessions, id=SESSION, agent_id=AGENT, user_id=GIGI, **signed_in)
    await stage.keyring.public()  # makes the signing keys
    opened = list(stage.keyring._held)
    stage.passwords.close()
    await executor.close()
    return opened


async def _put_user(stage: Stage, user_id: int, **changed: Any) -> None:
    values = {
        "id": user_id,
        "org_id": ORG,
        "type": 2,
        "state": 1,
        "user_name": f"user-{user_id}",
        "login": f"user-{user_id}",
        **dict.fromkeys([*_TEXTS, "email", "description"], ""),
        "gender": 0,
        "email_verified": False,
        "phone_verified": False,
        "access_token_type": 0,
        **changed,
    }
    await stage.put(schema.users, **values)


async def _put_client(stage: Stage, row: int, client_id: str, grant_types: str, **changed: Any) -> None:
    values = {
        "id": row,
        "client_id": client_id,
        "name": client_id.title(),
        "state": 1,
        **dict.fromkeys(["native", "trusted"], False),
        **dict.fromkeys(["redirect_uris", "post_logout_uris"], ""),
        "grant_types": grant_types,
        "access_token_type": 0,
        "signing_algorithm": "EdDSA",
        **changed,
    }
    await stage.put(schema.clients, **values)


def _pem(key: Key) -> str:
    assert isinstance(key, RSAKey | ECKey | OKPKey)
    return key.as_pem(private=False).decode()
