"""A relying party as the conformance suite plays it, and the person at its browser.

It knows the address of discovery and nothing else of the server, checks whatever it gets, and differs from the suite's
in one thing: it always uses PKCE, without which nobody gets a code here.
"""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.jwk import KeySet
from oauth.people import GIGI
from oauth.realm import SECRET, Realm, answer_of, basic
from oidc.conformance import checks
from oidc.stage import Page, Person

from authsvc.domain.clock import SECOND
from authsvc.oauth.code import s256

BASE = "https://suite.example/test/a/authsvc"
CALLBACK = f"{BASE}/callback"
SIGNED_OUT = f"{BASE}/post_logout_redirect"
FIRST, SECOND_CLIENT, POSTING = "suite-1", "suite-2", "suite-post"
DISCOVERY = "/.well-known/openid-configuration"
STATE_OF_128 = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(124)) + "-._~"
"""A state as long as the suite makes them, with all characters that need no escape in an address."""
_MOST_PAGES = 5


async def register(realm: Realm) -> None:
    """The three clients that a plan is configured with: they are not trusted, so the person is asked for consent."""
    for row, client_id in enumerate((FIRST, SECOND_CLIENT, POSTING), 11):
        await realm.put_client(row, client_id, redirect_uris=CALLBACK, post_logout_uris=SIGNED_OUT)


async def describe(realm: Realm) -> None:
    """Everything that can be known about the person is."""
    known = {
        "first_name": "Gigi",
        "last_name": "Giraffe",
        "nick_name": "Gi",
        "preferred_language": "en",
        "avatar_url": "https://savanna.example/gigi.png",
        "email": "gigi@savanna.example",
        "phone": "+41791234567",
    }
    texts = ", ".join(f"{column} = '{text}'" for column, text in known.items())
    await realm.run(f"UPDATE users SET {texts}, gender = 1, email_verified = 1, phone_verified = 1 WHERE id = {GIGI}")


def unsigned(payload: bytes) -> str:
    """A JWT that says so, and that nobody has signed."""
    parts = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (b'{"alg": "none"}', payload))
    return ".".join((*parts, ""))


@dataclass(frozen=True)
class Visit:
    """Where a request has led: the pages on which the person did something, by their headings, and how it ended."""

    headings: list[str]
    end: Page

    @property
    def answer(self) -> dict[str, str]:
        """What the browser brings to the client, to the address that was asked for, in its query."""
        assert self.end.status in {302, 303}
        assert self.end.location.startswith(CALLBACK + "?")
        assert "#" not in self.end.location
        return answer_of(self.end.location)


@dataclass(frozen=True)
class Flow:
    """A code flow that has succeeded."""

    asked: Mapping[str, str]
    visit: Visit
    code: str
    tokens: dict[str, Any]
    claims: dict[str, Any] = field(repr=False)
    header: dict[str, Any] = field(repr=False)

    @property
    def access_token(self) -> str:
        """The access token."""
        return str(self.tokens["access_token"])


class RelyingParty:
    """One of the suite's clients, with a browser."""

    def __init__(self, realm: Realm, person: Person, client_id: str = FIRST) -> None:
        self.realm = realm
        self.person = person
        self.client_id = client_id
        self.about: dict[str, Any] = {}
        self._verifiers: dict[str, str] = {}

    async def discover(self) -> Self:
        """Read what the server says of itself, as every module does first."""
        self.about = (await self._call("GET", DISCOVERY)).json
        method = "client_secret_post" if self.client_id == POSTING else "client_secret_basic"
        assert method in self.about["token_endpoint_auth_methods_supported"]
        return self

    async def another(self, client_id: str) -> RelyingParty:
        """Another client, in the same browser."""
        return await RelyingParty(self.realm, self.person, client_id).discover()

    @property
    def issuer(self) -> str:
        """Who the server says it is."""
        return str(self.about["issuer"])

    @property
    def seconds(self) -> int:
        """The time."""
        return self.realm.at // SECOND

    def request(self, *, without: str = "", **parameters: str) -> dict[str, str]:
        """The parameters of a request, with a state and a nonce of their own."""
        verifier = secrets.token_urlsafe(32)
        challenge = s256(verifier)
        self._verifiers[challenge] = verifier
        asked = {
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": "openid",
            "state": secrets.token_hex(5),
            "nonce": secrets.token_hex(5),
            "response_type": "code",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **parameters,
        }
        return {name: value for name, value in asked.items() if name != without}

    def address(self, asked: Mapping[str, str]) -> str:
        """Where a request sends the browser."""
        return f"{self.about['authorization_endpoint']}?{urlencode(asked)}"

    async def visit(self, asked: Mapping[str, str], *, by_post: bool = False) -> Visit:
        """Send the browser with a request; the person signs in and agrees wherever that is asked."""
        if by_post:
            endpoint = self.about["authorization_endpoint"]
            first = await self.person.post(endpoint, asked, origin="https://suite.example")
        else:
            first = await self.person.get(self.address(asked))
        page, headings = await self.person.follow(first), list[str]()
        while page.status == 200 and page.title in {"Sign in", "Allow access?"}:
            assert len(headings) < _MOST_PAGES
            headings.append(page.title)
            if page.title == "Sign in":
                page = await self.person.follow(await self.person.sign_in(page))
            else:
                page = await self.person.follow(await self.person.submit(page, "Allow"))
        return Visit(headings, page)

    async def flow(self, asked: Mapping[str, str] | None = None, *, by_post: bool = False) -> Flow:
        """Go all the way from a request to checked tokens that work."""
        asked = asked or self.request()
        visit = await self.visit(asked, by_post=by_post)
        code = checks.code_answer(visit.answer, asked, self.issuer)
        tokens = checks.token_answer(await self.exchange(code, asked))
        claims, header = await self.verified(tokens, asked.get("nonce"))
        flow = Flow(asked, visit, code, tokens, claims, header)
        checks.user_info(await self.user_info(flow), claims["sub"], self.seconds)
        return flow

    async def refused(self, asked: Mapping[str, str]) -> str:
        """The error with which the client gets its browser back, without any page."""
        visit = await self.visit(asked)
        assert visit.headings == []
        return checks.refusal(visit.answer, asked, self.issuer)

    async def exchange(self, code: str, asked: Mapping[str, str]) -> Page:
        """Exchange a code."""
        verifier = self._verifiers[asked["code_challenge"]]
        return await self.token(
            grant_type="authorization_code", code=code, redirect_uri=asked["redirect_uri"], code_verifier=verifier
        )

    async def token(self, **fields: str) -> Page:
        """Call the token endpoint, as this client shows that it is the one it says."""
        if self.client_id == POSTING:
            return await self._call(
                "POST", self.about["token_endpoint"], {**fields, "client_id": POSTING, "client_secret": SECRET}
            )
        authorization = basic(self.client_id, SECRET)
        return await self._call("POST", self.about["token_endpoint"], fields, authorization=authorization)

    async def verified(self, tokens: Mapping[str, Any], nonce: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The claims and the header of a checked ID token, by the published keys."""
        keys = KeySet.import_key_set({"keys": await self.keys()})
        token = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
        checks.id_token(
            token.claims, tokens, issuer=self.issuer, client_id=self.client_id, nonce=nonce, at=self.seconds
        )
        return token.claims, token.header

    async def keys(self) -> list[dict[str, str | list[str]]]:
        """The published keys."""
        keys: list[dict[str, str | list[str]]] = (await self._call("GET", self.about["jwks_uri"])).json["keys"]
        return keys

    async def user_info(self, flow: Flow, method: str = "GET") -> Page:
        """Ask who it is, with the token of a flow in the header."""
        return await self.user_info_with(flow.access_token, method)

    async def user_info_with(self, token: str, method: str = "GET") -> Page:
        """Ask who it is, with a token in the header."""
        return await self._call(method, self.about["userinfo_endpoint"], authorization=f"Bearer {token}")

    async def user_info_by_form(self, flow: Flow) -> Page:
        """Ask who it is, with the token in the body."""
        return await self._call("POST", self.about["userinfo_endpoint"], {"access_token": flow.access_token})

    async def leave(self, **parameters: str) -> Page:
        """Send the browser to sign out, and follow as far as this server goes."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return await self.person.go(self.about["end_session_endpoint"] + query)

    async def is_signed_in(self) -> bool:
        """Whether the browser brings a code without any page; if not, the error must be one of those that say so."""
        asked = self.request(prompt="none")
        visit = await self.visit(asked)
        assert visit.headings == []
        if "code" in visit.answer:
            return True
        error = checks.refusal(visit.answer, asked, self.issuer)
        assert error in {"login_required", "interaction_required", "account_selection_required", "consent_required"}
        return False

    async def _call(self, method: str, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Page:
        """Call the server by itself: without cookies, and from no page."""
        transport = self.person.http._transport
        async with httpx2.AsyncClient(transport=transport, base_url=self.person.origin) as http:
            return Page(await http.request(method, path, data=fields, headers=headers))
