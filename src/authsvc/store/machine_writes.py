"""What operators give machine users: secrets and keys, by which they prove who they are."""

from __future__ import annotations

from authsvc.domain.machines import Machine
from authsvc.store.schema import machine_keys, users
from authsvc.store.writes import Writes


class MachineWrites:
    """Gives machine users secrets and keys."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._ids = writes.ids

    async def set_secret(self, machine: Machine, secret_hash: str | None) -> None:
        """A secret in place of the one that there may be, or none."""
        async with self._writes.transaction() as tx:
            await self._writes.put(tx, users, {"id": machine.user_id, "secret_hash": secret_hash}, owner=machine.org_id)

    async def add_key(self, machine: Machine, public_key: str, expires_at: int | None) -> int:
        """One more public key, in PEM, which counts until a time in microseconds or for ever; its id."""
        key_id = self._ids.next()
        values = {"id": key_id, "user_id": machine.user_id, "public_key": public_key, "expires_at": expires_at}
        async with self._writes.transaction() as tx:
            await self._writes.put(tx, machine_keys, values, owner=machine.org_id)
        return key_id
