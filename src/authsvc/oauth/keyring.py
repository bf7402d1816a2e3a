"""The keys that sign tokens, and their publication (RFC 7515, RFC 7517): made, kept sealed, and rotated.

A new key is published for an hour before it signs, and an old one for a month after it has signed last. So whoever
fetches the published keys once in a while can always verify what is signed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from joserfc import jwt
from joserfc.jwk import Key, OKPKey, RSAKey

from authsvc.domain.clients import SIGNING_ALGORITHMS
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.domain.sealed import SIGNING_KEY
from authsvc.domain.signing_keys import KeyPair, SigningKey, signer
from authsvc.errors import Unavailable
from authsvc.identity import jws
from authsvc.oauth.certificates import self_signed, thumbprint
from authsvc.oauth.sealing import Sealing

CACHE_LIFE = 300
"""Seconds for which clients may keep the published keys without asking again."""
FRESH = 60 * SECOND
"""How long the keyring goes on with what it has read, in microseconds."""
OVERLAP = 3600 * SECOND
"""How long a new key is published before it signs, in microseconds: longer than anybody goes without seeing it."""
KEPT = 30 * 24 * 3600 * SECOND
"""How long an old key is published after it has signed last, in microseconds: no token that it signed lives longer."""
_RSA_BITS = 2048
_HEADER = {"alg", "kid", "typ"}  # what is in the header of every token of ours, and nothing else


class Store(Protocol):
    """Where signing keys are kept."""

    async def keys(self) -> list[SigningKey]:
        """All keys, the oldest first."""

    async def add_first(self, pair: KeyPair) -> None:
        """Add a key that signs from now on, unless there is a published one for its algorithm."""

    async def rotate(self, pairs: Sequence[KeyPair], signs_from: int, published_until: int) -> None:
        """Add keys that sign from a time on; those of their algorithms so far are published until."""


class _Held(NamedTuple):
    """A signing key ready for use: the published JWK, and the key itself."""

    kid: str
    stored: SigningKey
    jwk: dict[str, Any]
    key: Key


class Keyring:
    """Signs and verifies with the keys in `store`, whose private parts `sealing` opens.

    They are kept in memory and read anew at most once a minute. While the database does not answer, those that are
    known go on. The first use makes a key for each algorithm.
    """

    def __init__(self, store: Store, sealing: Sealing, clock: Clock = now) -> None:
        self._store = store
        self._sealing = sealing
        self._clock = clock
        self._held: list[_Held] = []
        self._read_at: int | None = None
        self._reading = asyncio.Lock()

    async def sign(self, claims: Mapping[str, Any], *, typ: str, algorithm: str) -> str:
        """A compact JWS of the claims, by one of `SIGNING_ALGORITHMS`; `typ` is its media type."""
        held = {held.stored: held for held in await self._published()}
        key = signer(held, algorithm, self._clock())
        if key is None:
            raise ValueError(f"there is no key that signs by {algorithm}")
        header = {"alg": algorithm, "kid": held[key].kid, "typ": typ}
        return jwt.encode(header, dict(claims), held[key].key, registry=jws.Algorithm(algorithm), default_type=None)

    async def verify(self, token: str, *, typ: str | None) -> dict[str, Any] | None:
        """The claims of a token that we signed, of this `typ` if one is given; None for all others.

        Only the signature is checked: whether the token is still good is the caller's business.
        """
        read = jws.read(token)
        if read is None or read.header.keys() != _HEADER or (typ is not None and read.typ != typ.lower()):
            return None
        held = next((held for held in await self._published() if held.kid == read.kid), None)
        if held is None or held.stored.algorithm != read.algorithm:
            return None
        return read.claims if jws.is_signed(token, held.key, read.algorithm) else None

    async def public(self) -> list[dict[str, Any]]:
        """The published keys as JWKs (RFC 7517, section 4), the newest first."""
        return [dict(held.jwk) for held in reversed(await self._published())]

    async def with_certificates(self) -> list[dict[str, Any]]:
        """The published RSA keys as JWKs with `x5c` and `x5t#S256`, the newest first."""
        return [
            {**held.jwk, "x5c": [held.stored.certificate], "x5t#S256": thumbprint(held.stored.certificate)}
            for held in reversed(await self._published())
            if held.stored.certificate is not None
        ]

    async def warm(self) -> None:
        """Take in the keys there are, so that the first request need not wait for it; none are made."""
        with suppress(Unavailable):
            async with self._reading:
                await self._hold(await self._stored(self._clock()))

    async def rotate(self, *, at_once: bool = False) -> None:
        """Make new keys in place of all there are.

        They sign in an hour, and the old ones stay published for a month after that. With `at_once` they sign now, and
        the old ones are withdrawn: for keys that somebody else may know.
        """
        if not at_once:
            await self._published()  # for until then there must be keys
        at = self._clock()
        signs_from = at if at_once else at + OVERLAP
        # Other processes may sign with an old key for as long as they go on with what they have read.
        published_until = at if at_once else signs_from + FRESH + KEPT
        await self._store.rotate(await self._new_pairs(SIGNING_ALGORITHMS), signs_from, published_until)
        self._read_at = None

    async def _published(self) -> list[_Held]:
        at = self._clock()
        if not self._is_fresh(at):
            async with self._reading:
                if not self._is_fresh(at):
                    await self._read(at)
        return [held for held in self._held if held.stored.is_published(at)]

    def _is_fresh(self, at: int) -> bool:
        return self._read_at is not None and self._read_at <= at < self._read_at + FRESH

    async def _read(self, at: int) -> None:
        try:
            found = await self._stored(at)
            missing = [name for name in SIGNING_ALGORITHMS if not any(key.algorithm == name for key in found)]
            if missing:
                for pair in await self._new_pairs(missing):
                    await self._store.add_first(pair)
                found = await self._stored(at)
        except Unavailable:
            if not self._held:
                raise
            return
        await self._hold(found)
        self._read_at = at

    async def _stored(self, at: int) -> list[SigningKey]:
        return [key for key in await self._store.keys() if key.is_published(at)]

    async def _hold(self, found: Sequence[SigningKey]) -> None:
        """Hold these keys and no others. New ones are taken in on a thread: for RSA that is a tenth of a second."""
        known = {held.kid: held for held in self._held}
        jwks = [json.loads(stored.public_key) for stored in found]
        self._held = [
            known[jwk["kid"]]._replace(stored=stored)
            if jwk["kid"] in known
            else _Held(jwk["kid"], stored, jwk, await asyncio.to_thread(self._opened, stored))
            for jwk, stored in zip(jwks, found, strict=True)
        ]

    def _opened(self, stored: SigningKey) -> Key:
        private = self._sealing.open(SIGNING_KEY, stored.private_key)
        if private is None:
            raise RuntimeError(f"signing key {stored.id} is sealed with another key")
        return (RSAKey if stored.algorithm == "RS256" else OKPKey).import_key(json.loads(private))

    async def _new_pairs(self, algorithms: Sequence[str]) -> list[KeyPair]:
        """New keys for these algorithms; on a thread, as it takes a while."""
        makers: list[Awaitable[KeyPair]] = [
            asyncio.to_thread(_MAKERS[name], self._sealing, self._clock()) for name in algorithms
        ]
        return list(await asyncio.gather(*makers))


def _rsa_pair(sealing: Sealing, at: int) -> KeyPair:
    key = RSAKey.generate_key(_RSA_BITS)
    return _pair("RS256", key, sealing, self_signed(key.get_op_key("sign"), key.thumbprint(), at))


def _ed25519_pair(sealing: Sealing, _: int) -> KeyPair:
    return _pair("EdDSA", OKPKey.generate_key("Ed25519"), sealing, None)


_MAKERS: Mapping[str, Callable[[Sealing, int], KeyPair]] = {"RS256": _rsa_pair, "EdDSA": _ed25519_pair}


def _pair(algorithm: str, key: Key, sealing: Sealing, certificate: str | None) -> KeyPair:
    public = {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": algorithm}
    private = sealing.seal(SIGNING_KEY, json.dumps(key.as_dict(private=True)))
    return KeyPair(algorithm, json.dumps(public), private, certificate)
