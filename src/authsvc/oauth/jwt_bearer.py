"""JWT bearer grants (RFC 7523, section 2.1): machine users get tokens for an assertion signed with a key of theirs.

An assertion counts once, and everything that is wrong with one gets the same answer: nobody learns which keys and
which machine users there are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from authsvc.domain.authorizations import Terms
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.domain.ids import parse_id
from authsvc.domain.machines import Machine
from authsvc.identity import jws
from authsvc.oauth.discovery import TOKEN
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.issue import Issuing
from authsvc.oauth.machines import MachineTokens, refuse_credentials
from authsvc.oauth.scopes import ProjectReader
from authsvc.store.machines import Machines

SKEW = 30 * SECOND
"""By how much the clock of whoever made an assertion may differ from ours, in microseconds."""
LONGEST = 3600 * SECOND
"""How long an assertion may be good for, and how old it may be, in microseconds."""
_TYPES = (None, "jwt")
_MAX_LENGTH = 8_192  # characters
_END_OF_TIME = 2**40  # seconds; beyond, numbers are no times
_SMALLEST_RSA = 2048  # bits


class _Proven(NamedTuple):
    """A good assertion: whose it is, what it is remembered by, and when it would be refused for its age."""

    machine: Machine
    hash: bytes
    expires_at: int


class JwtBearerGrant:
    """The grant `urn:ietf:params:oauth:grant-type:jwt-bearer`."""

    def __init__(
        self, machines: Machines, issuing: Issuing, projects: ProjectReader, terms: Terms, clock: Clock = now
    ) -> None:
        self._machines = machines
        self._issuing = issuing
        self._tokens = MachineTokens(issuing, projects)
        self._audiences = frozenset({terms.issuer, terms.issuer + TOKEN})
        self._clock = clock

    async def tokens(self, request: TokenRequest) -> TokenAnswer:
        """An access token of the machine user whose assertion this is.

        Raises:
            OAuthError: `invalid_request`, `invalid_scope`, or `invalid_grant`, whatever is wrong with the assertion.
        """
        refuse_credentials(request)
        proven = await self._prove(request.value("assertion"))
        if proven is None:
            raise _refused()
        async with self._issuing.transaction() as tx:
            # Last, so that an assertion which is refused for another reason can be presented again.
            if not await self._machines.use_assertion(tx, proven.hash, proven.expires_at):
                raise _refused()
            return await self._tokens.answer(tx, proven.machine, request)

    async def _prove(self, assertion: str) -> _Proven | None:
        read = jws.read(assertion) if len(assertion) <= _MAX_LENGTH else None
        key_id = parse_id(read.kid) if read is not None and read.typ in _TYPES else None
        if read is None or key_id is None:
            return None
        key, at = await self._machines.key(key_id), self._clock()
        if key is None or not key.machine.is_usable or (key.expires_at is not None and key.expires_at <= at):
            return None
        public = _public_key(key.public_key)
        if public is None or read.algorithm != public[1] or not jws.is_signed(assertion, *public):
            return None
        expires_at = self._expiry(read.claims, str(key.machine.user_id), at)
        return None if expires_at is None else _Proven(key.machine, _hash(assertion), expires_at)

    def _expiry(self, claims: Mapping[str, Any], user_id: str, at: int) -> int | None:
        """When the assertion will be refused for its age, in microseconds; None if its claims are wrong already."""
        if claims.get("iss") != user_id or claims.get("sub") != user_id or not self._is_for_us(claims.get("aud")):
            return None
        times = {name: _time(claims[name]) for name in ("exp", "iat", "nbf") if name in claims}
        expires_at = times.get("exp")
        if expires_at is None or None in times.values():
            return None
        since = [moment for name, moment in times.items() if name != "exp" and moment is not None]
        is_timely = at - SKEW < expires_at <= at + LONGEST + SKEW and all(moment <= at + SKEW for moment in since)
        issued_at = times.get("iat")
        is_old = issued_at is not None and issued_at < at - LONGEST - SKEW
        return expires_at + SKEW if is_timely and not is_old else None

    def _is_for_us(self, audience: object) -> bool:
        """Whether we are an audience, by the issuer's name or by the address of the token endpoint."""
        audiences = audience if isinstance(audience, list) else [audience]
        is_list_of_names = all(isinstance(name, str) for name in audiences)
        return is_list_of_names and not self._audiences.isdisjoint(audiences)


def _public_key(text: str) -> tuple[Key, str] | None:
    """The key in a PEM text or a JWK, and the only algorithm for which it serves; None if we know no use for it."""
    try:
        key = import_key(json.loads(text)) if text.lstrip().startswith("{") else _from_pem(text)
    except (JoseError, TypeError, ValueError):
        return None
    public = key.public_key if isinstance(key, RSAKey | ECKey | OKPKey) else None
    if isinstance(public, RSAPublicKey) and public.key_size >= _SMALLEST_RSA:
        return key, "RS256"
    if isinstance(public, EllipticCurvePublicKey) and public.curve.name == "secp256r1":
        return key, "ES256"
    return (key, "EdDSA") if isinstance(public, Ed25519PublicKey) else None


def _from_pem(text: str) -> Key:
    public = load_pem_public_key(text.encode())
    if isinstance(public, RSAPublicKey):
        return RSAKey.import_key(text)
    return ECKey.import_key(text) if isinstance(public, EllipticCurvePublicKey) else OKPKey.import_key(text)


def _time(value: object) -> int | None:
    """A NumericDate (RFC 7519, section 2) in microseconds; None if it is no time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _END_OF_TIME:
        return None
    return int(value * SECOND)


def _hash(assertion: str) -> bytes:
    """What an assertion is known by: all that is signed, but not the signature, of which there can be several."""
    return hashlib.sha256(assertion.rpartition(".")[0].encode()).digest()


def _refused() -> OAuthError:
    return OAuthError("invalid_grant", "the assertion cannot be used")
