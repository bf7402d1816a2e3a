from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from oauth.machine_stage import CLOSED, GIGI, HOME, KEYLESS, RETIRED, ROBOT, SECRET, Stage, ask, staged

from authsvc.domain.accounts import Visitor
from authsvc.errors import TooMany
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.guessing import TooManyAttempts
from authsvc.store import schema


@pytest.fixture
async def stage(empty_database: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """Machine users, some of which cannot be used."""
    async with staged(empty_database, tmp_path) as stage:
        yield stage


def _request(name: str, secret: str, visitor: Visitor = HOME) -> TokenRequest:
    return TokenRequest({"client_id": name, "client_secret": secret}, (), visitor)


REFUSED = [
    (str(ROBOT), "wrong"),
    (str(RETIRED), SECRET),
    (str(CLOSED), SECRET),
    (str(KEYLESS), SECRET),
    (str(GIGI), SECRET),
    (f"user-{GIGI}@savanna.example", SECRET),
    ("4711", SECRET),
    (f"user-{ROBOT}@elsewhere.example", SECRET),
    ("no name", SECRET),
    ("99999999999999999999", SECRET),
]


async def test_every_refusal_is_the_same(stage: Stage) -> None:
    """A wrong secret, a machine user that is disabled, has none or does not exist, and a person cost one check each."""
    for checks, (name, secret) in enumerate(REFUSED, start=1):
        with pytest.raises(OAuthError) as refused:
            await stage.authentication.machine(_request(name, secret))
        assert str(refused.value).startswith("invalid_client: the client is not known, or has not shown"), name
        assert stage.passwords.checks == checks


async def test_name_without_a_secret_is_refused(stage: Stage) -> None:
    """A machine user is no public client."""
    with pytest.raises(OAuthError, match=r"^invalid_client"):
        await ask(stage.client_credentials, client_id=str(ROBOT))
    with pytest.raises(OAuthError, match=r"^invalid_client"):
        await ask(stage.client_credentials)


async def test_wrong_secrets_are_counted_by_address(stage: Stage) -> None:
    """After thirty wrong secrets from one address even the right one has to wait there, but not at another."""
    stage.passwords.pretended = False
    for _ in range(30):
        with pytest.raises(OAuthError):
            await stage.authentication.machine(_request(str(ROBOT), "wrong"))
    with pytest.raises(TooManyAttempts) as refused:
        await stage.authentication.machine(_request(str(ROBOT), SECRET))
    assert refused.value.retry_after == 30
    assert stage.passwords.checks == 30
    stage.passwords.pretended = None
    elsewhere = HOME._replace(ip_address="192.0.2.2")
    assert (await stage.authentication.machine(_request(str(ROBOT), SECRET, elsewhere))).user_id == ROBOT
    stage.clock.advance(30)
    assert (await stage.authentication.machine(_request(str(ROBOT), SECRET))).user_id == ROBOT


async def test_right_secrets_are_not_counted(stage: Stage) -> None:
    """A machine user may ask as often as it likes, one time after the other."""
    stage.passwords.pretended = True
    asked = [await stage.authentication.machine(_request(str(ROBOT), SECRET)) for _ in range(60)]
    assert {machine.user_id for machine in asked} == {ROBOT}


@pytest.mark.parametrize("name", [f"user-{ROBOT}@savanna.example", "nobody@savanna.example"])
async def test_spelling_gives_no_more_tries(stage: Stage, name: str) -> None:
    """Whether there is a machine user or not, its domain in upper case or in lower case is the same."""
    stage.passwords.pretended = False
    for spelt in (name, name.upper()) * 15:
        with pytest.raises(OAuthError):
            await stage.authentication.machine(_request(spelt, "wrong"))
    login, _, domain = name.partition("@")
    with pytest.raises(TooManyAttempts):
        await stage.authentication.machine(_request(f"{login}@{domain.upper()}", "wrong"))


async def test_secret_with_old_parameters_is_hashed_anew(stage: Stage) -> None:
    """A hash that was brought over is brought up to date at its first use, unless the server is busy."""
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(SECRET)
    await stage.put(schema.users, id=ROBOT, secret_hash=old)
    with pytest.raises(OAuthError):
        await stage.authentication.machine(_request(str(ROBOT), "wrong"))
    assert await stage.rows(f"SELECT secret_hash FROM users WHERE id = {ROBOT}") == [(old,)]
    for _ in range(2):
        await stage.authentication.machine(_request(str(ROBOT), SECRET))
    ((new,),) = await stage.rows(f"SELECT secret_hash FROM users WHERE id = {ROBOT}")
    assert new.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not await stage.machines.replace_hash(ROBOT, old, old)


async def test_more_checks_than_can_be_made_are_too_many(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """When checks of secrets pile up, who comes later is told to try again, and has not used anything up."""

    async def busy(*_: object) -> None:
        raise TooMany("Too many requests.")

    verify = stage.passwords.verify
    monkeypatch.setattr(stage.passwords, "verify", busy)
    for _ in range(31):
        with pytest.raises(TooManyAttempts):
            await stage.authentication.machine(_request(str(ROBOT), SECRET))
    monkeypatch.setattr(stage.passwords, "verify", verify)
    await stage.authentication.machine(_request(str(ROBOT), SECRET))
