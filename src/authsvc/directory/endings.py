"""What a file cannot bring back, and what ends together with an entry that it ends."""

from __future__ import annotations

from authsvc.directory.rows import Entry, Values
from authsvc.domain.clients import ClientState
from authsvc.domain.users import USABLE_STATES, UserState
from authsvc.store.client_writes import revoke_all
from authsvc.store.executor import Transaction
from authsvc.store.schema import clients, users
from authsvc.store.writes import Writes

# What is the user's own once they have one. Files are older than what people do, and programs are given.
_THEIRS = ("password_hash", "totp", "secret_hash")


async def settled(writes: Writes, tx: Transaction, entry: Entry) -> Values:
    """What the row is to hold: what the file says, but for what has been changed since.

    Passwords, second factors and secrets are given to whoever has none, and the time of the last change of a password
    never goes back.
    A client is active until something says otherwise, and its secret is the file's until it gets another.
    """
    if entry.table is clients:
        if await writes.stored(tx, clients, entry.values["id"], ("id",)) is None:
            return {"state": ClientState.ACTIVE.value, **entry.values}
        return {name: value for name, value in entry.values.items() if name != "secret_hash"}
    if entry.table is not users:
        return entry.values
    names = (*_THEIRS, "password_changed_at")
    held = await writes.stored(tx, users, entry.values["id"], names) or dict.fromkeys(names)
    values = {name: value for name, value in entry.values.items() if name not in _THEIRS or held[name] is None}
    if held["password_changed_at"] is not None and "password_changed_at" in values:
        values["password_changed_at"] = max(values["password_changed_at"], held["password_changed_at"])
    return values


async def ends(writes: Writes, tx: Transaction, entry: Entry) -> bool:
    """Whether the file ends a user or a client: before anything is written, which may be what it asks."""
    state = entry.values.get("state")
    if entry.table not in {users, clients} or state is None:
        return False
    if entry.table is users and state == UserState.DELETED:
        return True
    usable = USABLE_STATES if entry.table is users else {ClientState.ACTIVE}
    stored = await writes.stored(tx, entry.table, entry.values["id"], ("state",))
    return state not in usable and stored is not None and stored["state"] in usable


async def end(writes: Writes, tx: Transaction, entry: Entry, at: int) -> int:
    """End everything that the user or the client has been given, at the time `at`; how many sessions were active."""
    number = entry.values["id"]
    await revoke_all(writes, tx, "user_id" if entry.table is users else "client_id", number, at)
    return await writes.end_sessions(tx, number, entry.owner) if entry.table is users else 0
