"""What changes clients (RFC 6749, section 2), and what ends all that one client, or one user, has been given."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, NamedTuple

from sqlalchemy import BindParameter, Select, Update, bindparam, exists, literal_column, or_, select, update
from sqlalchemy.sql import ColumnElement

from authsvc.domain import account_page
from authsvc.domain.clients import SECRET_PREFIX, ClientState, GrantType
from authsvc.domain.clock import Clock, now
from authsvc.domain.registration import Fault, Registration, faults, is_client_id
from authsvc.domain.tokens import new_token, token_hash
from authsvc.domain.users import AccessTokenType
from authsvc.errors import Refused
from authsvc.store.executor import Row, Transaction
from authsvc.store.schema import access_tokens, authorizations, clients, projects, users
from authsvc.store.writes import Writes

Owner = Literal["client_id", "user_id"]
"""The column that says whose tokens and authorizations are meant."""
Conditions = tuple[ColumnElement[bool], ...]


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


class Unregistrable(Refused):
    """A client cannot be registered so: `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        number = "" if fault.item is None else f" {fault.item + 1}"
        super().__init__(f"{fault.field.replace('_', ' ')}{number}: {fault.text}")
        self.fault = fault


class ClientWrites:
    """Makes clients, ends them, and gives them new secrets."""

    def __init__(self, writes: Writes, clock: Clock = now) -> None:
        self._writes = writes
        self._clock = clock
        self._ids = writes.ids
        self._by_client_id = writes.statement(("client of", "client_id"), _by_client_id)

    async def create(self, new: NewClient) -> tuple[str, str | None]:
        """The client's id and its secret, None for a public one. The plain secret exists only in the answer.

        Raises:
            Unregistrable: what is said of it does not fit together.
            Refused: the name or the id cannot be one, the id is taken, or there is no such project.
        """
        if new.client_id == account_page.CLIENT_ID:
            raise Refused("this client id is that of the account page, a client that the server keeps itself")
        _check(new)
        number = self._ids.next()
        client_id = new.client_id or str(number)
        secret = None if new.public else _new_secret()
        values = {
            **_values(new),
            "id": number,
            "client_id": client_id,
            "state": ClientState.ACTIVE.value,
            "secret_hash": token_hash(secret) if secret else None,
        }
        async with self._writes.transaction() as tx:
            if await tx.fetch_one(self._by_client_id, client_id=client_id) is not None:
                raise Refused("there is a client with this client id")
            if new.project is not None and await self._writes.stored(tx, projects, new.project, ("id",)) is None:
                raise Refused(f"there is no project {new.project}")
            await self._writes.put(tx, clients, values)
        return client_id, secret

    async def keep(self, new: NewClient) -> None:
        """Have a public client be there and active, as `new` says, under the `client_id` that it names.

        Raises:
            Unregistrable: what is said of it does not fit together.
            Refused: somebody has made another client with this client id, which has a secret.
        """
        _check(new)
        values = _values(new) | {"client_id": new.client_id, "state": ClientState.ACTIVE.value}
        async with self._writes.transaction() as tx:
            row = await tx.fetch_one(self._by_client_id, client_id=new.client_id)
            if row and row[2] is not None:
                raise Refused(f"the client {new.client_id} has a secret")
            await self._writes.put(tx, clients, {**values, "id": row[0] if row else self._ids.next()})

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

    async def enable(self, client_id: str) -> bool:
        """Let a client go on that was disabled; whether it was. What has ended stays so.

        Raises:
            Refused: there is no such client.
        """
        async with self._writes.transaction() as tx:
            number, state, _ = await self._found(tx, client_id)
            await self._writes.put(tx, clients, {"id": number, "state": ClientState.ACTIVE.value})
        return bool(state != ClientState.ACTIVE)

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
    """Revoke what one owner has been given and is not over at `at`: authorizations, and tokens that came of signing in.

    However much it is, it takes few statements and has one entry in `changes`: that its owner has changed. Its number
    and time are those of each authorization, too; and if there is nothing to revoke, there is none. Refresh tokens and
    codes end with their authorization. What an operator has made, which has no scope, stays: it is of no use while its
    user cannot sign in.
    """
    alive = writes.statement(("alive", owner), partial(_alive, owner))
    if await tx.fetch_one(alive, number=number, at=at) is None:
        return
    table = clients if owner == "client_id" else users
    org = await writes.stored(tx, users, number, ("org_id",)) if table is users else None
    await writes.put(tx, table, {"id": number}, owner=org["org_id"] if org else None, touched=True)
    change = await writes.stored(tx, table, number, ("sequence", "changed_at"))
    if change is not None:
        given = writes.statement(("revoke authorizations", owner), partial(_revoke_authorizations, owner))
        await tx.execute(given, number=number, at=at, **change)
        tokens = writes.statement(("revoke tokens", owner), partial(_revoke_tokens, owner))
        await tx.execute(tokens, number=number, at=at, revoked_at=change["changed_at"])


def _check(new: NewClient) -> None:
    is_name = new.name and new.name == new.name.strip() and new.name.isprintable()
    if not is_name:
        raise Refused("a client's name can be printed, and has no space at its beginning or end")
    if new.client_id is not None and not is_client_id(new.client_id):
        raise Refused("a client id has 1 to 200 visible ASCII characters")
    registration = Registration(new.public, new.native, new.redirect_uris, new.post_logout_uris, new.grant_types)
    for fault in faults(registration):
        raise Unregistrable(fault)


def _values(new: NewClient) -> dict[str, Any]:
    return {
        "name": new.name,
        "native": new.native,
        "trusted": new.trusted,
        "redirect_uris": "\n".join(new.redirect_uris),
        "post_logout_uris": "\n".join(new.post_logout_uris),
        "grant_types": " ".join(sorted(new.grant_types)),
        "access_token_type": new.access_token_type.value,
        "signing_algorithm": new.signing_algorithm,
        "project_id": new.project,
    }


def _new_secret() -> str:
    return SECRET_PREFIX + new_token()


def _by_client_id() -> Select[Any]:
    columns = (clients.c.id, clients.c.state, clients.c.secret_hash)
    return select(*columns).where(clients.c.client_id == bindparam("client_id"))


def _alive(owner: Owner) -> Select[Any]:
    found = (exists().where(*conditions) for conditions in (_authorizations_of(owner), _tokens_of(owner)))
    return select(literal_column("1")).where(or_(*found))


def _revoke_authorizations(owner: Owner) -> Update:
    at: BindParameter[int] = bindparam("changed_at")
    stamps = {"sequence": bindparam("sequence"), "changed_at": at, "revoked_at": at}
    return update(authorizations).where(*_authorizations_of(owner)).values(stamps)


def _revoke_tokens(owner: Owner) -> Update:
    return update(access_tokens).where(*_tokens_of(owner)).values(revoked_at=bindparam("revoked_at"))


def _authorizations_of(owner: Owner) -> Conditions:
    return (
        authorizations.c[owner] == bindparam("number"),
        authorizations.c.ends_at > bindparam("at"),
        authorizations.c.revoked_at.is_(None),
    )


def _tokens_of(owner: Owner) -> Conditions:
    return (
        access_tokens.c[owner] == bindparam("number"),
        access_tokens.c.expires_at > bindparam("at"),
        access_tokens.c.scope.is_not(None),
        access_tokens.c.revoked_at.is_(None),
    )
