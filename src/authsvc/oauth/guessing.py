"""Guessing: how often somebody may try a secret, by account, by device and by address (OWASP's ASVS, 6.3.1).

Each is a bucket that fills at a steady rate (GCRA). The store keeps the buckets, so a restart empties none; a try is
taken before the secret is looked at, so that a hundred at once are still a hundred, and given back if it was right.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol

from authsvc.domain.attempts import Bucket
from authsvc.domain.clock import SECOND
from authsvc.errors import TooMany


class TooManyAttempts(Exception):
    """Somebody has tried too often; they may again after `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts, again in {retry_after} s")
        self.retry_after = retry_after


class Attempts(Protocol):
    """Where tries are counted."""

    async def take(self, buckets: Sequence[Bucket]) -> int:
        """Take a try out of every bucket: 0, or if one is empty, after how many microseconds there is one in each."""

    async def give_back(self, buckets: Sequence[Bucket]) -> None:
        """Put back the tries that were taken."""


class Guessing:
    """Counts tries."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def take(self, *buckets: Bucket) -> None:
        """Take a try out of every bucket, or out of none.

        Raises:
            TooManyAttempts: one of them is empty.
        """
        wait = await self._attempts.take(buckets)
        if wait:
            raise TooManyAttempts(-(-wait // SECOND))

    async def give_back(self, *buckets: Bucket) -> None:
        """Put back the tries that were taken: the secret was right."""
        await self._attempts.give_back(buckets)

    @asynccontextmanager
    async def unless_busy(self, *buckets: Bucket) -> AsyncIterator[None]:
        """Check a secret. One that is not looked at, because too many wait, was no try: what was taken is put back.

        Raises:
            TooManyAttempts: instead of `TooMany`.
        """
        try:
            yield
        except TooMany as error:
            await self.give_back(*buckets)
            raise TooManyAttempts(error.retry_after) from None


def account_buckets(account: int | None, name: str) -> tuple[Bucket, Bucket]:
    """Tries of passwords of one account, and of one name, in whatever spelling, also if it is nobody's.

    The look-up takes some spellings for the same, and which depends on whose the name is. That of the name counts at
    least these together, for everybody, so that nobody learns from it who has an account; that of the account counts
    its other names, too. There are as many for names that are nobody's: they cost the same.
    """
    spelt = folded(name)
    sort, key = ("nobody", spelt) if account is None else ("account", account)
    return _bucket(sort, key, 10, 30 * SECOND), _bucket("name", spelt, 10, 30 * SECOND)


def folded(name: str) -> str:
    """The one spelling of a login name or e-mail address, as coarse as any look-up of accounts."""
    return name.strip().casefold()


def device_bucket(account: int, agent_id: int) -> Bucket:
    """Tries of passwords of one account from a browser in which it has been signed in before.

    They are counted apart, so that nobody locks people out of their own accounts.
    """
    return _bucket("device", f"{account} {agent_id}", 10, 30 * SECOND)


def change_bucket(account: int) -> Bucket:
    """Tries of the old password by somebody who is signed in and wants a new one."""
    return _bucket("change", account, 10, 30 * SECOND)


def code_bucket(account: int, agent_id: int | None) -> Bucket:
    """Tries of one-time codes; from a known device apart. A guess is right three times in a million."""
    return _bucket("code", f"{account} {agent_id or ''}", 10, 300 * SECOND)


def buckets_of(account: int, names: Iterable[str], agents: Iterable[int]) -> list[Bucket]:
    """All tries that count against one account, by the names that it has and the browsers it has been signed in in."""
    named = [bucket for name in names for bucket in account_buckets(account, name)]
    known = [bucket for agent in agents for bucket in (device_bucket(account, agent), code_bucket(account, agent))]
    return list(dict.fromkeys([*named, *known, change_bucket(account), code_bucket(account, None)]))


def address_buckets(address: str | None) -> tuple[Bucket, ...]:
    """Tries from one address, or from one network of 64 bits in IPv6; an address that nobody knows is not counted."""
    if address is None:
        return ()
    parsed = ip_address(address)
    network = ip_network((parsed, 64), strict=False) if isinstance(parsed, IPv6Address) else parsed
    return (_bucket("address", str(network), 50, 3 * SECOND),)


def client_buckets(address: str | None) -> tuple[Bucket, ...]:
    """Clients that do not show who they are, by address; those from nowhere are counted together."""
    return address_buckets(address) or (_bucket("address", "", 50, 3 * SECOND),)


def _bucket(sort: str, name: int | str, burst: int, interval: int) -> Bucket:
    return Bucket(f"{sort}:{name}", burst, interval)
