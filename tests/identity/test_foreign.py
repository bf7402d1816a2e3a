from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from forgeries import Forge
from identity.other_issuer import OtherIssuer, Site
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from authsvc import directory
from authsvc.domain.clients import SECRET_PREFIX
from authsvc.domain.clock import SECOND
from authsvc.domain.tokens import new_key, new_token
from authsvc.errors import NotFound, Unauthenticated, Unavailable
from authsvc.identity import foreign, jws
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.foreign import INTROSPECTED, SKEW, VERIFIED, ForeignTokens, TrustedIssuer
from authsvc.store.reads import Reads
from authsvc.store.sqlite import SqliteExecutor
from authsvc.store.writes import Writes
from authsvc.webhooks.keys import secret_of

AT = 1_800_000_000
RSA, ED25519, EC = RSAKey.generate_key(2048), OKPKey.generate_key("Ed25519"), ECKey.generate_key("P-256")
NAME = "https://other.example"
AUDIENCE = "https://api.example"
FORGE = Forge(RSA, ED25519, NAME, AUDIENCE, "gigi", AT, "http://127.0.0.1:9/trap")
CORPUS = FORGE.corpus()


def _jwk(key: Key, algorithm: str) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": algorithm}


PUBLISHED = [_jwk(RSA, "RS256"), _jwk(ED25519, "EdDSA"), _jwk(EC, "ES256")]
_guarded: list[list[Any]] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        for seen in _guarded:
            seen.append(arguments[1])


sys.addaudithook(_watch)


@contextmanager
def _connections() -> Iterator[list[Any]]:
    """The addresses to which this process connects during the block."""
    seen: list[Any] = []
    _guarded.append(seen)
    try:
        yield seen
    finally:
        _guarded.remove(seen)


PEOPLE = """
orgs:
  - id: 1
    name: O
    domains: [o.example]
    users: [{ id: 11, userName: u, externalId: gigi, state: STATE, human: { firstName: F, lastName: L } }]
"""


class Time:
    """A clock that goes when it is told."""

    def __init__(self) -> None:
        self.at = AT * SECOND

    def __call__(self) -> int:
        """The time it shows, in microseconds."""
        return self.at


class Scene:
    """Another issuer, and what trusts it: by its keys, by its answers, or by both."""

    def __init__(self) -> None:
        self.server = OtherIssuer(PUBLISHED)
        self.clock = Time()

    def trust(self, *ways: str, **changed: Any) -> TrustedIssuer:
        """The settings of an issuer that is trusted in these ways: `keys`, `answers`."""
        values: dict[str, Any] = {
            "issuer": NAME,
            "audience": AUDIENCE,
            "jwks_uri": f"{self.server.url}/jwks" if "keys" in ways else None,
            "introspection_uri": f"{self.server.url}/introspect" if "answers" in ways else None,
            "client_id": "api" if "answers" in ways else None,
            "client_secret": "secret" if "answers" in ways else None,
            "algorithms": ("RS256", "EdDSA", "ES256"),
            "user_claim": "sub",
        }
        return TrustedIssuer(**values | changed)

    def tokens(self, *issuers: TrustedIssuer) -> ForeignTokens:
        """What tells whom tokens of these issuers are about."""
        return ForeignTokens(issuers, self.server, self.clock)


@pytest.fixture
def scene() -> Scene:
    """Another issuer."""
    return Scene()


async def test_a_good_token_is_about_its_subject(scene: Scene) -> None:
    """A token that a published key has signed, with any agreed algorithm, is about whom its claim `sub` names."""
    issuer = scene.trust("keys")
    tokens = scene.tokens(issuer)
    for key, algorithm in ((RSA, "RS256"), (ED25519, "EdDSA"), (EC, "ES256")):
        token = FORGE.token({"kid": key.thumbprint()}, None, key, algorithm)
        assert await tokens.subject(token) == (issuer, "gigi")
    assert scene.server.requests == ["/jwks"]


GOOD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the type in full": ({"typ": "application/at+jwt"}, {}),
    "the type in capitals": ({"typ": "AT+JWT"}, {}),
    "a header that nobody knows": ({"x": 1, "x5t": "abc"}, {}),
    "one audience": ({}, {"aud": AUDIENCE}),
    "one of several audiences": ({}, {"aud": ["other", AUDIENCE]}),
    "the last second": ({}, {"exp": AT + 1}),
    "a fraction of a second": ({}, {"exp": AT + 0.5}),
    "a clock that is ahead": ({}, {"nbf": AT + SKEW, "iat": AT + SKEW}),
    "no iat": ({}, {"iat": 0}),
    "a claim that nobody knows": ({}, {"x": {"y": [1]}}),
    "a claim that names the sort": ({}, {"typ": "Bearer"}),
    "the longest name": ({}, {"sub": "x" * 200}),
}


@pytest.mark.parametrize(("header", "claims"), GOOD.values(), ids=GOOD.keys())
async def test_good_tokens(scene: Scene, header: dict[str, Any], claims: dict[str, Any]) -> None:
    """What is allowed to differ does: the type's spelling, one or several audiences, clocks ahead by half a minute."""
    found = await scene.tokens(scene.trust("keys")).subject(FORGE.token(header, claims))
    assert found
    assert found[1] == claims.get("sub", "gigi")


async def test_forged_tokens_are_about_nobody(scene: Scene) -> None:
    """No forged token is about anybody, and meanwhile nothing connects to any address but that of the issuer's keys."""
    site = Site(PUBLISHED)
    tokens = ForeignTokens([scene.trust("keys", jwks_uri=f"{site.url}/jwks")], clock=scene.clock)
    try:
        with _connections() as seen:
            assert {name for name, token in CORPUS.items() if await tokens.subject(token)} == set()
            assert await tokens.subject(FORGE.genuine())
        assert {address[:2] for address in seen} == {("127.0.0.1", site.port)}
        assert site.requests == ["/jwks"]
    finally:
        await tokens.close()
        site.close()


async def test_only_agreed_algorithms(scene: Scene) -> None:
    """An issuer's token by an algorithm that is not on its list is refused, though its key is published for it."""
    tokens = scene.tokens(scene.trust("keys", algorithms=("EdDSA", "HS256", "none")))
    assert await tokens.subject(FORGE.genuine()) is None
    shared = FORGE.token(None, None, RSA.as_pem(private=False), "HS256")
    assert await tokens.subject(shared) is None
    assert scene.server.requests == []


@pytest.mark.parametrize("before", [1, 0, -1])
async def test_the_end_of_a_token(scene: Scene, before: int) -> None:
    """A token is good until the microsecond before it expires, and at no later time, also if it is remembered."""
    tokens = scene.tokens(scene.trust("keys"))
    token = FORGE.genuine(exp=AT + 100)
    assert await tokens.subject(token)
    scene.clock.at = (AT + 100) * SECOND - before
    assert bool(await tokens.subject(token)) == (before > 0)
    assert bool(await scene.tokens(scene.trust("keys")).subject(token)) == (before > 0)


@pytest.mark.parametrize(("ahead", "good"), [(SKEW, True), (SKEW + 1, False)])
@pytest.mark.parametrize("claim", ["nbf", "iat"])
async def test_clocks_that_are_ahead(scene: Scene, claim: str, ahead: int, *, good: bool) -> None:
    """A token may begin half a minute later than now, and no more."""
    found = await scene.tokens(scene.trust("keys")).subject(FORGE.genuine(**{claim: AT + ahead}))
    assert bool(found) is good


async def test_another_claim_names_the_user(scene: Scene) -> None:
    """The claim that names the user can be another one, which then must be there and be a text."""
    tokens = scene.tokens(scene.trust("keys", user_claim="oid"))
    found = await tokens.subject(FORGE.genuine(oid="1"))
    assert found
    assert found[1] == "1"
    assert await tokens.subject(FORGE.genuine()) is None
    assert await tokens.subject(FORGE.genuine(oid=1)) is None


async def test_a_verified_token_is_remembered_for_five_minutes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature is verified once in five minutes, so a key that is withdrawn meanwhile ends a token by then."""
    tokens = scene.tokens(scene.trust("keys"))
    token = FORGE.genuine(exp=AT + 10 * VERIFIED)
    assert await tokens.subject(token)
    monkeypatch.setattr(jws, "is_signed", lambda *_: False)
    scene.clock.at += VERIFIED * SECOND - 1
    assert await tokens.subject(token)
    scene.clock.at += 1
    assert await tokens.subject(token) is None


async def test_tokens_that_are_remembered_are_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens are seen, no more than a fixed number is remembered, the newest ones; no refused one is."""
    monkeypatch.setattr(foreign, "REMEMBERED", 3)
    tokens = scene.tokens(scene.trust("keys"))
    for number in range(10):
        assert await tokens.subject(FORGE.genuine(jti=str(number)))
        assert await tokens.subject(FORGE.genuine(jti=str(number), exp=AT)) is None
    assert len(tokens._known) == 3
    monkeypatch.setattr(jws, "is_signed", lambda *_: False)
    assert [bool(await tokens.subject(FORGE.genuine(jti=str(number)))) for number in (6, 7, 8, 9)] == [
        False,
        True,
        True,
        True,
    ]


async def test_issuers_have_their_own_keys(scene: Scene) -> None:
    """A token that names one issuer and is signed by another's key is refused, though both are trusted."""
    third = scene.trust("keys", issuer="https://third.example", jwks_uri="https://third.example/keys")
    tokens = scene.tokens(third, scene.trust("keys"))
    assert await tokens.subject(FORGE.genuine())
    scene.server.keys = [_jwk(ED25519, "EdDSA")]
    assert await tokens.subject(FORGE.genuine(iss="https://third.example")) is None
    assert scene.server.requests == ["/jwks", "/keys"]


ACTIVE = {"active": True, "aud": AUDIENCE, "sub": "gigi"}


async def test_an_opaque_token_is_asked_about(scene: Scene) -> None:
    """The issuer is told the token, and who asks."""
    issuer = scene.trust("answers")
    scene.server.about["opaque"] = ACTIVE
    assert await scene.tokens(issuer).subject("opaque") == (issuer, "gigi")
    form = {"token": "opaque", "token_type_hint": "access_token"}
    assert scene.server.forms == [(form, "api", "secret")]


ANSWERS: dict[str, tuple[dict[str, Any], bool]] = {
    "active": ({}, True),
    "with all that is usual": (
        {"iss": NAME, "exp": AT + 1, "iat": AT, "nbf": AT, "token_type": "Bearer", "aud": [AUDIENCE, "x"]},
        True,
    ),
    "not active": ({"active": False}, False),
    "active in a text": ({"active": "true"}, False),
    "active as a number": ({"active": 1}, False),
    "of another issuer": ({"iss": "https://third.example"}, False),
    "for somebody else": ({"aud": "other"}, False),
    "for nobody": ({"aud": None}, False),
    "expired": ({"exp": AT}, False),
    "expires in a text": ({"exp": str(AT + 9)}, False),
    "not yet good": ({"nbf": AT + SKEW + 1}, False),
    "about nobody": ({"sub": None}, False),
    "about a number": ({"sub": 1}, False),
    "bound to a key": ({"cnf": {"jkt": "x"}}, False),
    "of another type": ({"token_type": "DPoP"}, False),
    "a refresh token": ({"typ": "Refresh"}, False),
    "an ID token": ({"typ": "ID"}, False),
}


@pytest.mark.parametrize(("answer", "good"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_answers(scene: Scene, answer: dict[str, Any], *, good: bool) -> None:
    """Only an active access token for us, of this issuer, that is to be shown and no more, is about somebody."""
    scene.server.about["opaque"] = ACTIVE | answer
    assert bool(await scene.tokens(scene.trust("answers")).subject("opaque")) is good


async def test_secrets_of_ours_are_shown_to_nobody(scene: Scene) -> None:
    """An API key, or the secret of a client or a webhook, sent as a token by mistake goes to no other issuer."""
    tokens = scene.tokens(scene.trust("answers"))
    for secret in (new_key(), f"{SECRET_PREFIX}{new_token()}", secret_of(bytes(32), 1), f"{new_key()}.x.y"):
        scene.server.about[secret] = ACTIVE
        assert await tokens.subject(secret) is None
    assert scene.server.requests == []


@pytest.mark.parametrize("active", [True, False])
async def test_an_answer_is_remembered_for_half_a_minute(scene: Scene, *, active: bool) -> None:
    """An issuer is asked about a token at most once in half a minute, whatever it has said."""
    tokens = scene.tokens(scene.trust("answers"))
    scene.server.about["opaque"] = ACTIVE | {"active": active}
    for seconds in (0, 0, INTROSPECTED - 1):
        scene.clock.at += seconds * SECOND
        assert bool(await tokens.subject("opaque")) is active
    assert scene.server.requests == ["/introspect"]
    scene.server.about["opaque"] = ACTIVE | {"active": not active}
    scene.clock.at += SECOND
    assert bool(await tokens.subject("opaque")) is not active


async def test_an_answer_is_not_remembered_beyond_the_end(scene: Scene) -> None:
    """What an issuer has said of a token is forgotten when the token expires."""
    tokens = scene.tokens(scene.trust("answers"))
    scene.server.about["opaque"] = ACTIVE | {"exp": AT + 5}
    assert await tokens.subject("opaque")
    scene.clock.at += 5 * SECOND
    assert await tokens.subject("opaque") is None


async def test_which_way_a_token_goes(scene: Scene) -> None:
    """Of an issuer with both ways, `at+jwt` goes by its keys alone, and what has another type is asked about."""
    tokens = scene.tokens(scene.trust("keys", "answers"))
    typical = FORGE.token({"typ": "JWT"})
    scene.server.about |= {typical: ACTIVE, CORPUS["another key"]: ACTIVE}
    assert await tokens.subject(CORPUS["another key"]) is None
    assert scene.server.requests == ["/jwks"]
    assert await tokens.subject(typical)
    assert scene.server.requests == ["/jwks", "/introspect"]


async def test_tokens_are_shown_to_nobody_else(scene: Scene) -> None:
    """A JWT that names no trusted issuer, or is malformed, is shown to none; nor is one that says it is another."""
    tokens = scene.tokens(scene.trust("answers"))
    asked = [
        FORGE.genuine(iss="https://third.example"),
        CORPUS["alg none"],
        CORPUS["a logout token of another type"],
        CORPUS["an ID token"],
        CORPUS["a token that is bound to a key"],
        "a.b.c",
    ]
    for token in asked:
        assert await tokens.subject(token) is None
    assert scene.server.requests == []


async def test_several_are_asked_until_one_knows(scene: Scene) -> None:
    """An opaque token is asked about one by one; one that does not answer matters only if no other knows the token."""

    class Half(OtherIssuer):
        async def post(self, url: str, form: dict[str, str], name: str, secret: str) -> dict[str, Any]:
            self.down = url.endswith("/silent")
            return await super().post(url, form, name, secret)

    scene.server = Half(PUBLISHED)
    silent = scene.trust("answers", issuer="https://silent.example", introspection_uri="https://silent.example/silent")
    issuer = scene.trust("answers")
    tokens = scene.tokens(silent, issuer)
    scene.server.about["opaque"] = ACTIVE
    assert await tokens.subject("opaque") == (issuer, "gigi")
    with pytest.raises(Unavailable):
        await tokens.subject("unknown")


@pytest.mark.parametrize("way", ["answers", "keys"])
async def test_no_answer(scene: Scene, way: str) -> None:
    """An issuer that gives no answer makes a call Unavailable, as nobody knows; that is not remembered."""
    scene.server.about["opaque"] = ACTIVE
    token = "opaque" if way == "answers" else FORGE.genuine()
    tokens = scene.tokens(scene.trust(way))
    scene.server.down = True
    with pytest.raises(Unavailable) as caught:
        await tokens.subject(token)
    assert (caught.value.key, caught.value.id) == ("Errors.Issuer.Unavailable", "AUTHSVC-IS001")
    scene.server.down = False
    scene.clock.at += 60 * SECOND
    assert await tokens.subject(token)


async def test_questions_at_once_are_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many questions wait for an answer no more are asked, and the call is Unavailable at once."""
    monkeypatch.setattr(foreign, "AT_ONCE", 0)
    with pytest.raises(Unavailable):
        await scene.tokens(scene.trust("answers")).subject("opaque")
    assert scene.server.requests == []


async def test_nobody_else_is_trusted() -> None:
    """Where no other issuer is trusted, no token is about anybody, and no client for HTTP is made."""
    tokens = ForeignTokens([])
    assert tokens._source is None
    for token in ("opaque", FORGE.genuine()):
        assert await tokens.subject(token) is None
    await tokens.close()


async def test_a_user_who_is_locked_stops_at_once(scene: Scene, executor: SqliteExecutor) -> None:
    """Whom a token is about is remembered, but not whether they may call: that is looked up at each call."""
    writes, people = Writes(executor), PEOPLE
    tokens, reads = scene.tokens(scene.trust("keys")), Reads(executor)
    authenticator = Authenticator(reads, foreign=tokens)
    for state, allowed in (("active", True), ("locked", False), ("active", True), ("deleted", False)):
        await directory.apply(writes, directory.parse(people.replace("STATE", state).encode(), "test.yaml"))
        try:
            assert (await authenticator.caller([f"Bearer {FORGE.genuine()}"], [])).user_id == 11
            assert allowed
        except (Unauthenticated, NotFound):
            assert not allowed
    assert scene.server.requests == ["/jwks"]
