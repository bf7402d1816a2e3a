from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws as joserfc_jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from oauth.machine_stage import ISSUER, KEYS, NOW, RETIRED, ROBOT, SIGNER, Stage, ask, assertion, staged

from authsvc.domain.clock import SECOND
from authsvc.domain.users import UserState
from authsvc.oauth.errors import OAuthError
from authsvc.store import schema

AT = NOW // SECOND
REFUSED = "invalid_grant: the assertion cannot be used"


@pytest.fixture
async def stage(empty_database: Path, tmp_path: Path) -> AsyncIterator[Stage]:
    """Machine users with keys."""
    async with staged(empty_database, tmp_path) as stage:
        yield stage


async def _refusal(stage: Stage, token: str, **form: Any) -> str:
    with pytest.raises(OAuthError) as refused:
        await ask(stage.jwt_bearer, assertion=token, **form)
    return str(refused.value)


@pytest.mark.parametrize(
    ("kid", "audience"),
    [(900, ISSUER), (901, f"{ISSUER}/oauth/v2/token"), (902, ["https://other.example", ISSUER])],
)
async def test_assertion_signed_with_a_key_of_the_machine_gets_a_token(stage: Stage, kid: int, audience: Any) -> None:
    """RSA, P-256 and Ed25519 keys, in PEM and as JWK, for the issuer or its token endpoint."""
    answer = await ask(stage.jwt_bearer, assertion=assertion(kid, aud=audience), scope="openid profile")
    assert (await stage.caller(answer.access_token)).user_id == ROBOT
    assert (answer.scope, answer.expires_in, answer.refresh_token) == ("openid profile", 3600, None)


TIMELY: list[dict[str, Any]] = [
    {"exp": AT - 29},
    {"exp": AT + 3630},
    {"exp": AT + 0.5},
    {"iat": None},
    {"iat": AT + 30},
    {"iat": AT - 3630},
    {"nbf": AT + 30},
    {"jti": "1"},
]


async def test_clocks_may_differ_by_half_a_minute(stage: Stage) -> None:
    """Times at the edge are still good; `iat` and `nbf` need not be there."""
    for claims in TIMELY:
        answer = await ask(stage.jwt_bearer, assertion=assertion(**claims))
        assert (await stage.caller(answer.access_token)).user_id == ROBOT


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _by_hand(header: dict[str, Any], signature: str = "") -> str:
    _, payload, signed = assertion().split(".")
    return f"{_segment(header)}.{payload}.{signature or signed}"


def _hs256() -> str:
    """The public key, which everybody may know, as the secret of an HMAC."""
    key = KEYS[900]
    assert isinstance(key, RSAKey)
    secret = OctKey.import_key(base64.urlsafe_b64encode(key.as_pem(private=False)).decode())
    said = {"alg": "HS256", "kid": "900", "typ": "JWT"}
    return joserfc_jws.serialize_compact(said, base64.urlsafe_b64decode(assertion(900).split(".")[1] + "=="), secret)


def _own_key(**header: Any) -> str:
    return assertion(key=_STRANGERS, header=header)


_STRANGERS = OKPKey.generate_key("Ed25519")
_JWK = _STRANGERS.as_dict(private=False)
FORGED: dict[str, Callable[[], str]] = {
    "no token": lambda: "nonsense",
    "five parts": lambda: assertion() + ".e30.e30",
    "no signature": lambda: assertion().rpartition(".")[0] + ".",
    "a cut signature": lambda: assertion()[:-4],
    "other claims": lambda: ".".join([assertion().split(".")[0], _segment({}), assertion().split(".")[2]]),
    "padding": lambda: assertion() + "=",
    "too long": lambda: assertion(jti="x" * 8192),
    "alg none": lambda: _by_hand({"alg": "none", "kid": "902"}, "e30"),
    "alg HS256 with the public key": _hs256,
    "alg of another key": lambda: _by_hand({"alg": "RS256", "kid": "902"}),
    "alg RS512": lambda: assertion(900, algorithm="RS512"),
    "alg PS256": lambda: assertion(900, algorithm="PS256"),
    "alg missing": lambda: _by_hand({"kid": "902"}),
    "alg a number": lambda: _by_hand({"alg": 1, "kid": "902"}),
    "kid missing": lambda: assertion(header={"kid": None}),
    "kid of no key": lambda: assertion(header={"kid": "4711"}),
    "kid no number": lambda: assertion(header={"kid": "../902"}),
    "kid a number": lambda: _by_hand({"alg": "EdDSA", "kid": 902}),
    "kid of another key": lambda: assertion(901, key=KEYS[901], header={"kid": "900"}),
    "a stranger's key": _own_key,
    "a stranger's jwk": lambda: _own_key(jwk=_JWK),
    "a stranger's jku": lambda: _own_key(jku="https://stranger.example/keys"),
    "a stranger's x5u": lambda: _own_key(x5u="https://stranger.example/cert"),
    "crit": lambda: _by_hand({"alg": "EdDSA", "kid": "902", "crit": ["exp"]}),
    "b64": lambda: _by_hand({"alg": "EdDSA", "kid": "902", "b64": False}),
    "typ of an access token": lambda: assertion(header={"typ": "at+jwt"}),
    "typ of a logout token": lambda: assertion(header={"typ": "logout+jwt"}),
    "an expired key": lambda: assertion(903),
    "a key of a disabled machine user": lambda: assertion(904, iss=str(RETIRED), sub=str(RETIRED)),
    "a key of another machine user": lambda: assertion(905),
    "the name of another machine user": lambda: assertion(iss=str(SIGNER), sub=str(SIGNER)),
    "iss of another": lambda: assertion(iss=str(SIGNER)),
    "sub of another": lambda: assertion(sub=str(SIGNER)),
    "iss missing": lambda: assertion(iss=None),
    "sub missing": lambda: assertion(sub=None),
    "sub a number": lambda: assertion(iss=ROBOT, sub=ROBOT),
    "sub a login name": lambda: assertion(sub=f"user-{ROBOT}@savanna.example"),
    "aud missing": lambda: assertion(aud=None),
    "aud of another": lambda: assertion(aud="https://other.example"),
    "aud with a slash more": lambda: assertion(aud=f"{ISSUER}/"),
    "aud with a number": lambda: assertion(aud=[ISSUER, 1]),
    "aud an object": lambda: assertion(aud={ISSUER: True}),
    "aud nothing": lambda: assertion(aud=[]),
    "exp missing": lambda: assertion(exp=None),
    "exp past": lambda: assertion(exp=AT - 30),
    "exp far": lambda: assertion(exp=AT + 3631),
    "exp a text": lambda: assertion(exp=str(AT + 300)),
    "exp true": lambda: assertion(exp=True),
    "exp endless": lambda: assertion(exp=1e308 * 10),
    "exp a list": lambda: assertion(exp=[AT + 300]),
    "iat old": lambda: assertion(iat=AT - 3631),
    "iat to come": lambda: assertion(iat=AT + 31),
    "iat a text": lambda: assertion(iat=str(AT)),
    "nbf to come": lambda: assertion(nbf=AT + 31),
    "nbf a text": lambda: assertion(nbf="soon"),
    "claims that are a list": lambda: f"{assertion().split('.')[0]}.{_segment([])}.{assertion().split('.')[2]}",
}


async def test_every_forged_assertion_gets_the_same_answer(stage: Stage) -> None:
    """Whatever is wrong, nobody learns what it is, and nothing is kept of it."""
    answers = {name: await _refusal(stage, forge()) for name, forge in FORGED.items()}
    assert answers == dict.fromkeys(FORGED, REFUSED)
    assert len(FORGED) >= 40
    assert await stage.rows("SELECT * FROM used_assertions") == []
    assert await stage.rows("SELECT * FROM access_tokens") == []


@pytest.mark.parametrize("kid", [900, 901, 902])
async def test_assertion_counts_once(stage: Stage, kid: int) -> None:
    """A second time an assertion is refused, and one with another signature under the same claims is the same."""
    first, again = assertion(kid), assertion(kid)
    await ask(stage.jwt_bearer, assertion=first)
    assert [await _refusal(stage, token) for token in (first, again)] == [REFUSED, REFUSED]
    assert (first != again) == (kid == 901)  # of the three only ECDSA never signs twice alike
    await ask(stage.jwt_bearer, assertion=assertion(kid, jti="another"))


async def test_one_of_many_at_once_wins(stage: Stage) -> None:
    """Of 32 who present one assertion at the same time exactly one gets a token."""
    token = assertion()
    answers = await asyncio.gather(*(ask(stage.jwt_bearer, assertion=token) for _ in range(32)), return_exceptions=True)
    refusals = [str(answer) for answer in answers if isinstance(answer, OAuthError)]
    assert refusals == [REFUSED] * 31
    assert len(await stage.rows("SELECT * FROM access_tokens")) == 1


async def test_assertion_of_a_refused_request_can_be_presented_again(stage: Stage) -> None:
    """If the scope is wrong nothing has happened; the same assertion is good for a better request."""
    token = assertion()
    assert (await _refusal(stage, token, scope="unheard-of")).startswith("invalid_scope")
    assert (await ask(stage.jwt_bearer, assertion=token)).scope == "openid"


async def test_used_assertions_are_forgotten_when_their_time_is_over(stage: Stage) -> None:
    """An assertion is remembered as long as it would be taken, and goes when another comes after that."""
    await ask(stage.jwt_bearer, assertion=assertion())
    stage.clock.advance(329)
    late = AT + 329
    await ask(stage.jwt_bearer, assertion=assertion(iat=late, exp=late + 60))
    assert await _refusal(stage, assertion()) == REFUSED
    assert len(await stage.rows("SELECT * FROM used_assertions")) == 2
    stage.clock.advance(1)
    await ask(stage.jwt_bearer, assertion=assertion(iat=late, exp=late + 61))
    assert len(await stage.rows("SELECT * FROM used_assertions")) == 2


async def test_machine_that_has_been_disabled_is_refused(stage: Stage) -> None:
    """The machine user is looked up each time, not only its key."""
    await stage.put(schema.users, id=ROBOT, state=UserState.LOCKED.value)
    assert await _refusal(stage, assertion()) == REFUSED


@pytest.mark.parametrize("more", [{"client_secret": "s"}, {"client_assertion": "a"}])
async def test_other_credentials_beside_the_assertion_are_refused(stage: Stage, more: dict[str, str]) -> None:
    """Credentials that nobody would look at are an error, in the form and in the header."""
    assert (await _refusal(stage, assertion(), **more)).startswith("invalid_request")
    with pytest.raises(OAuthError, match=r"^invalid_request"):
        await ask(stage.jwt_bearer, "Basic cm9ib3Q6cw==", assertion=assertion())


USELESS = [
    "",
    "no key",
    "{",
    "{}",
    '{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0"}',
    '{"kty":"RSA"}',
    '{"kty":["RSA"]}',
    '{"kty":"RSA","n":1,"e":"AQAB"}',
    '{"kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"}',
    '{"kty":"OKP","crv":"Ed25519","x":"AQAB"}',
    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    ECKey.generate_key("P-384").as_pem(private=False).decode(),
    OKPKey.generate_key("X25519").as_pem(private=False).decode(),
    OKPKey.generate_key("Ed448").as_pem(private=False).decode(),
]


async def test_key_that_is_good_for_nothing_lets_nobody_in(stage: Stage) -> None:
    """A key in the store that cannot be read, or not be used, is like no key."""
    for text in USELESS:
        await stage.put(schema.machine_keys, id=902, public_key=text)
        assert await _refusal(stage, assertion()) == REFUSED, text


async def test_short_rsa_key_lets_nobody_in(stage: Stage) -> None:
    """RSA keys have 2048 bits at least (RFC 7518, section 3.3)."""
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024)
    await stage.put(schema.machine_keys, id=900, public_key=short.as_pem(private=False).decode())
    with pytest.warns(SecurityWarning):
        assert await _refusal(stage, assertion(900, key=short)) == REFUSED
