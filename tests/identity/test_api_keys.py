from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import KeyRecord, Permission, new_key, new_token, token_hash
from authsvc.errors import PermissionDenied, TooMany, Unauthenticated, Unavailable
from authsvc.identity.api_keys import USE_INTERVAL, KeyAuthenticator, KeyHolder
from authsvc.identity.rate import Rate

NOW = 1_700_000_000_000_000
KEY = new_key()
ALL = " ".join(Permission)
RECORD = KeyRecord(5, "back end", ALL, NOW - 100 * SECOND, None, None)
READ = Permission.SESSION_READ


class Store:
    """A store that knows one key, and remembers what it was asked and told."""

    def __init__(self, **changed: Any) -> None:
        self.record: KeyRecord | None = RECORD._replace(**changed)
        self.asked: list[bytes] = []
        self.used: list[tuple[int, int]] = []
        self.failure: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def key(self, key_hash: bytes) -> KeyRecord | None:
        """The one key, by its hash."""
        self.asked.append(key_hash)
        return self.record if key_hash == token_hash(KEY) else None

    async def touch_key(self, key_id: int, at: int) -> None:
        """Note the use, as soon as the gate is open, or fail."""
        await self.gate.wait()
        if self.failure:
            raise self.failure
        self.used.append((key_id, at))
        assert self.record is not None
        self.record = self.record._replace(last_used_at=at)


class Clock:
    """Microseconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> int:
        """The time."""
        return self.at


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """The entries logged during the test."""
    with capture_logs() as entries:
        yield entries


def _keys(store: Store, clock: Clock | None = None, rate: float = 0) -> KeyAuthenticator:
    return KeyAuthenticator(store, store, Rate(rate, lambda: 0.0), clock or Clock())


async def _holder(keys: KeyAuthenticator, key: str = KEY, permission: str = READ) -> KeyHolder:
    return await keys.holder([f"Bearer {key}"], permission)


async def test_holder_is_what_the_record_says() -> None:
    """The holder of a usable key has its name and its permissions; the store is asked once, for the hash."""
    store = Store()
    assert await _holder(_keys(store)) == KeyHolder("back end", frozenset(Permission))
    assert store.asked == [token_hash(KEY)]


@pytest.mark.parametrize("permission", Permission)
async def test_each_permission_is_asked_for(permission: Permission) -> None:
    """A key with one permission may do that, and a key with all others may not."""
    assert (await _holder(_keys(Store(permissions=permission.value)), permission=permission)).permissions == {
        permission
    }
    others = " ".join(other for other in Permission if other != permission)
    with pytest.raises(PermissionDenied) as caught:
        await _holder(_keys(Store(permissions=others)), permission=permission)
    assert (caught.value.key, caught.value.id) == (f"The API key does not have the permission {permission}.", "")


GRANT_NOTHING = {
    "none": "",
    "a space": " ",
    "the permission of a user": "authenticated",
    "a star": "*",
    "capitals": "SESSION.READ",
    "a longer one": "session.readonly",
    "a part": "session",
    "a comma": "user.read,session.read",
    "a tab": "user.read\tsession.read",
    "a line end": "session.read\n",
    "a space that is no ASCII": "user.read\u2003session.read",
    "letters that look alike": "s\u0435ssion.read",
    "a zero byte": "session.read\0",
    "quotes": '"session.read"',
    "a long text": "x" * 100_000,
}


@pytest.mark.parametrize("permissions", GRANT_NOTHING.values(), ids=GRANT_NOTHING.keys())
async def test_what_is_no_permission_grants_nothing(permissions: str) -> None:
    """Only the names of permissions, separated by spaces, grant something."""
    for permission in Permission:
        with pytest.raises(PermissionDenied):
            await _holder(_keys(Store(permissions=permissions)), permission=permission)


async def test_garbage_beside_a_permission_takes_nothing_away() -> None:
    """A permission of a later version beside one that is known neither hurts nor grants another."""
    keys = _keys(Store(permissions="user.delete session.read \u00e9 session.read"))
    assert "session.read" in (await _holder(keys)).permissions
    for permission in set(Permission) - {Permission.SESSION_READ}:
        with pytest.raises(PermissionDenied):
            await _holder(keys, permission=permission)


REFUSED: dict[str, tuple[list[str], bool]] = {
    "no header": ([], False),
    "an empty header": ([""], False),
    "two headers": ([f"Bearer {KEY}"] * 2, False),
    "another scheme": ([f"Basic {KEY}"], False),
    "the scheme alone": (["Bearer"], False),
    "no scheme": ([KEY], False),
    "an empty bearer": (["Bearer "], True),
    "two words": ([f"Bearer {KEY} {KEY}"], True),
    "no token": (["Bearer sk_\u00e9"], True),
    "too long a token": (["Bearer " + "x" * 10_000], True),
    "an unknown key": ([f"Bearer {new_key()}"], True),
    "a changed key": ([f"Bearer {KEY}x"], True),
    "a key without its prefix": ([f"Bearer {KEY[3:]}"], True),
    "the hash of the key": ([f"Bearer {token_hash(KEY).hex()}"], True),
    "an access token": ([f"Bearer {new_token()}"], True),
}


@pytest.mark.parametrize(("headers", "token_sent"), REFUSED.values(), ids=REFUSED.keys())
async def test_unusable_keys_are_refused_alike(headers: list[str], token_sent: bool) -> None:  # noqa: FBT001
    """Whatever is wrong, the error has the same text; the challenge tells only whether there was a token."""
    store = Store()
    with pytest.raises(Unauthenticated) as caught:
        await _keys(store).holder(headers, READ)
    error = caught.value
    assert vars(error) == {"key": "Unauthorized", "id": "", "parameters": {}, "token_sent": token_sent}
    assert error.__cause__ is None
    assert store.used == []


@pytest.mark.parametrize("revoked_at", [NOW - 1, NOW, NOW + 1, 0])
async def test_a_revoked_key_is_as_good_as_none(revoked_at: int) -> None:
    """A revoked key is refused as an unknown one is, whenever it was revoked, and its use is not recorded."""
    store = Store(revoked_at=revoked_at)
    with pytest.raises(Unauthenticated) as caught:
        await _holder(_keys(store))
    assert vars(caught.value) == {"key": "Unauthorized", "id": "", "parameters": {}, "token_sent": True}
    assert store.used == []


async def test_nothing_is_remembered() -> None:
    """A revocation, and permissions that have changed, count at the very next call."""
    store = Store()
    keys = _keys(store)
    await _holder(keys)
    store.record = RECORD._replace(permissions="user.read")
    with pytest.raises(PermissionDenied):
        await _holder(keys)
    store.record = RECORD._replace(revoked_at=NOW)
    with pytest.raises(Unauthenticated):
        await _holder(keys)
    await keys.close()


async def test_store_that_does_not_answer() -> None:
    """A store that does not answer is Unavailable, and never taken for an unknown key."""

    class Down(Store):
        async def key(self, key_hash: bytes) -> KeyRecord | None:
            raise Unavailable("Errors.Store.Unavailable", "AUTHSVC-DB001")

    with pytest.raises(Unavailable):
        await _holder(_keys(Down()))


async def test_use_is_recorded_behind_the_call() -> None:
    """The call does not wait for its use to be recorded; closing does."""
    store = Store()
    store.gate.clear()
    keys = _keys(store)
    await _holder(keys)
    closing = asyncio.create_task(keys.close())
    await asyncio.sleep(0.01)
    assert not closing.done()
    store.gate.set()
    await closing
    assert store.used == [(5, NOW)]
    await keys.close()


@pytest.mark.parametrize(
    ("last", "recorded"),
    [
        (None, True),
        (NOW - USE_INTERVAL, True),
        (NOW - USE_INTERVAL + 1, False),
        (NOW, False),
        (NOW + SECOND, False),
        (0, True),
    ],
)
async def test_use_is_recorded_once_a_minute(last: int | None, recorded: bool) -> None:  # noqa: FBT001
    """The record tells when the last use was recorded, perhaps by another process; a minute later it is again."""
    store = Store(last_used_at=last)
    keys = _keys(store)
    for _ in range(3):
        await _holder(keys)
    await keys.close()
    assert store.used == [(5, NOW)] * recorded


async def test_uses_at_once_are_recorded_once() -> None:
    """Calls that come while a use is being recorded do not record theirs, and a minute later one does."""
    store, clock = Store(), Clock()
    store.gate.clear()
    keys = _keys(store, clock)
    for _ in range(100):
        await _holder(keys)
    store.gate.set()
    await keys.close()
    clock.at += USE_INTERVAL
    for _ in range(100):
        await _holder(keys)
        await asyncio.sleep(0)
    await keys.close()
    assert store.used == [(5, NOW), (5, NOW + USE_INTERVAL)]
    assert not keys._tried


@pytest.mark.parametrize("failure", [Unavailable("Errors.Store.Unavailable", "AUTHSVC-DB001"), ValueError("no")])
async def test_a_use_that_is_not_recorded(failure: Exception, logs: list[Any]) -> None:
    """A failure to record fails no call, is logged with the key's name, and is tried again a minute later at most."""
    store, clock = Store(), Clock()
    store.failure = failure
    keys = _keys(store, clock)
    for _ in range(3):
        await _holder(keys)
        await asyncio.sleep(0.001)
    clock.at += USE_INTERVAL
    await _holder(keys)
    await keys.close()
    told = {"event": "use of an API key not recorded", "key": "back end", "exc_info": True, "log_level": "warning"}
    assert logs == [told] * 2
    assert KEY not in repr(logs)
    store.failure = None
    clock.at += USE_INTERVAL
    await _holder(keys)
    await keys.close()
    assert store.used == [(5, clock.at)]


async def test_a_call_that_is_cancelled_is_a_use() -> None:
    """The recording goes on when the call that caused it is cancelled."""
    store = Store()
    store.gate.clear()
    keys = _keys(store)

    async def call() -> None:
        await _holder(keys)
        await asyncio.Event().wait()

    running = asyncio.create_task(call())
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait([running])
    store.gate.set()
    await keys.close()
    assert store.used == [(5, NOW)]


async def test_too_many_calls() -> None:
    """Beyond its rate a key is refused with the time to wait, whatever it may do; others have a rate of their own."""
    store = Store()
    keys = _keys(store, rate=0.2)
    await _holder(keys)
    with pytest.raises(PermissionDenied):
        await _holder(keys, permission="user.delete")
    for permission in (READ, "user.delete"):
        with pytest.raises(TooMany) as caught:
            await _holder(keys, permission=permission)
        assert (caught.value.key, caught.value.retry_after) == ("Too many requests.", 5)
    store.record = RECORD._replace(id=6)
    await _holder(keys)
    await keys.close()


async def test_only_keys_that_are_good_are_counted() -> None:
    """Attempts with other keys take nothing from anybody and leave nothing behind."""
    rate = Rate(0.1, lambda: 0.0)
    store = Store()
    keys = KeyAuthenticator(store, store, rate, Clock())
    for _ in range(50):
        with pytest.raises(Unauthenticated):
            await _holder(keys, new_key())
    assert not rate._buckets
    await _holder(keys)
    assert rate._buckets.keys() == {5}
    await keys.close()
