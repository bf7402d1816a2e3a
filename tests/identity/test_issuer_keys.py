from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey
from structlog.testing import capture_logs

from authsvc.domain.clock import SECOND
from authsvc.errors import Unavailable
from authsvc.identity.issuer_keys import FRESH, PAUSE, STALE, IssuerKeys
from authsvc.identity.source import NoAnswer

AT = 1_800_000_000 * SECOND
ED25519, EC = OKPKey.generate_key("Ed25519"), ECKey.generate_key("P-256")
SMALL = base64.urlsafe_b64encode(b"\xff" * 128).decode().rstrip("=")  # 1024 bits
JWK: dict[str, Any] = dict(ED25519.as_dict(private=False))


class Source:
    """An address with keys, and a clock; `down` has it give no answer, and a closed gate has it take its time."""

    def __init__(self, *ids: str) -> None:
        self.answer: dict[str, Any] = {"keys": [{**JWK, "kid": kid} for kid in ids]}
        self.down = False
        self.fetched = 0
        self.at = AT
        self.gate = asyncio.Event()
        self.gate.set()
        self.keys = IssuerKeys(self.fetch, "https://other.example", lambda: self.at)

    async def fetch(self) -> dict[str, Any]:
        """The keys."""
        self.fetched += 1
        await self.gate.wait()
        if self.down:
            raise NoAnswer("down")
        return self.answer

    async def knows(self, kid: str = "a") -> bool:
        """Whether there is a key with this id."""
        return await self.keys.key(kid) is not None


async def test_keys_are_fetched_when_they_are_needed() -> None:
    """Nothing is fetched before a key is asked for; then once, for all keys and whoever asks."""
    source = Source("a", "b")
    assert source.fetched == 0
    assert await asyncio.gather(*(source.knows(kid) for kid in "abab")) == [True] * 4
    assert source.fetched == 1


async def test_an_unknown_key_is_looked_for_once_a_minute() -> None:
    """However many tokens name keys that there are not, the keys are fetched once a minute; a new one is found so."""
    source = Source("a")
    assert await source.knows()
    for number in range(100):
        assert not await source.knows(f"unknown {number}")
    assert source.fetched == 1
    source.answer["keys"].append({**JWK, "kid": "new"})
    source.at += PAUSE - 1
    assert not await source.knows("new")
    source.at += 1
    assert await source.knows("new")
    assert source.fetched == 2
    assert not await source.knows("unknown")
    assert source.fetched == 2


async def test_known_keys_go_on_while_the_source_is_down() -> None:
    """Keys are used for a day while they cannot be fetched anew, which is tried once a minute; and no longer."""
    source = Source("a")
    assert await source.knows()
    source.down = True
    with capture_logs() as logs:
        for at in (FRESH, FRESH + 1, FRESH + PAUSE, STALE - 1):
            source.at = AT + at
            assert await source.knows()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert source.fetched == 4
        source.at = AT + STALE + PAUSE
        with pytest.raises(Unavailable):
            await source.knows()
    assert [entry["event"] for entry in logs] == ["keys of an issuer not fetched"] * 4
    source.down = False
    source.at += PAUSE
    assert await source.knows()


async def test_nobody_waits_for_known_keys() -> None:
    """Keys that are to be fetched anew are fetched behind the call's back: it has its key at once."""
    source = Source("a")
    assert await source.knows()
    source.gate.clear()
    source.at += FRESH
    async with asyncio.timeout(1):
        assert await source.knows()
    source.answer = {"keys": []}
    source.gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not await source.knows()
    assert source.fetched == 2


async def test_no_keys_at_all() -> None:
    """While no keys have ever been had, nobody can tell: every question is Unavailable, and few are passed on."""
    source = Source("a")
    source.down = True
    for _ in range(10):
        with pytest.raises(Unavailable):
            await source.knows()
    assert source.fetched == 1
    source.down = False
    source.at += PAUSE
    assert await source.knows()


async def test_one_caller_that_gives_up_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that is cancelled while keys are fetched takes them from nobody else."""
    source = Source("a")
    source.gate.clear()
    first, second = asyncio.create_task(source.knows()), asyncio.create_task(source.knows())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await second
    assert first.cancelled()


async def test_close_gives_up_what_is_being_fetched() -> None:
    """At the end nothing is left running."""
    source = Source("a")
    source.gate.clear()
    asking = asyncio.create_task(source.knows())
    await asyncio.sleep(0)
    await source.keys.close()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert asyncio.all_tasks() == {asyncio.current_task()}


REFUSED: dict[str, dict[str, Any]] = {
    "no id": {"kid": None},
    "an empty id": {"kid": ""},
    "an id that is a number": {"kid": 1},
    "for encryption": {"use": "enc"},
    "not to verify": {"key_ops": ["sign"]},
    "uses that are no list": {"key_ops": "verify"},
    "no kind": {"kty": None},
    "an unknown kind": {"kty": "AKP"},
    "no curve": {"crv": None},
    "an unknown curve": {"crv": "X"},
    "no point": {"x": None},
    "half a point": {"x": "AAAA"},
    "an algorithm that is a list": {"alg": ["EdDSA"]},
    "a private key": dict(ED25519.as_dict(private=True)),
    "a shared key": dict(OctKey.generate_key(256).as_dict()),
    "a small RSA key": {"kty": "RSA", "n": SMALL, "e": "AQAB"},
    "a vast RSA key": {"kty": "RSA", "n": SMALL * 9, "e": "AQAB"},
}


@pytest.mark.parametrize("changed", REFUSED.values(), ids=REFUSED.keys())
async def test_keys_that_are_not_used(changed: dict[str, Any]) -> None:
    """Of a key set only public keys that verify are used; a bad one does no harm to the others."""
    source = Source("good")
    source.answer["keys"].insert(0, {**JWK, "kid": "a", **changed})
    assert not await source.knows()
    assert await source.knows("good")


USED: dict[str, dict[str, Any]] = {
    "as little as there can be": {},
    "to verify": {"use": "sig", "key_ops": ["verify"], "alg": "EdDSA"},
    "certificates, which are not looked at": {"x5c": ["?"], "x5t": 1, "x5t#S256": "?", "x5u": "http://127.0.0.1:9/"},
    "what nobody knows": {"ext": True, "x": JWK["x"], "iat": 1},
    "of another kind": dict(EC.as_dict(private=False)),
}


@pytest.mark.parametrize("changed", USED.values(), ids=USED.keys())
async def test_keys_that_are_used(changed: dict[str, Any]) -> None:
    """A key needs an id and itself, and says for which algorithm it is if it likes."""
    source = Source()
    source.answer = {"keys": [{**JWK, "kid": "a", **changed}]}
    found = await source.keys.key("a")
    assert found
    assert found.algorithm == changed.get("alg")


async def test_two_keys_with_one_id_are_none() -> None:
    """Of two keys with the same id nobody can tell which is meant, so neither is used."""
    source = Source("a", "a", "b")
    assert not await source.knows("a")
    assert await source.knows("b")


@pytest.mark.parametrize("answer", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
async def test_what_is_no_key_set(answer: dict[str, Any]) -> None:
    """An answer that is no key set is none, so the keys that are known go on."""
    source = Source("a")
    assert await source.knows()
    source.answer = answer
    source.at += PAUSE
    assert not await source.knows("b")
    assert await source.knows("a")
