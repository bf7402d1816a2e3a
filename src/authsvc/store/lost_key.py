"""What is left to do when the key is lost with which things in the database are sealed: to forget them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import delete, select

from authsvc.domain.users import login_name
from authsvc.store.executor import Executor
from authsvc.store.reads import primary_domain_of
from authsvc.store.schema import org_domains, signing_keys, users
from authsvc.store.writes import Writes


class Sealed(NamedTuple):
    """What nobody can open any more: how many signing keys, and whose second factors, by their login names."""

    signing_keys: int
    second_factors: tuple[str, ...]


class LostKey:
    """Tells what is sealed in the store, and forgets it."""

    def __init__(self, executor: Executor, writes: Writes) -> None:
        self._executor = executor
        self._writes = writes
        self._keys = executor.prepare(select(signing_keys.c.id).order_by(signing_keys.c.id))
        self._remove_keys = executor.prepare(delete(signing_keys))
        self._people = executor.prepare(
            select(users.c.id, users.c.org_id, users.c.login, org_domains.c.name)
            .outerjoin(org_domains, primary_domain_of(users.c.org_id))
            .where(users.c.totp.is_not(None))
            .order_by(users.c.id)
        )

    async def sealed(self) -> Sealed:
        """What is there to be lost."""
        keys, people = await self._executor.fetch_all(self._keys), await self._executor.fetch_all(self._people)
        names = (login_name(login, domain) or str(number) for number, _, login, domain in people)
        return Sealed(len(keys), tuple(names))

    async def forget(self) -> None:
        """Take all signing keys and second factors away, in one transaction."""
        async with self._writes.transaction() as tx:
            for (key_id,) in await tx.fetch_all(self._keys):
                await self._writes.record(tx, signing_keys, key_id, "deleted", None)
            await tx.execute(self._remove_keys)
            for user_id, org_id, *_ in await tx.fetch_all(self._people):
                values = {"id": user_id, "totp": None, "totp_step": None}
                await self._writes.put(tx, users, values, owner=org_id)
