"""Devices that wait to be let in (RFC 8628), in the store: codes by their hashes.

Those that people type are short enough to try all there are: their hashes are keyed.

What stands here is bookkeeping that passes by itself, so `changes` does not tell of it; it tells of the authorization
that comes of a device.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, ClauseElement, bindparam, delete, insert, select, update

from authsvc.domain.authorizations import DEVICE_INTERVAL, DEVICE_LIFE, DeviceState, Holder, Standing
from authsvc.domain.clients import ClientState
from authsvc.domain.clock import Clock, now
from authsvc.domain.devices import Device, PendingDevice
from authsvc.domain.ids import IdSource
from authsvc.domain.sealed import Digests
from authsvc.store.executor import Executor, Transaction
from authsvc.store.schema import clients, device_codes, orgs, sessions, users

_PURPOSE = "user code"
_KEPT = DEVICE_LIFE
"""How long a device is remembered after its time, in microseconds: to be told that, and to notice stolen codes."""


class DeviceCodes:
    """Devices, from their codes to their tokens. Methods raise `Unavailable` when the database does not answer."""

    def __init__(self, executor: Executor, digests: Digests, clock: Clock = now, ids: IdSource | None = None) -> None:
        self._executor = executor
        self._digests = digests
        self._clock = clock
        self._ids = ids or IdSource(clock)
        self._purge = executor.prepare(delete(device_codes).where(device_codes.c.expires_at <= bindparam("at")))
        self._taken = executor.prepare(_taken())
        self._insert = executor.prepare(_insert())
        self._pending = executor.prepare(_pending())
        self._decide = executor.prepare(_decide())
        self._by_device_hash = executor.prepare(_by_device_hash())
        self._session = executor.prepare(_session())
        self._ask = executor.prepare(_ask())
        self._use = executor.prepare(_use())

    async def add(self, client_id: int, scope: str, device_hash: bytes, user_code: str) -> bool:
        """Let a device of the client with this row number wait; False if its user code is taken.

        Devices whose time was over long ago are forgotten.
        """
        at, user_hash = self._clock(), self._hash(user_code)
        async with self._executor.transaction() as tx:
            await tx.execute(self._purge, at=at - _KEPT)
            if await tx.fetch_one(self._taken, user_hash=user_hash) is not None:
                return False
            await tx.execute(
                self._insert,
                id=self._ids.next(),
                client_id=client_id,
                scope=scope,
                device_hash=device_hash,
                user_hash=user_hash,
                state=DeviceState.PENDING.value,
                created_at=at,
                expires_at=at + DEVICE_LIFE,
                interval=DEVICE_INTERVAL,
            )
        return True

    async def pending(self, user_code: str) -> PendingDevice | None:
        """The device with this user code, if it still waits and its client is active."""
        row = await self._executor.fetch_one(self._pending, user_hash=self._hash(user_code), at=self._clock())
        return PendingDevice._make(row) if row else None

    async def decide(self, user_code: str, user_id: int, session_id: int, *, allow: bool) -> bool:
        """Let the device with this user code in or not, as a person decides; False if it does not wait any more."""
        state, user_hash = DeviceState.APPROVED if allow else DeviceState.DENIED, self._hash(user_code)
        async with self._executor.transaction() as tx:
            # Asked anew in the transaction: the page before has asked, but that is a while ago.
            if await tx.fetch_one(self._pending, user_hash=user_hash, at=self._clock()) is None:
                return False
            decision = {"state": state.value, "user_id": user_id, "session_id": session_id}
            await tx.execute(self._decide, key=user_hash, **decision)
        return True

    async def device(self, tx: Transaction | None, device_hash: bytes) -> Device | None:
        """The device with this device code, whatever its state and time; without a transaction, waiting for nobody."""
        row = await (tx or self._executor).fetch_one(self._by_device_hash, device_hash=device_hash)
        return Device._make(row)._replace(state=DeviceState(row[3])) if row else None

    async def holder(self, tx: Transaction, session_id: int) -> Holder | None:
        """Whom the tokens of a device are about that was let in from this session; None if they are signed out."""
        row = await tx.fetch_one(self._session, id=session_id)
        if row is None:
            return None
        standing, (authenticated_at, amr) = Standing._make(row[:-2]), row[-2:]
        if not standing.is_good(self._clock()):
            return None
        return Holder(standing.user_id, standing.org_id, session_id, authenticated_at, amr or "", standing.impersonator)

    async def ask(self, tx: Transaction, device: Device, interval: int) -> None:
        """Keep in mind that the device has just asked, and how many seconds it is to wait before it asks again."""
        await tx.execute(self._ask, key=device.id, asked_at=self._clock(), interval=interval)

    async def use(self, tx: Transaction, device: Device, authorization_id: int) -> None:
        """Keep in mind that the device has been given tokens."""
        values = {"state": DeviceState.USED.value, "authorization_id": authorization_id}
        await tx.execute(self._use, key=device.id, **values)

    def _hash(self, user_code: str) -> bytes:
        return self._digests.digest(_PURPOSE, user_code)


def _taken() -> ClauseElement:
    return select(device_codes.c.id).where(device_codes.c.user_hash == bindparam("user_hash"))


def _insert() -> ClauseElement:
    names = ("id", "client_id", "scope", "device_hash", "user_hash", "state", "created_at", "expires_at", "interval")
    return insert(device_codes).values(_given(*names))


def _pending() -> ClauseElement:
    return (
        select(clients.c.name, device_codes.c.scope)
        .join(clients, clients.c.id == device_codes.c.client_id)
        .where(
            device_codes.c.user_hash == bindparam("user_hash"),
            device_codes.c.state == DeviceState.PENDING.value,
            device_codes.c.expires_at > bindparam("at"),
            clients.c.state == ClientState.ACTIVE.value,
        )
    )


def _decide() -> ClauseElement:
    decision = _given("state", "user_id", "session_id")
    return update(device_codes).where(device_codes.c.user_hash == bindparam("key")).values(decision)


def _by_device_hash() -> ClauseElement:
    columns = (device_codes.c[name] for name in Device._fields)
    return select(*columns).where(device_codes.c.device_hash == bindparam("device_hash"))


def _session() -> ClauseElement:
    standing = (users.c.id, users.c.state, users.c.org_id, orgs.c.state)
    session = (sessions.c.id, sessions.c.state, sessions.c.expires_at, sessions.c.impersonator_email)
    return (
        select(*standing, *session, sessions.c.authenticated_at, sessions.c.amr)
        .select_from(sessions)
        .join(users, users.c.id == sessions.c.user_id)
        .join(orgs, orgs.c.id == users.c.org_id)
        .where(sessions.c.id == bindparam("id"))
    )


def _ask() -> ClauseElement:
    return update(device_codes).where(device_codes.c.id == bindparam("key")).values(_given("asked_at", "interval"))


def _use() -> ClauseElement:
    used = _given("state", "authorization_id")
    return update(device_codes).where(device_codes.c.id == bindparam("key")).values(used)


def _given(*names: str) -> dict[str, BindParameter[Any]]:
    return {name: bindparam(name) for name in names}
