"""Passwords: which are refused, and how they are hashed and checked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from authsvc.errors import TooMany
from authsvc.identity import passwords as module
from authsvc.identity.passwords import Passwords, Verdict, WeakPassword, check_password

NAME = "Gigi@savanna.example"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """Real ones."""
    passwords = Passwords()
    yield passwords
    passwords.close()


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "short"),
        ("1234567", "short"),
        ("a\u0308" * 7, "short"),
        ("x" * 129, "long"),
        ("gigi@savanna.example", "login_name"),
        ("GIGI@SAVANNA.EXAMPLE", "login_name"),
    ],
)
def test_weak_password_is_refused(password: str, reason: str) -> None:
    """What is too short, too long or the login name may not be chosen."""
    with pytest.raises(WeakPassword) as refused:
        check_password(password, NAME)
    assert refused.value.reason == reason


def test_what_nobody_could_type_is_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who chooses a password of many combining marks keeps nobody waiting."""
    monkeypatch.setattr(module, "_normal", None)
    with pytest.raises(WeakPassword) as refused:
        check_password("a" + "\u0308" * 1000, NAME)
    assert refused.value.reason == "long"


def test_part_of_the_login_name_is_refused() -> None:
    """The login without the domain is no better."""
    with pytest.raises(WeakPassword):
        check_password("gigi-giraffe", "Gigi-Giraffe@savanna.example")


@pytest.mark.parametrize("password", ["12345678", "aaaaaaaa", "x" * 128, " \t      ", "пароль-пароль", "🦒" * 8])
def test_no_sort_of_character_is_wanted(password: str) -> None:
    """Eight to 128 characters of any sort are enough."""
    check_password(password, NAME)


async def test_password_is_hashed_as_decided(passwords: Passwords) -> None:
    """Argon2id with two passes over 19 MiB in one lane; twice the same password gives two hashes."""
    first, second = await passwords.hash("correct horse"), await passwords.hash("correct horse")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert await passwords.verify(first, "correct horse") == Verdict(is_right=True, is_outdated=False)
    assert await passwords.verify(first, "Correct horse") == Verdict(is_right=False, is_outdated=False)


async def test_texts_that_look_the_same_are_the_same(passwords: Passwords) -> None:
    """A letter with its accent in one character or in two is one letter; spaces and case count."""
    password_hash = await passwords.hash("Ärgernisse")
    assert (await passwords.verify(password_hash, "A\u0308rgernisse")).is_right
    assert not (await passwords.verify(password_hash, "Ärgernisse ")).is_right


@pytest.mark.parametrize(
    "password_hash",
    [
        None,
        "",
        "plain",
        "$2b$12$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
        "$argon2id$v=19$m=19456,t=2,p=1$",
        "$argon2id$v=19$m=4294967295,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=19456,t=1000000,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
    ],
)
async def test_other_hashes_are_no_password(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch, password_hash: str | None
) -> None:
    """Without a hash that can be checked no password is right, and finding out costs a check as usual."""
    checked = []
    monkeypatch.setattr(module, "_verify", lambda known, given: checked.append(known))
    assert await passwords.verify(password_hash, "") == Verdict(is_right=False, is_outdated=False)
    (known,) = checked
    assert known.startswith("$argon2id$v=19$m=19456,t=2,p=1$AAAA")


async def test_nobodys_hash_costs_as_much_as_a_real_one(passwords: Passwords) -> None:
    """What is checked for nobody has the parameters of new hashes, and is a real check that fails."""
    assert not module._HASHER.check_needs_rehash(module._NOBODYS)
    assert not (await passwords.verify(module._NOBODYS, "anything")).is_right


@pytest.mark.parametrize(("length", "is_looked_at"), [(1000, 1), (1001, 0)])
async def test_what_is_too_long_is_not_even_normalized(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch, length: int, is_looked_at: int
) -> None:
    """More than 1000 code points are no password, even if they are one, after a check that costs the same."""
    password_hash = module._HASHER.hash("x" * length)
    seen = []

    def normal(text: str) -> str:
        seen.append(text)
        return text

    monkeypatch.setattr(module, "_normal", normal)
    assert (await passwords.verify(password_hash, "x" * length)).is_right == is_looked_at
    assert seen == ["x" * length if is_looked_at else ""]


async def test_hash_of_other_parameters_is_outdated(passwords: Passwords) -> None:
    """A right password whose hash has other parameters is to be hashed anew."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")
    assert await passwords.verify(cheap, "correct horse") == Verdict(is_right=True, is_outdated=True)


async def test_too_many_checks_at_once_are_refused(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who would wait more than a second is told so at once; checks run on two threads, never on the loop."""
    go = threading.Event()
    names = set()

    def check(known: str, given: str) -> bool:
        names.add(threading.current_thread().name)
        return go.wait(10)

    monkeypatch.setattr(module, "_verify", check)
    waiting = [asyncio.create_task(passwords.verify(None, "")) for _ in range(module._MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(TooMany):
        await passwords.verify(None, "")
    go.set()
    await asyncio.gather(*waiting)
    assert names <= {"passwords_0", "passwords_1"}
    await passwords.verify(None, "")
