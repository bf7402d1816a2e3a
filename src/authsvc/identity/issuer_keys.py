"""The published keys of another issuer (RFC 7517), fetched when they are needed and kept for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from authsvc.domain.clock import SECOND, Clock, now
from authsvc.errors import Unavailable
from authsvc.identity.source import NoAnswer

FRESH = 600 * SECOND
"""How long keys are used before they are fetched anew, in microseconds."""
STALE = 24 * 3600 * SECOND
"""How long they are used at most while they cannot be fetched."""
PAUSE = 60 * SECOND
"""How long it is at least from one attempt to fetch them to the next."""
_MOST = 100  # keys of one issuer
_MODULUS = range(342, 1367)  # characters of base64: 2048 to 8192 bits
_KINDS: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_PRIVATE = "d"


class PublicKey(NamedTuple):
    """A key that verifies, and the one algorithm that it is for, if it says so."""

    key: Key
    algorithm: str | None


class IssuerKeys:
    """The keys at one address; `fetch` gets the JSON object there, or raises `NoAnswer`."""

    def __init__(self, fetch: Callable[[], Awaitable[dict[str, Any]]], name: str, clock: Clock = now) -> None:
        self._fetch = fetch
        self._name = name
        self._clock = clock
        self._keys: dict[str, PublicKey] = {}
        self._fetched_at: int | None = None
        self._tried_at: int | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("authsvc.identity")

    async def key(self, kid: str) -> PublicKey | None:
        """The key with this id; None if the issuer publishes none.

        One that is not known is looked for at most once a minute, however often it is asked for.

        Raises:
            Unavailable: no keys can be had, and none are known that are not too old.
        """
        age = self._age()
        if kid in self._keys and age is not None and age < STALE:
            if age >= FRESH:
                self._refresh()  # behind the call's back: what is known goes on meanwhile
            return self._keys[kid]
        fetching = self._refresh()
        if fetching:
            await asyncio.shield(fetching)
        age = self._age()
        if age is None or age >= STALE:
            raise Unavailable("Errors.Issuer.Unavailable", "AUTHSVC-IS001")
        return self._keys.get(kid)

    async def close(self) -> None:
        """Give up what is being fetched."""
        if self._fetching:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _age(self) -> int | None:
        return None if self._fetched_at is None else self._clock() - self._fetched_at

    def _refresh(self) -> asyncio.Task[None] | None:
        """Fetch the keys, unless that was tried just now; the task that does, also if somebody else began it."""
        at = self._clock()
        if self._fetching is None and (self._tried_at is None or at - self._tried_at >= PAUSE):
            self._tried_at = at
            self._fetching = asyncio.create_task(self._read(at))
            self._fetching.add_done_callback(self._done)
        return self._fetching

    def _done(self, _: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _read(self, at: int) -> None:
        try:
            keys = _keys(await self._fetch())
        except NoAnswer as error:
            self._log.warning("keys of an issuer not fetched", issuer=self._name, reason=str(error))
            return
        self._keys, self._fetched_at = keys, at


def _keys(found: dict[str, Any]) -> dict[str, PublicKey]:
    """The usable keys of a JWK Set, by id. Of two with one id neither can be told to be meant."""
    listed = found.get("keys")
    if not isinstance(listed, list):
        raise NoAnswer("the answer is no key set")
    jwks = [jwk for jwk in listed[:_MOST] if isinstance(jwk, dict)]
    ids = [jwk.get("kid") for jwk in jwks]
    keys = {
        kid: _key(jwk)
        for jwk, kid in zip(jwks, ids, strict=True)
        if isinstance(kid, str) and kid and ids.count(kid) == 1
    }
    return {kid: key for kid, key in keys.items() if key}


def _key(jwk: dict[str, Any]) -> PublicKey | None:
    """A key that may verify signatures, None for all else: one that signs is public no more."""
    kind, uses = _KINDS.get(str(jwk.get("kty"))), jwk.get("key_ops", ["verify"])
    if kind is None or _PRIVATE in jwk or jwk.get("use", "sig") != "sig":
        return None
    if not isinstance(uses, list) or "verify" not in uses:
        return None
    algorithm = jwk.get("alg")
    if not (algorithm is None or isinstance(algorithm, str)):
        return None
    # Certificates beside the key are not looked at, so they need not be good either.
    plain: dict[str, str | list[str]] = {
        name: value for name, value in jwk.items() if isinstance(value, str) and not name.startswith("x5")
    }
    if kind is RSAKey and len(plain.get("n", "")) not in _MODULUS:
        return None
    try:
        return PublicKey(kind.import_key(plain), algorithm)
    except (JoseError, ValueError, TypeError, LookupError, UnsupportedAlgorithm):
        return None
