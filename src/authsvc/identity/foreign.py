"""Tokens of other issuers: access tokens as JWT (RFC 9068), verified by published keys, and introspection (RFC 7662).

Who an operator trusts may say who somebody is, and nothing more: whether that user may call is looked up at each call.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import structlog

from authsvc.domain.clients import SECRET_PREFIX
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.domain.ids import MAX_ID
from authsvc.domain.signing_keys import ASYMMETRIC
from authsvc.domain.tokens import KEY_PREFIX, token_hash
from authsvc.errors import Unavailable
from authsvc.identity import jws
from authsvc.identity.issuer_keys import IssuerKeys
from authsvc.identity.source import NoAnswer, Source

SKEW = 30
"""Seconds by which another issuer's clock may be ahead of ours. Nothing is added to the life of a token."""
VERIFIED = 300
"""Seconds for which a verified signature is remembered."""
INTROSPECTED = 30
"""Seconds for which an answer about a token is remembered, also that it is not active."""
REMEMBERED = 10_000
"""Tokens that are remembered at most."""
AT_ONCE = 32
"""Introspections at once; for more there is no answer."""
_TYP = "at+jwt"  # ID tokens and whatever else an issuer signs have another one, or none
_OTHER_TOKENS = frozenset({"cnf", "at_hash", "c_hash", "s_hash", "events"})
_JWT_DOTS = 2
_OURS = (KEY_PREFIX, SECRET_PREFIX, "whsec_")  # of API keys, and the secrets of clients and webhooks
_LAST_SECOND = MAX_ID // SECOND
_LONGEST_SUBJECT = 200  # characters, of an id that another system has given


class TrustedIssuer(NamedTuple):
    """An issuer whose access tokens are accepted if they are for `audience`, and how they are verified.

    Those of the type `at+jwt` by a signature with one of `algorithms` and a key from `jwks_uri`; others by a question
    to `introspection_uri`, for which `client_id` and `client_secret` prove who asks. If there is no `jwks_uri`, all are
    asked for. The claim `user_claim` is the `external_id` of a user.
    """

    issuer: str
    audience: str
    jwks_uri: str | None
    introspection_uri: str | None
    client_id: str | None
    client_secret: str | None
    algorithms: tuple[str, ...]
    user_claim: str


Subject = tuple[TrustedIssuer, str]


class _Finding(NamedTuple):
    """What has been found out about a token, and until when it is remembered, in microseconds."""

    subject: Subject | None
    until: int


_NOTHING = _Finding(None, 0)


def _remote() -> Source:
    from authsvc.identity.remote import Remote  # noqa: PLC0415 - slow, and only where another issuer is trusted

    return Remote()


class ForeignTokens:
    """Tells whom a token of a trusted issuer is about."""

    def __init__(self, issuers: Sequence[TrustedIssuer], source: Source | None = None, clock: Clock = now) -> None:
        self._source = source or (_remote() if issuers else None)
        self._clock = clock
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._keys = {
            issuer.issuer: IssuerKeys(partial(self._source.get, issuer.jwks_uri), issuer.issuer, clock)
            for issuer in issuers
            if self._source and issuer.jwks_uri
        }
        self._known: OrderedDict[bytes, _Finding] = OrderedDict()
        self._asking = 0
        self._log = structlog.get_logger("authsvc.identity")

    async def subject(self, token: str) -> Subject | None:
        """The issuer of a token that is good, and whom it is about: a user's `external_id`. None for all others.

        Raises:
            Unavailable: the issuer does not answer, so nobody knows.
        """
        if token.startswith(_OURS):
            return None  # a secret of ours in the wrong place is for nobody else to see
        key, at = token_hash(token), self._clock()
        known = self._known.get(key)
        if known is None or known.until <= at:
            known = await self._find(token, at)
            self._remember(key, known, at)
        return known.subject

    async def close(self) -> None:
        """Let go of all connections."""
        for keys in self._keys.values():
            await keys.close()
        if self._source:
            await self._source.close()

    def _remember(self, key: bytes, finding: _Finding, at: int) -> None:
        self._known.pop(key, None)
        if finding.until > at:
            self._known[key] = finding
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    async def _find(self, token: str, at: int) -> _Finding:
        if token.count(".") != _JWT_DOTS:
            return await self._asked_about(token, list(self._issuers.values()), at)
        read = jws.read(token)
        name = read.claims.get("iss") if read else None
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if read is None or issuer is None or not _is_access_token(read.claims):
            return _NOTHING
        if read.typ == _TYP and issuer.jwks_uri:
            return await self._verified(issuer, token, read, at)
        return await self._asked_about(token, [issuer], at)

    async def _verified(self, issuer: TrustedIssuer, token: str, read: jws.Unverified, at: int) -> _Finding:
        claims = read.claims
        # What the token says of itself first: nothing is fetched for one that would be refused anyway.
        if read.algorithm not in set(ASYMMETRIC).intersection(issuer.algorithms) or "exp" not in claims:
            return _NOTHING
        subject = _subject(issuer, claims, at)
        found = await self._keys[issuer.issuer].key(read.kid) if subject else None
        if found is None or found.algorithm not in {None, read.algorithm}:
            return _NOTHING
        return _finding(subject, claims, at, VERIFIED) if jws.is_signed(token, found.key, read.algorithm) else _NOTHING

    async def _asked_about(self, token: str, issuers: Sequence[TrustedIssuer], at: int) -> _Finding:
        """What the first issuer says that knows the token; an error is one only if none of the others does."""
        finding, failed = _NOTHING, False
        for issuer in issuers:
            if self._source is None or not issuer.introspection_uri:
                continue
            try:
                answer = await self._ask(self._source, issuer, token)
            except NoAnswer as error:
                self._log.warning("issuer does not answer", issuer=issuer.issuer, reason=str(error))
                failed = True
                continue
            subject = _subject(issuer, answer, at) if _is_active(issuer, answer) else None
            finding = _finding(subject, answer if subject else {}, at, INTROSPECTED)
            if subject:
                return finding
        if failed:
            raise Unavailable("Errors.Issuer.Unavailable", "AUTHSVC-IS001")
        return finding

    async def _ask(self, source: Source, issuer: TrustedIssuer, token: str) -> dict[str, Any]:
        if self._asking >= AT_ONCE:
            raise NoAnswer("too many questions at once")
        self._asking += 1
        try:
            form = {"token": token, "token_type_hint": "access_token"}
            return await source.post(
                issuer.introspection_uri or "", form, issuer.client_id or "", issuer.client_secret or ""
            )
        finally:
            self._asking -= 1


def _finding(subject: Subject | None, claims: Mapping[str, Any], at: int, seconds: int) -> _Finding:
    """What is remembered for so many seconds, but not beyond the token's end."""
    return _Finding(subject, int(min(at + seconds * SECOND, claims.get("exp", math.inf) * SECOND)))


def _is_access_token(claims: Mapping[str, Any]) -> bool:
    """Whether nothing in a token says that it is another one, or one that needs more than to be shown.

    `cnf` binds a token to a key of the client (RFC 7800), the hashes are those of an ID token (OpenID Connect Core),
    `events` of a logout token; some issuers name the sort of a token in a claim.
    """
    sort = claims.get("typ", "Bearer")
    return not _OTHER_TOKENS & claims.keys() and isinstance(sort, str) and sort.lower() == "bearer"


def _is_active(issuer: TrustedIssuer, answer: Mapping[str, Any]) -> bool:
    """Whether an answer is about an access token of this issuer that is good (RFC 7662, section 2.2)."""
    sort = answer.get("token_type", "Bearer")
    is_bearer = isinstance(sort, str) and sort.lower() in {"bearer", "access_token"}
    is_ours = answer.get("iss", issuer.issuer) == issuer.issuer
    return answer.get("active") is True and is_bearer and is_ours and _is_access_token(answer)


def _subject(issuer: TrustedIssuer, claims: Mapping[str, Any], at: int) -> Subject | None:
    """Whom the claims are about, if they are for us, in force at this time, and of the right types."""
    name, audience = claims.get(issuer.user_claim), claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not (isinstance(audiences, list) and all(isinstance(each, str) for each in audiences)):
        return None
    if issuer.audience not in audiences or not _is_in_force(claims, at):
        return None
    return (issuer, name) if isinstance(name, str) and 0 < len(name) <= _LONGEST_SUBJECT else None


def _is_in_force(claims: Mapping[str, Any], at: int) -> bool:
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if not all(map(_is_time, times.values())):
        return False
    begins = max(times.get("nbf", 0), times.get("iat", 0))
    return bool(at < times.get("exp", math.inf) * SECOND and begins * SECOND <= at + SKEW * SECOND)


def _is_time(value: object) -> bool:
    """Whether this is a NumericDate (RFC 7519, section 2)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LAST_SECOND
