from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from forgeries import Forge
from joserfc import jwk, jwt
from joserfc.jwk import Key, OKPKey, RSAKey

from authsvc.domain.clients import SIGNING_ALGORITHMS
from authsvc.domain.clock import SECOND
from authsvc.domain.sealed import SIGNING_KEY
from authsvc.domain.signing_keys import KeyPair, SigningKey
from authsvc.errors import Unavailable
from authsvc.identity.jws import Algorithm
from authsvc.oauth.keyring import CACHE_LIFE, FRESH, KEPT, OVERLAP, Keyring
from authsvc.oauth.sealing import Sealing

AT = 1_800_000_000 * SECOND
MINUTE = 60 * SECOND
SEALING = Sealing(bytes(range(32)))
CLAIMS = {"iss": "https://auth.example", "sub": "1", "aud": "api", "exp": AT // SECOND + 60}


class Store:
    """Keys in memory, as the store keeps them; `down` has it not answer. Time is what the test says."""

    def __init__(self) -> None:
        self.stored: list[SigningKey] = []
        self.down = False
        self.reads = 0
        self.at = AT

    async def keys(self) -> list[SigningKey]:
        """All keys."""
        self.reads += 1
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("Errors.Store.Unavailable", "AUTHSVC-DB001")
        return list(self.stored)

    async def add_first(self, pair: KeyPair) -> None:
        """Add a key unless there is one."""
        if not any(key.algorithm == pair.algorithm and key.is_published(self.at) for key in self.stored):
            self._add(pair, self.at)

    async def rotate(self, pairs: Sequence[KeyPair], signs_from: int, published_until: int) -> None:
        """Add keys in place of those there are."""
        replaced = {pair.algorithm for pair in pairs}
        self.stored = [
            key._replace(published_until=published_until)
            if key.algorithm in replaced and key.is_published(published_until)
            else key
            for key in self.stored
        ]
        for pair in pairs:
            self._add(pair, signs_from)

    def _add(self, pair: KeyPair, signs_from: int) -> None:
        self.stored.append(SigningKey(len(self.stored) + 1, *pair, signs_from, None, self.at))

    def keyring(self) -> Keyring:
        """A keyring, as each process has one."""
        return Keyring(self, SEALING, lambda: self.at)


@pytest.fixture(autouse=True)
def rsa(monkeypatch: pytest.MonkeyPatch) -> None:
    """RSA keys that are made beforehand: to make one takes a tenth of a second."""
    keys = iter(RSA * 10)
    monkeypatch.setattr(RSAKey, "generate_key", lambda *_: next(keys))


RSA = [RSAKey.generate_key(2048) for _ in range(4)]


async def _sign(keyring: Keyring, algorithm: str = "RS256", typ: str = "at+jwt") -> str:
    return await keyring.sign(CLAIMS, typ=typ, algorithm=algorithm)


def _header(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
    return found


def _verifies(token: str, published: Iterable[dict[str, Any]]) -> bool:
    """Whether somebody who has fetched these keys can verify a token, with nothing of ours."""
    header = _header(token)
    found = [key for key in published if key["kid"] == header["kid"] and key["alg"] == header["alg"]]
    return len(found) == 1 and (
        jwt.decode(token, _key(json.dumps(found[0])), registry=Algorithm(header["alg"])).claims == CLAIMS
    )


@cache
def _key(text: str) -> Key:
    return jwk.import_key(json.loads(text))


@pytest.mark.parametrize("algorithm", SIGNING_ALGORITHMS)
async def test_tokens_are_signed(algorithm: str) -> None:
    """A token names its algorithm, key and type, and anybody who has the published keys can verify it."""
    keyring = Store().keyring()
    token = await _sign(keyring, algorithm, "at+jwt")
    assert _header(token) == {"alg": algorithm, "kid": _header(token)["kid"], "typ": "at+jwt"}
    assert _verifies(token, await keyring.public())
    assert await keyring.verify(token, typ="at+jwt") == CLAIMS


async def test_an_unknown_algorithm() -> None:
    """There is nothing to sign with by an algorithm that is not ours."""
    with pytest.raises(ValueError, match="no key that signs by HS256"):
        await _sign(Store().keyring(), "HS256")


async def test_the_first_use_makes_a_key_of_each_sort() -> None:
    """Whatever is asked for first, there is a key for each algorithm then; many who ask at once make no more."""
    store = Store()
    keyrings = [store.keyring() for _ in range(3)]
    await asyncio.gather(*(_sign(keyring, name) for keyring in keyrings for name in SIGNING_ALGORITHMS))
    assert [key.algorithm for key in store.stored] == list(SIGNING_ALGORITHMS)
    public = [await keyring.public() for keyring in keyrings]
    assert public[0] == public[1] == public[2]


async def test_published_keys_tell_nothing_secret() -> None:
    """A published key has just its public part, its use, and the thumbprint of RFC 7638 for an id."""
    found = {key["kty"]: key for key in await Store().keyring().public()}
    assert set(found["RSA"]) == {"kty", "n", "e", "kid", "use", "alg"}
    assert set(found["OKP"]) == {"kty", "crv", "x", "kid", "use", "alg"}
    for key, names in ((found["RSA"], "e kty n"), (found["OKP"], "crv kty x")):
        text = json.dumps({name: key[name] for name in names.split()}, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).digest()
        assert key["kid"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
        assert key["use"] == "sig"


async def test_private_keys_are_kept_sealed() -> None:
    """The store holds no part of a private key that can be read without the key file."""
    store = Store()
    await store.keyring().public()
    for key in store.stored:
        private = json.loads(SEALING.open(SIGNING_KEY, key.private_key) or "")
        shown = "".join(map(str, key))
        assert not any(private[name] in shown for name in ("d", "p", "q", "dp", "dq", "qi") if name in private)


async def test_certificates_are_of_the_keys() -> None:
    """Each RSA key is published with a certificate of itself, which is in force, and with its thumbprint."""
    keyring = Store().keyring()
    (found,) = await keyring.with_certificates()
    der = base64.b64decode(found["x5c"][0])
    certificate = x509.load_der_x509_certificate(der)
    public = certificate.public_key()
    assert isinstance(public, RSAPublicKey)
    assert public.public_numbers().n == int.from_bytes(base64.urlsafe_b64decode(found["n"] + "=="))
    certificate.verify_directly_issued_by(certificate)
    assert certificate.not_valid_before_utc.timestamp() < AT / SECOND < certificate.not_valid_after_utc.timestamp()
    assert found["x5t#S256"] == base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    assert {name: found[name] for name in found if not name.startswith("x5")} in await keyring.public()


async def test_types_are_told_apart() -> None:
    """A token is one only of the type that it was signed as; without a type any of ours is."""
    keyring = Store().keyring()
    token = await _sign(keyring, typ="JWT")
    assert await keyring.verify(token, typ="JWT") == await keyring.verify(token, typ=None) == CLAIMS
    assert await keyring.verify(token, typ="at+jwt") is None
    assert await keyring.verify(await _sign(keyring, typ="at+jwt"), typ="JWT") is None


async def test_expired_tokens_are_still_ours() -> None:
    """Whether a token is in force is not the keyring's business: an old ID token may say who wants to leave."""
    store = Store()
    token = await _sign(store.keyring())
    store.at += KEPT
    assert await store.keyring().verify(token, typ="at+jwt") == CLAIMS


async def test_forged_tokens_are_not_ours() -> None:
    """No forged token is taken for one of ours, but where only its claims, which are not looked at here, are wrong."""
    store = Store()
    keyring = store.keyring()
    await keyring.public()
    keys = {key.algorithm: json.loads(SEALING.open(SIGNING_KEY, key.private_key) or "") for key in store.stored}
    rsa, ed25519 = RSAKey.import_key(keys["RS256"]), OKPKey.import_key(keys["EdDSA"])
    forge = Forge(rsa, ed25519, "https://auth.example", "api", "1", AT // SECOND, "http://127.0.0.1:9/")
    taken = {name for name, token in forge.corpus().items() if await keyring.verify(token, typ="at+jwt")}
    assert {name.split()[0] for name in taken} == {"iss", "aud", "sub", "exp", "nbf", "iat", "an", "a"}
    claims_only = {
        "an ID token of another type",
        "a logout token of another type",
        "a token that is bound to a key",
        "a refresh token",
    }
    assert {name for name in taken if name.split()[0] in {"a", "an"}} == claims_only
    assert await keyring.verify(forge.genuine(), typ="at+jwt")
    assert await keyring.verify("", typ=None) is None


async def test_keys_are_read_once_a_minute() -> None:
    """However often keys are used, they are read at most once a minute, and what others have changed is seen then."""
    store = Store()
    keyring = store.keyring()
    await keyring.public()
    reads = store.reads
    for _ in range(100):
        await _sign(keyring)
    await store.keyring().rotate()
    known = await keyring.public()
    assert len(known) == 2
    store.at += FRESH
    assert len(await keyring.public()) == 4
    assert reads <= 2


async def test_a_store_that_does_not_answer() -> None:
    """Keys that are known go on while the store does not answer; without any, it is Unavailable."""
    store = Store()
    keyring = store.keyring()
    token = await _sign(keyring)
    store.down = True
    store.at += 10 * FRESH
    assert await keyring.verify(token, typ=None) == CLAIMS
    assert _verifies(await _sign(keyring), await keyring.public())
    with pytest.raises(Unavailable):
        await _sign(store.keyring())


async def test_keys_that_cannot_be_opened() -> None:
    """Keys that are sealed with another key are not signed with, nor quietly replaced."""
    store = Store()
    await store.keyring().public()
    before = list(store.stored)
    with pytest.raises(RuntimeError, match="sealed with another key"):
        await Keyring(store, Sealing(bytes(32)), lambda: store.at).public()
    assert store.stored == before


async def test_rotation_without_a_failed_call() -> None:
    """Through two rotations every token verifies, until it expires, with the keys that anybody has fetched last.

    Several processes sign, each with keys that it has read up to a minute ago; those who verify have fetched theirs up
    to a cache life before the token was made, or at any time after.
    """
    store = Store()
    processes = [store.keyring() for _ in range(2)]
    fetched: list[list[dict[str, Any]]] = [await processes[0].public()] * 2
    signers = set()
    tokens: list[tuple[int, str]] = []
    for minute in range(0, 4 * 60, 2):
        store.at = AT + minute * MINUTE
        if minute in {20, 130}:
            await store.keyring().rotate()
        # The processes read at different times.
        process = processes[minute // 2 % 2]
        for algorithm in SIGNING_ALGORITHMS:
            tokens.append((store.at, await _sign(process, algorithm)))
            signers.add(_header(tokens[-1][1])["kid"])
        if minute % (CACHE_LIFE // 60 - 1) == 0:
            fetched = [await each.public() for each in processes]
        recent = [token for at, token in tokens if store.at - at < 60 * MINUTE]
        assert all(_verifies(token, keys) for token in recent[-2:] + recent[:2] for keys in fetched)
    assert len(signers) == 6


async def test_when_keys_sign_and_are_withdrawn() -> None:
    """A new key is published at once and signs an hour later; the old one is published a month after that."""
    store = Store()
    keyring = store.keyring()
    first = _header(await _sign(keyring))["kid"]
    await keyring.rotate()
    second = next(key["kid"] for key in await keyring.public() if key["kty"] == "RSA")
    assert second != first
    for later, signer in ((0, first), (OVERLAP - 1, first), (OVERLAP, second), (10 * OVERLAP, second)):
        store.at = AT + later
        assert _header(await _sign(keyring))["kid"] == signer
    for later, published in ((KEPT, True), (OVERLAP + KEPT + FRESH - 1, True), (OVERLAP + KEPT + FRESH, False)):
        store.at = AT + later
        assert (first in {key["kid"] for key in await keyring.public()}) is published


async def test_keys_that_others_may_know() -> None:
    """Rotated at once, new keys sign now, and all others are withdrawn, also those that were to sign later."""
    store = Store()
    keyring = store.keyring()
    token = await _sign(keyring)
    await keyring.rotate()
    waiting = {key["kid"] for key in await keyring.public()}
    await keyring.rotate(at_once=True)
    assert not waiting & {key["kid"] for key in await keyring.public()}
    assert await keyring.verify(token, typ=None) is None
    signed = [_header(await _sign(keyring))["kid"]]
    store.at += 2 * OVERLAP
    signed.append(_header(await _sign(keyring))["kid"])
    assert signed[0] == signed[1]
    assert signed[0] not in waiting


async def test_a_clock_that_is_put_back() -> None:
    """A clock that is put back does not keep the keyring from seeing what is new."""
    store = Store()
    keyring = store.keyring()
    await keyring.public()
    store.at -= 1000 * MINUTE
    await store.keyring().rotate()
    assert len(await keyring.public()) == 4


async def test_keys_are_taken_in_apart_from_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Private keys are taken in on a thread; a keyring that is warm need not do so any more, and makes no keys."""
    store, threads = Store(), set[threading.Thread]()
    await store.keyring().warm()
    assert store.stored == []
    await store.keyring().public()
    warm, cold = store.keyring(), store.keyring()
    opened = SEALING.open

    def watched(purpose: str, sealed: str) -> str | None:
        threads.add(threading.current_thread())
        return opened(purpose, sealed)

    monkeypatch.setattr(SEALING, "open", watched)
    await cold.public()
    assert threads
    assert threading.main_thread() not in threads
    await warm.warm()
    monkeypatch.setattr(SEALING, "open", None)
    assert await warm.public() == await cold.public()
