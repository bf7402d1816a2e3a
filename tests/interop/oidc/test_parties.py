"""Relying parties that know nothing of this server but its URL, each as it is released."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from harness import Server
from interop.driver import Driver, DriverError
from interop.oidc.parties import AuthlibParty, NodeParty, Party, RequestsParty, Tokens
from interop.oidc.person import Person
from interop.oidc.site import (
    ADA,
    BASIC,
    BORIS,
    NAMES,
    NATIVE,
    ODD,
    PASSWORD,
    PROJECT,
    SCOPE,
    SIGNED_OUT,
    STRANGER,
    Client,
    Site,
)
from interop.support import json_answer

# joserfc, with which Authlib verifies ID tokens, would rather have the name of RFC 9864, which few clients know.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

NODE = ("openid-client", "oauth4webapi")
# Authlib and requests-oauthlib cannot send the secret of the one that is odd.
KINDS = [
    *((library, client) for library in NODE for client in (NATIVE, BASIC, ODD, STRANGER)),
    *((library, client) for library in ("authlib", "requests-oauthlib") for client in (NATIVE, BASIC, STRANGER)),
]
NOBODY = "a token of nobody"
Make = Callable[[str, Client], Party]
RESOURCE = f"urn:zitadel:iam:org:project:id:{PROJECT}:aud"


class Visit(NamedTuple):
    """A client, and what it got when somebody signed in to it."""

    party: Party
    tokens: Tokens


@pytest.fixture(scope="module", autouse=True)
def _without_tls() -> Iterator[None]:
    """What requests-oauthlib needs for a server on this machine; the libraries for Node are told in the drivers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
        yield


@pytest.fixture(scope="module")
def make(site: Site, driver: Callable[..., Driver]) -> Make:
    """A client as a library makes it."""

    def make(library: str, client: Client) -> Party:
        if library in NODE:
            return NodeParty(site.url, client, driver(library))
        return AuthlibParty(site.url, client) if library == "authlib" else RequestsParty(site.url, client)

    return make


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1].client_id}")
def visit(request: pytest.FixtureRequest, site: Site, make: Make) -> Visit:
    """What each library got as each client when Ada signed in."""
    party = make(*request.param)
    return Visit(party, sign_in(site, party))


@pytest.fixture(params=NODE)
def library(request: pytest.FixtureRequest) -> str:
    """Each library for Node."""
    name: str = request.param
    return name


@pytest.fixture(scope="module", autouse=True)
def polling(site: Site, driver: Callable[..., Driver]) -> Callable[[], Tokens]:
    """What a device gets that waits, as long as openid-client makes it wait, while the other tests run."""
    party = NodeParty(site.url, NATIVE, driver("openid-client"))
    asked = party.call("ask_for_device", scope=SCOPE)
    party.call("poll", answer=asked)
    with person(site) as ada:
        ada.go(asked["verification_uri_complete"])
    return lambda: party.tokens("polled", device_code=asked["device_code"])


def node(make: Make, library: str, client: Client) -> NodeParty:
    """A client as a library for Node makes it."""
    party = make(library, client)
    assert isinstance(party, NodeParty)
    return party


def person(site: Site, login: str = ADA) -> Person:
    """Somebody with a new browser."""
    return Person(site.url, login, PASSWORD)


def sign_in(site: Site, party: Party, **parameters: str) -> Tokens:
    """What a client gets when Ada signs in to it."""
    with person(site) as ada:
        return party.finish(ada.go(party.begin(**parameters)))


def reads(server: Server, token: str) -> Any:
    """The user whom a token is about, None if it is refused."""
    return json_answer(server, token, "GetMyUser").get("user")


def test_a_person_signs_in(site: Site, visit: Visit) -> None:
    """Every library signs a person in, verifies the ID token, reads the user and calls the API."""
    party, tokens = visit
    assert tokens.claims
    assert {name: tokens.claims[name] for name in ("iss", "sub")} == {"iss": site.url, "sub": "10"}
    assert tokens.claims["aud"] in (party.client.client_id, [party.client.client_id])
    assert tokens.claims["amr"] == ["pwd"]
    assert set(tokens.scope.split()) == set(SCOPE.split())
    about = party.userinfo(tokens)
    assert (about["sub"], about["name"], about["email"], about["email_verified"]) == ("10", NAMES[ADA], ADA, True)
    assert reads(site.server, tokens.access_token)["id"] == "10"


def test_tokens_are_what_the_client_asked_for(visit: Visit) -> None:
    """ID tokens are signed with the algorithm of the client, access tokens are JWTs only for those that want them."""
    client, tokens = visit.party.client, visit.tokens
    assert tokens.id_token
    assert header(tokens.id_token)["alg"] == client.algorithm
    assert (tokens.access_token.count(".") == 2) is client.is_jwt


def test_tokens_are_renewed(site: Site, visit: Visit) -> None:
    """Every library renews its tokens; the new ones are about the same person, and work."""
    first = visit.tokens
    assert first.refresh_token
    second = visit.party.refresh(first.refresh_token)
    assert second.refresh_token not in {None, first.refresh_token}
    assert second.access_token != first.access_token
    assert reads(site.server, second.access_token)["id"] == "10"


def header(token: str) -> dict[str, Any]:
    """The header of a JWT."""
    encoded = token.split(".", maxsplit=1)[0]
    decoded: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return decoded


def test_discovery(site: Site, make: Make, library: str) -> None:
    """Both libraries accept the document of OpenID Connect, which names only endpoints of this server."""
    metadata = node(make, library, BASIC).metadata
    endpoints = [value for name, value in metadata.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(endpoints) >= 8
    assert [url for url in endpoints if not url.startswith(f"{site.url}/")] == []


def test_discovery_of_rfc_8414(site: Site, make: Make, driver: Callable[..., Driver]) -> None:
    """The document of RFC 8414 says the same as that of OpenID Connect, as far as it says something."""
    oidc = node(make, "oauth4webapi", BASIC).metadata
    oauth = driver("oauth4webapi")(
        "discover",
        issuer=site.url,
        client_id=BASIC.client_id,
        client_secret=BASIC.secret,
        method=BASIC.method,
        redirect_uri=BASIC.redirect_uri,
        document="oauth2",
    )
    assert oauth["token_endpoint"] == oidc["token_endpoint"]
    assert {name: value for name, value in oauth.items() if oidc.get(name, value) != value} == {}


def test_a_scope_that_ends_in_a_space(site: Site, make: Make) -> None:
    """ZITADEL's package for React asks for such a scope where it is told no project, and is given the tokens."""
    tokens = sign_in(site, node(make, "oauth4webapi", BASIC), scope="openid profile email ", prompt="")
    assert set(tokens.scope.split()) == {"openid", "profile", "email"}
    assert tokens.refresh_token is None


def test_nobody_is_signed_in(site: Site, make: Make, library: str) -> None:
    """With `prompt=none` a new browser is sent back at once, with `login_required`."""
    party = node(make, library, BASIC)
    with person(site) as stranger:
        callback = stranger.go(party.begin(prompt="none"))
    with pytest.raises(DriverError) as caught:
        party.finish(callback)
    assert caught.value.error == "login_required"


def test_who_is_signed_in_is_not_asked_again(site: Site, make: Make, library: str) -> None:
    """A second client gets tokens of the same sign-in, also with `prompt=none`; for `max_age=0` there is a new one."""
    first, second = node(make, library, BASIC), node(make, library, ODD)
    steps: list[tuple[Party, dict[str, str]]]
    steps = [(first, {}), (second, {}), (second, {"prompt": "none"}), (second, {"max_age": "0"})]
    seen = []
    with person(site) as ada:
        for party, parameters in steps:
            claims = party.finish(ada.go(party.begin(**parameters))).claims
            assert claims
            seen.append((claims["sid"], ada.asked))
    session = seen[0][0]
    assert seen == [(session, 1), (session, 1), (session, 1), (session, 2)]


def test_a_native_application_is_confirmed(site: Site, make: Make, library: str) -> None:
    """Who is signed in goes on to a trusted native client by a click, with no password, and never without a page."""
    web, native = node(make, library, BASIC), node(make, library, NATIVE)
    with person(site) as ada:
        session = web.finish(ada.go(web.begin())).claims
        again = native.finish(ada.go(native.begin())).claims
        silent = ada.go(native.begin(prompt="none"))
    assert session
    assert again
    assert (again["sid"], ada.asked) == (session["sid"], 1)
    with pytest.raises(DriverError) as caught:
        native.finish(silent)
    assert caught.value.error == "consent_required"


def test_an_answer_of_somebody_else(site: Site, make: Make, library: str) -> None:
    """Answers carry `iss`: with that of another issuer, or without, the libraries refuse them."""
    party = node(make, library, BASIC)
    with person(site) as ada:
        callback = ada.go(party.begin())
        issuer = parse_qs(urlsplit(callback).query)["iss"][0]
        assert issuer == site.url
        for wrong in (
            callback.replace("iss=", "iss=https%3A%2F%2Fevil.example&was="),
            callback.replace("iss=", "was="),
        ):
            with pytest.raises(DriverError, match="iss"):
                party.finish(wrong)
        assert party.finish(callback).claims


def test_introspection(site: Site, make: Make, library: str) -> None:
    """A back end reads what a token is worth; of one of nobody it learns nothing."""
    party = node(make, library, BASIC)
    tokens = sign_in(site, party)
    answer = party.call("introspect", token=tokens.access_token)
    assert (answer["active"], answer["sub"], answer["client_id"]) == (True, "10", BASIC.client_id)
    assert party.call("introspect", token=NOBODY) == {"active": False}
    assert party.call("introspect", token=tokens.refresh_token)["active"] is True


def test_revocation(site: Site, make: Make, library: str) -> None:
    """Who gives back a refresh token ends the access tokens that came with it; one of nobody is taken, too."""
    party = node(make, library, BASIC)
    tokens = sign_in(site, party)
    party.call("revoke", token=NOBODY)
    assert reads(site.server, tokens.access_token)
    party.call("revoke", token=tokens.refresh_token)
    assert reads(site.server, tokens.access_token) is None
    assert party.call("introspect", token=tokens.access_token) == {"active": False}
    with pytest.raises(DriverError) as caught:
        party.refresh(tokens.refresh_token or "")
    assert (caught.value.error, caught.value.status) == ("invalid_grant", 400)


def test_a_wrong_secret(site: Site, make: Make, library: str) -> None:
    """Who does not know the secret of a client gets 401, even with a code."""
    thief = node(make, library, BASIC._replace(secret="cs_wrong"))
    with person(site) as ada:
        callback = ada.go(thief.begin())
    for operation, arguments in (("finish", {"callback": callback}), ("introspect", {"token": NOBODY})):
        with pytest.raises(DriverError) as caught:
            thief.call(operation, **arguments)
        assert caught.value.status == 401


@pytest.mark.parametrize("client", [ODD, STRANGER], ids=lambda client: client.algorithm)
def test_a_resource_server_reads_access_tokens(site: Site, make: Make, client: Client) -> None:
    """An access token that is a JWT is verified with the published keys alone (RFC 9068), for each of its audiences."""
    party = node(make, "oauth4webapi", client)
    tokens = sign_in(site, party, scope=f"{SCOPE} {RESOURCE}")
    for audience in (client.client_id, PROJECT):
        claims = party.call("verify", access_token=tokens.access_token, audience=audience)
        assert (claims["sub"], claims["client_id"]) == ("10", client.client_id)
        assert set(claims["scope"].split()) == {*SCOPE.split(), RESOURCE}
    with pytest.raises(DriverError):
        party.call("verify", access_token=tokens.access_token, audience="somebody else")
    with pytest.raises(DriverError):
        party.call("verify", access_token=tokens.id_token, audience=client.client_id)


@pytest.mark.parametrize("client", [NATIVE, BASIC], ids=lambda client: client.client_id)
def test_devices(site: Site, make: Make, client: Client) -> None:
    """A device gets tokens once a person has let it in; who asks once more ends what was given."""
    party = node(make, "oauth4webapi", client)
    asked = party.call("ask_for_device", scope=SCOPE)
    assert asked["verification_uri"] == f"{site.url}/device"
    with person(site) as ada:
        ada.go(asked["verification_uri_complete"])
    tokens = party.tokens("device_tokens", device_code=asked["device_code"])
    assert tokens.claims
    assert tokens.claims["sub"] == "10"
    assert reads(site.server, tokens.access_token)["id"] == "10"
    with pytest.raises(DriverError) as caught:
        party.call("device_tokens", device_code=asked["device_code"])
    assert (caught.value.error, caught.value.status) == ("invalid_grant", 400)
    assert reads(site.server, tokens.access_token) is None


def test_devices_wait(make: Make) -> None:
    """A device that asks before a person has let it in is told to wait, and one that asks too often to slow down."""
    party = node(make, "oauth4webapi", NATIVE)
    asked = party.call("ask_for_device", scope=SCOPE)
    for error in ("authorization_pending", "slow_down"):
        with pytest.raises(DriverError) as caught:
            party.call("device_tokens", device_code=asked["device_code"])
        assert (caught.value.error, caught.value.status) == (error, 400)


@pytest.mark.parametrize("library", ["openid-client", "authlib"])
def test_logging_out(site: Site, make: Make, library: str) -> None:
    """A client sends its user to sign out: they come back with the state, and what the client had is worth nothing."""
    party = make(library, BASIC)
    with person(site, BORIS) as boris:
        tokens = party.finish(boris.go(party.begin()))
        assert tokens.id_token
        if isinstance(party, NodeParty):
            hints = {"id_token_hint": tokens.id_token, "post_logout_redirect_uri": SIGNED_OUT, "state": "8/&%"}
            there = boris.go(party.call("log_out", **hints))
            assert parse_qs(urlsplit(there).query) == {"state": ["8/&%"]}
        elif isinstance(party, AuthlibParty):
            there = boris.go(party.log_out(tokens.id_token, SIGNED_OUT))
            assert party.is_logged_out(there)
        assert there.startswith(SIGNED_OUT)
        assert reads(site.server, tokens.access_token) is None
        assert tokens.refresh_token
        with pytest.raises(Exception, match="invalid_grant") as caught:
            party.refresh(tokens.refresh_token)
        assert not isinstance(caught.value, AssertionError)
        assert "error=login_required" in boris.go(party.begin(prompt="none"))


def test_authlib_as_a_back_end(site: Site, make: Make) -> None:
    """Authlib introspects and revokes, too."""
    party = make("authlib", BASIC)
    assert isinstance(party, AuthlibParty)
    tokens = sign_in(site, party)
    assert party.introspect(tokens.access_token)["active"] is True
    assert party.revoke(tokens.access_token) == 200
    assert party.introspect(tokens.access_token) == {"active": False}


def test_a_device_that_polls(site: Site, polling: Callable[[], Tokens]) -> None:
    """openid-client polls by itself, at the interval that it was told, and gets tokens."""
    tokens = polling()
    assert tokens.claims
    assert tokens.claims["sub"] == "10"
    assert reads(site.server, tokens.access_token)["id"] == "10"
