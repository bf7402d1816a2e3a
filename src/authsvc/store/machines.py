"""Machine users in the store: found by what they call themselves, by their keys and by their tokens."""

from __future__ import annotations

import hmac

from sqlalchemy import ClauseElement, Select, and_, bindparam, delete, insert, select, true

from authsvc.domain.clock import Clock, now
from authsvc.domain.ids import parse_id
from authsvc.domain.machines import Machine, MachineKey
from authsvc.domain.users import UserState, UserType, split_login_name
from authsvc.store.executor import Executor, Row, Transaction
from authsvc.store.schema import machine_keys, org_domains, orgs, used_assertions, users
from authsvc.store.writes import Writes

_KEY_COLUMNS = 3  # in front of those of the machine


class Machines:
    """What the grants of machine users ask the store. Methods raise `Unavailable` when the database does not answer."""

    def __init__(self, executor: Executor, writes: Writes, clock: Clock = now) -> None:
        self._executor = executor
        self._writes = writes
        self._clock = clock
        self._by_id = executor.prepare(_machine().where(users.c.id == bindparam("id")))
        self._by_login_name = executor.prepare(_by_login_name())
        self._key = executor.prepare(_key())
        self._known_assertion = executor.prepare(_known_assertion())
        self._keep_assertion = executor.prepare(_keep_assertion())
        self._purge_assertions = executor.prepare(_purge_assertions())

    async def by_name(self, name: str) -> Machine | None:
        """The machine user with this id or login name, unless deleted."""
        user_id = parse_id(name)
        if user_id is not None:
            return await self.by_id(user_id)
        login, domain = split_login_name(name) or ("", "")
        return _to_machine(await self._executor.fetch_one(self._by_login_name, login=login, domain=domain))

    async def by_id(self, user_id: int) -> Machine | None:
        """The machine user with this id, unless deleted."""
        return _to_machine(await self._executor.fetch_one(self._by_id, id=user_id))

    async def replace_hash(self, user_id: int, old: str, new: str) -> bool:
        """Hash the same secret anew; False if it is no longer the same."""
        async with self._writes.transaction() as tx:
            row = await self._writes.stored(tx, users, user_id, ("org_id", "secret_hash"))
            if row is None or not hmac.compare_digest(row["secret_hash"] or "", old):
                return False
            await self._writes.put(tx, users, {"id": user_id, "secret_hash": new}, owner=row["org_id"])
            return True

    async def key(self, key_id: int) -> MachineKey | None:
        """The key with this id, and whose it is; expired ones too."""
        row = await self._executor.fetch_one(self._key, id=key_id)
        return MachineKey._make([*row[:_KEY_COLUMNS], Machine._make(row[_KEY_COLUMNS:])]) if row else None

    async def use_assertion(self, tx: Transaction, assertion_hash: bytes, expires_at: int) -> bool:
        """Keep in mind that an assertion has been presented, until it would be refused anyway; False the second time.

        Those that are past that time are forgotten. `changes` does not tell.
        """
        await tx.execute(self._purge_assertions, at=self._clock())
        if await tx.fetch_one(self._known_assertion, hash=assertion_hash) is not None:
            return False
        await tx.execute(self._keep_assertion, hash=assertion_hash, expires_at=expires_at)
        return True


def _to_machine(row: Row | None) -> Machine | None:
    return Machine._make(row) if row else None


_MACHINE = (
    users.c.id,
    users.c.org_id,
    users.c.state,
    orgs.c.state,
    users.c.login,
    org_domains.c.name,
    users.c.email,
    users.c.secret_hash,
    users.c.access_token_type,
    users.c.may_impersonate,
)
_HAS_ORG = orgs.c.id == users.c.org_id
_HAS_DOMAIN = and_(org_domains.c.org_id == users.c.org_id, org_domains.c.is_primary == true())
_IS_MACHINE = and_(users.c.type == UserType.MACHINE.value, users.c.state != UserState.DELETED.value)


def _machine() -> Select[*tuple[object, ...]]:
    joined = users.join(orgs, _HAS_ORG).outerjoin(org_domains, _HAS_DOMAIN)
    return select(*_MACHINE).select_from(joined).where(_IS_MACHINE)


def _by_login_name() -> ClauseElement:
    """Any of the organization's domains will do in a login name, not only the primary one."""
    used = org_domains.alias("used")
    return (
        _machine()
        .join(used, used.c.org_id == users.c.org_id)
        .where(used.c.name == bindparam("domain"), users.c.login == bindparam("login"))
    )


def _key() -> ClauseElement:
    joined = (
        machine_keys.join(users, users.c.id == machine_keys.c.user_id)
        .join(orgs, _HAS_ORG)
        .outerjoin(org_domains, _HAS_DOMAIN)
    )
    columns = (machine_keys.c.id, machine_keys.c.public_key, machine_keys.c.expires_at)
    return select(*columns, *_MACHINE).select_from(joined).where(machine_keys.c.id == bindparam("id"), _IS_MACHINE)


def _known_assertion() -> ClauseElement:
    return select(used_assertions.c.hash).where(used_assertions.c.hash == bindparam("hash"))


def _keep_assertion() -> ClauseElement:
    return insert(used_assertions).values(hash=bindparam("hash"), expires_at=bindparam("expires_at"))


def _purge_assertions() -> ClauseElement:
    return delete(used_assertions).where(used_assertions.c.expires_at <= bindparam("at"))
