"""What changes clients (RFC 6749, section 2), and what ends all that one client, or one user, has been given."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

from sqlalchemy import Select, Table, bindparam, select

from authsvc.domain.clients import SECRET_PREFIX, ClientState, GrantType
from authsvc.domain.clock import Clock, now
from authsvc.domain.ids import IdSource
from authsvc.domain.registration import Registration, faults, is_client_id
from authsvc.domain.tokens import new_token, token_hash
from authsvc.domain.users import AccessTokenType
from authsvc.errors import Refused
from authsvc.store.executor import Row, Transaction
from authsvc.store.schema import access_tokens, authorizations, clients, projects, users
from authsvc.store.writes import Writes

Owner = Literal["client_id", "user_id"]
"""The column that says whose tokens and authorizations are meant."""


class NewClient(NamedTuple):
    """A client to be. Without a `client_id` it gets one, without `public` a secret; `project` is the id of one."""

    name: str
    client_id: str | None = None
    public: bool = False
    native: bool = False
    trusted: bool = False
    redirect_uris: tuple[str, ...] = ()
    post_logout_uris: tuple[str, ...] = ()
    grant_types: tuple[GrantType, ...] = ()
    access_token_type: AccessTokenType = AccessTokenType.BEARER
    signing_algorithm: str = "RS256"
    project: int | None = None


class ClientWrites:
    """Makes clients, ends them, and gives them new secrets."""

    def __init__(self, writes: Writes, clock: Clock = now, ids: IdSource | None = None) -> None:
        self._writes = writes
        self._clock = clock
        self._ids = ids or IdSource(clock)
        self._by_client_id = writes.statement(("client of", "client_id"), _by_client_id)

    async def create(self, new: NewClient) -> tuple[str, str | None]:
        """The client's id and its secret, None for a public one. The plain secret exists only in the answer.

        Raises:
            Refused: something cannot be registered, the id is taken, or there is no such project.
        """
        _check(new)
        number = self._ids.next()
        client_id = new.client_id or str(number)
        secret = None if new.public else _new_secret()
        values = {
            "id": number,
            "client_id": client_id,
            "name": new.name,
            "state": ClientState.ACTIVE.value,
            "secret_hash": token_hash(secret) if secret else None,
            "native": new.native,
            "trusted": new.trusted,
            "redirect_uris": "\n".join(new.redirect_uris),
            "post_logout_uris": "\n".join(new.post_logout_uris),
            "grant_types": " ".join(sorted(new.grant_types)),
            "access_token_type": new.access_token_type.value,
            "signing_algorithm": new.signing_algorithm,
            "project_id": new.project,
        }
        async with self._writes.transaction() as tx:
            if await tx.fetch_one(self._by_client_id, client_id=client_id) is not None:
                raise Refused("there is a client with this client id")
            if new.project is not None and await self._writes.stored(tx, projects, new.project, ("id",)) is None:
                raise Refused(f"there is no project {new.project}")
            await self._writes.put(tx, clients, values)
        return client_id, secret

    async def disable(self, client_id: str) -> bool:
        """End a client, and with it all that it has been given; whether it was active.

        Raises:
            Refused: there is no such client.
        """
        async with self._writes.transaction() as tx:
            number, state, _ = await self._found(tx, client_id)
            await self._writes.put(tx, clients, {"id": number, "state": ClientState.INACTIVE.value})
            await revoke_all(self._writes, tx, "client_id", number, self._clock())
        return bool(state == ClientState.ACTIVE)

    async def new_secret(self, client_id: str) -> str:
        """A new secret in place of the one there is, which counts no more. It exists only in the answer.

        Raises:
            Refused: there is no such client, or it is a public one.
        """
        secret = _new_secret()
        async with self._writes.transaction() as tx:
            number, _, old = await self._found(tx, client_id)
            if old is None:
                raise Refused("this is a public client, which has no secret")
            await self._writes.put(tx, clients, {"id": number, "secret_hash": token_hash(secret)})
        return secret

    async def _found(self, tx: Transaction, client_id: str) -> Row:
        row = await tx.fetch_one(self._by_client_id, client_id=client_id)
        if row is None:
            raise Refused("there is no such client")
        return row


async def revoke_all(writes: Writes, tx: Transaction, owner: Owner, number: int, at: int) -> None:
    """Revoke every authorization, and every access token that came of signing in and is not over at `at`, of one owner.

    Refresh tokens and codes end with their authorization. What an operator has made, which has no scope, stays: it is
    of no use while its user cannot sign in.
    """
    given = writes.statement(("live authorizations", owner), partial(_live, authorizations, owner))
    for row_id, org_id in await tx.fetch_all(given, number=number):
        await writes.put(tx, authorizations, {"id": row_id}, owner=org_id, stamp="revoked_at")
    tokens = writes.statement(("live tokens", owner), partial(_live_tokens, owner))
    for row_id, org_id in await tx.fetch_all(tokens, number=number, at=at):
        await writes.put(tx, access_tokens, {"id": row_id}, owner=org_id, stamp="revoked_at")


def _check(new: NewClient) -> None:
    is_name = new.name and new.name == new.name.strip() and new.name.isprintable()
    if not is_name:
        raise Refused("a client's name can be printed, and has no space at its beginning or end")
    if new.client_id is not None and not is_client_id(new.client_id):
        raise Refused("a client id has 1 to 200 visible ASCII characters")
    registration = Registration(new.public, new.native, new.redirect_uris, new.post_logout_uris, new.grant_types)
    for fault in faults(registration):
        number = "" if fault.item is None else f" {fault.item + 1}"
        raise Refused(f"{fault.field.replace('_', ' ')}{number}: {fault.text}")


def _new_secret() -> str:
    return SECRET_PREFIX + new_token()


def _by_client_id() -> Select[Any]:
    columns = (clients.c.id, clients.c.state, clients.c.secret_hash)
    return select(*columns).where(clients.c.client_id == bindparam("client_id"))


def _live(table: Table, owner: Owner) -> Select[Any]:
    return (
        select(table.c.id, users.c.org_id)
        .join(users, users.c.id == table.c.user_id)
        .where(table.c[owner] == bindparam("number"), table.c.revoked_at.is_(None))
        .order_by(table.c.id)
    )


def _live_tokens(owner: Owner) -> Select[Any]:
    is_issued = access_tokens.c.scope.is_not(None)
    return _live(access_tokens, owner).where(access_tokens.c.expires_at > bindparam("at"), is_issued)
