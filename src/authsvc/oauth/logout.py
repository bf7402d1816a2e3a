"""Signing out at the request of a client (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from authsvc.domain.accounts import Browser, BrowserSession
from authsvc.domain.clients import Client, ClientState
from authsvc.oauth.authorization_request import Unsafe
from authsvc.oauth.clients import ClientReader
from authsvc.oauth.hints import Hint, Hints


class LogoutRequest(NamedTuple):
    """A request that may be answered: where people go afterwards, None for a page of ours, and whom it is about."""

    client: Client | None
    hint: Hint | None
    location: str | None
    ui_locales: str


class LogoutPlan(NamedTuple):
    """What happens in this browser: the session that ends at once, and those that the person is asked about first.

    With neither, nobody is there to be signed out.
    """

    ends: BrowserSession | None
    asks: tuple[BrowserSession, ...]


class Logout:
    """The rules of the end session endpoint: nobody is signed out by a link that anybody could have made."""

    def __init__(self, clients: ClientReader, hints: Hints) -> None:
        self._clients = clients
        self._hints = hints

    async def request(self, pairs: Sequence[tuple[str, str]]) -> LogoutRequest:
        """The request in the decoded parameters of a query or a form.

        Raises:
            Unsafe: it contradicts itself, or wants to send people to where no client of ours has registered.
        """
        if pairs and max(Counter(name for name, _ in pairs).values()) > 1:
            raise Unsafe("error.malformed")
        values = {name: value for name, value in pairs if value}
        hint = await self._hint(values.get("id_token_hint"))
        client = await self._client(values.get("client_id"), hint)
        return LogoutRequest(client, hint, _location(client, values), values.get("ui_locales", ""))

    async def _hint(self, token: str | None) -> Hint | None:
        if token is None:
            return None
        hint = await self._hints.read(token)
        if hint is None:
            raise Unsafe("error.malformed")
        return hint

    async def _client(self, named: str | None, hint: Hint | None) -> Client | None:
        """The client that the request names, or that got the ID token: they have to be the same."""
        if named is not None and hint is not None and named != hint.client_id:
            raise Unsafe("error.malformed")
        client_id = named or (hint.client_id if hint else None)
        if client_id is None:
            return None
        client = await self._clients.by_client_id(client_id)
        if client is None or client.state != ClientState.ACTIVE:
            raise Unsafe("error.unknown_client", client.client_id if client else None)
        return client


def plan(request: LogoutRequest, browser: Browser | None) -> LogoutPlan:
    """What a request does in this browser.

    Only an ID token of a session of this browser shows that the client speaks for the person. Such a token of another
    session shows whom it means; without one everybody in the browser may be meant.
    """
    active = tuple(each for each in browser.sessions if each.is_active) if browser else ()
    hint = request.hint
    if hint is None:
        return LogoutPlan(None, active)
    of_user = tuple(each for each in active if each.user_id == hint.user_id)
    ends = next((each for each in of_user if each.id == hint.session_id), None)
    return LogoutPlan(ends, () if ends else of_user)


def _location(client: Client | None, values: Mapping[str, str]) -> str | None:
    uri = values.get("post_logout_redirect_uri")
    if uri is None:
        return None
    if client is None or uri not in client.post_logout_uris.split("\n"):
        raise Unsafe("error.redirect_uri", client.client_id if client else None)
    if "state" not in values:
        return uri
    return uri + ("&" if "?" in uri else "?") + urlencode({"state": values["state"]})
