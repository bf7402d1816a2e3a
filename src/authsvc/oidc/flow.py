"""What somebody is on the way to: a client (RFC 6749, section 4.1), a device (RFC 8628, section 3.3), or nothing.

Nothing is kept between two pages: the address of each carries the client's whole question, and it is read anew.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from authsvc.domain.clock import SECOND, Clock
from authsvc.oauth.authorization import Authorization, AuthorizationRequest
from authsvc.oauth.sealing import Sealing
from authsvc.oidc.forms import Pairs, address, first, read_query, single

TICKET_LIFE = 600 * SECOND
"""How long somebody may think about a question, in microseconds, before they are asked again who they are."""
_PURPOSE = "consent"


class Flow(NamedTuple):
    """The fields of an address, and what they ask for: a client's request, or the device with a code, or neither."""

    pairs: Pairs
    asked: AuthorizationRequest | None = None
    user_code: str = ""

    def at(self, path: str, **changes: str) -> str:
        """The address of another page on the same way; see `forms.address`."""
        return address(path, self.pairs, **changes)

    @property
    def client_name(self) -> str:
        """The name of the client; empty if there is none."""
        return self.asked.client.name if self.asked else ""

    @property
    def leads_to(self) -> tuple[str, ...]:
        """Where the answer to a form may lead."""
        return (self.asked.redirect_uri,) if self.asked else ()


class Ticket(NamedTuple):
    """Who is being asked for consent, and when, in microseconds, they signed in if it was for this very request."""

    session_id: int
    signed_in_at: int | None


class Flows:
    """Reads addresses, and seals what must not be changed between two pages."""

    def __init__(self, authorization: Authorization, sealing: Sealing, clock: Clock) -> None:
        self._authorization = authorization
        self._sealing = sealing
        self._clock = clock

    async def read(self, request: Request) -> Flow:
        """What a request's address asks for.

        Raises:
            BadForm: the address cannot be read.
            Unsafe, Redirected: as `Authorization.request` does.
        """
        pairs = read_query(request)
        if any(name == "client_id" for name, _ in pairs):
            return Flow(pairs, await self._authorization.request(pairs))
        single(pairs)
        return Flow(pairs, user_code=first(pairs, "user_code"))

    def seal(self, flow: Flow, ticket: Ticket) -> str:
        """A ticket for the form that asks for consent to exactly this request."""
        return self._sealing.seal(_PURPOSE, orjson.dumps([*ticket, _digest(flow), self._clock()]).decode())

    def open(self, flow: Flow, sealed: str) -> Ticket | None:
        """The ticket that came back; None if it is not ours, too old, or for another request."""
        text = self._sealing.open(_PURPOSE, sealed)
        if text is None:
            return None
        *ticket, digest, at = orjson.loads(text)
        is_current = digest == _digest(flow) and 0 <= self._clock() - at < TICKET_LIFE
        return Ticket._make(ticket) if is_current else None


def see_other(location: str) -> Response:
    """Have the browser get another address, whatever it has sent here."""
    return RedirectResponse(location, 303)


def to_client(request: Request, location: str) -> Response:
    """Send the browser to a client; after a form by 303, with which nothing of it is sent on (RFC 9700, 4.12)."""
    return RedirectResponse(location, 303 if request.method == "POST" else 302)


def _digest(flow: Flow) -> str:
    return hashlib.sha256(flow.at("").encode()).hexdigest()
