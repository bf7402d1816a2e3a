"""Passwords: what one may be, and Argon2id (RFC 9106) by which they are kept and checked."""

from __future__ import annotations

import asyncio
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple, TypeVar

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from authsvc.errors import TooMany

MIN_PASSWORD = 8
MAX_PASSWORD = 128
"""How many characters a password has. OWASP's ASVS (6.2) wants 8 at least and 64 allowed; none need be of any sort."""
MAX_TYPED = 1000
"""How many code points are looked at: more than any way to write MAX_PASSWORD characters has, and soon normalized."""
_THREADS = 2
_MAX_WAITING = 64  # checks at once: a second's work; who comes later is told to try again rather than kept waiting
_MAX_WORK = 256 * 1024  # KiB times passes, seven times ours; a hash from elsewhere that wants more is not checked
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)
_T = TypeVar("_T")

Weakness = Literal["short", "long", "login_name"]


class WeakPassword(Exception):
    """A password that nobody may choose. `reason` says why."""

    def __init__(self, reason: Weakness) -> None:
        super().__init__(f"the password is refused: {reason}")
        self.reason: Weakness = reason


class Verdict(NamedTuple):
    """Whether a password is the right one, and if so whether it should be hashed anew."""

    is_right: bool
    is_outdated: bool


def check_password(password: str, login_name: str) -> None:
    """Refuse what nobody may choose as the password of the account with this login name.

    Raises:
        WeakPassword: it is too short or too long, or the login name itself or the part of it before the `@`.
    """
    if len(password) > MAX_TYPED:
        raise WeakPassword("long")
    text = _normal(password)
    if len(text) < MIN_PASSWORD:
        raise WeakPassword("short")
    if len(text) > MAX_PASSWORD:
        raise WeakPassword("long")
    name = _normal(login_name).casefold()
    if text.casefold() in {name, name.rpartition("@")[0]}:
        raise WeakPassword("login_name")


class Passwords:
    """Hashes and checks passwords on two threads of its own: each takes some 25 ms of a core.

    Accounts without a password, and names without an account, cost the same as a wrong password: a hash that no
    password has is checked in their place.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="passwords")
        self._waiting = 0

    async def verify(self, password_hash: str | None, password: str) -> Verdict:
        """Whether the password is the one with this PHC string; None and other algorithms than Argon2 have none.

        Nor is anything longer than `MAX_TYPED` one: to normalize it takes time that grows with its square.

        Raises:
            TooMany: so many wait that this one would wait too long.
        """
        known = password_hash if password_hash is not None and _is_known(password_hash) else None
        if len(password) > MAX_TYPED:
            known, password = None, ""
        is_same = await self._on_thread(lambda: _verify(known or _NOBODYS, password))
        if known is None or not is_same:
            return Verdict(is_right=False, is_outdated=False)
        return Verdict(is_right=True, is_outdated=_HASHER.check_needs_rehash(known))

    async def hash(self, password: str) -> str:
        """The PHC string of a password.

        Raises:
            TooMany: as `verify`.
        """
        return await self._on_thread(lambda: hash_password(password))

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown()

    async def _on_thread(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= _MAX_WAITING:
            raise TooMany("Too many requests.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def hash_password(password: str) -> str:
    """The PHC string of a password; takes as long as checking one."""
    return _HASHER.hash(_normal(password))


def _normal(password: str) -> str:
    """The one form of texts that look the same (RFC 8265, section 4.2.1): keyboards differ in how they write an Ä."""
    return unicodedata.normalize("NFC", password)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _HASHER.verify(password_hash, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def _is_known(password_hash: str) -> bool:
    try:
        wanted = extract_parameters(password_hash)
    except InvalidHashError:
        return False
    return wanted.memory_cost * wanted.time_cost <= _MAX_WORK


def _nobodys() -> str:
    """The PHC string with our parameters whose salt and hash are zeros."""
    salt, zeros = (b64encode(bytes(size)).decode().rstrip("=") for size in (_HASHER.salt_len, _HASHER.hash_len))
    return f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}${salt}${zeros}"


_NOBODYS = _nobodys()
