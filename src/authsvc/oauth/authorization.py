"""The authorization endpoint: who goes on with a request, and what the client gets (OIDC Core, sections 3.1.2.3-6)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from authsvc.domain.accounts import Browser, BrowserSession
from authsvc.domain.authorizations import CodeRequest, Holder
from authsvc.domain.clock import SECOND, Clock, now
from authsvc.oauth.authorization_request import (
    CONSENT,
    LOGIN,
    SELECT_ACCOUNT,
    AuthorizationRequest,
    Redirected,
    RequestReader,
    Unsafe,
)
from authsvc.oauth.clients import ClientReader
from authsvc.oauth.hints import Hints
from authsvc.oauth.scopes import ProjectReader
from authsvc.store.authorizations import Authorizations

__all__ = ["SIGN_IN_LIFE", "Ask", "Authorization", "AuthorizationRequest", "Redirected", "Step", "Unsafe", "next_step"]

SIGN_IN_LIFE = 600 * SECOND
"""How long after a sign-in the pages may go on with the request that it was made for, in microseconds."""


class Ask(Enum):
    """What a person is asked next."""

    SIGN_IN = "sign_in"
    CHOOSE = "choose"


Step = Ask | BrowserSession
"""What comes next: a question, or the session to go on with."""


class Authorization:
    """The rules of the authorization endpoint. It remembers nothing between two pages: each reads the request anew."""

    def __init__(
        self,
        clients: ClientReader,
        projects: ProjectReader,
        authorizations: Authorizations,
        hints: Hints,
        issuer: str,
        clock: Clock = now,
    ) -> None:
        self._reader = RequestReader(clients, projects, hints, issuer)
        self._authorizations = authorizations
        self._clock = clock

    async def request(self, pairs: Sequence[tuple[str, str]]) -> AuthorizationRequest:
        """The request in the decoded parameters of a query or a form.

        Raises:
            Unsafe: nobody may be redirected.
            Redirected: something is wrong, and the client is told.
        """
        return await self._reader.read(pairs)

    def step(
        self,
        request: AuthorizationRequest,
        browser: Browser | None,
        *,
        after: int | None = None,
        chosen: int | None = None,
    ) -> Step:
        """What comes next for the request in this browser, as `next_step` has it at this time.

        Raises:
            Redirected: the client is told that it cannot be had so.
        """
        return next_step(request, browser, self._clock(), after=after, chosen=chosen)

    async def needs_consent(
        self, request: AuthorizationRequest, session: BrowserSession, *, after: int | None = None
    ) -> bool:
        """Whether the person has to be asked before the client gets anything; `after` as `next_step` has it.

        Raises:
            Redirected: they have, but no page may be shown.
        """
        is_needed = CONSENT in request.prompt or not await self._has_consent(request, session, after)
        if is_needed and request.is_silent:
            raise request.address.error("consent_required", "the person has to agree first")
        return is_needed

    async def _has_consent(self, request: AuthorizationRequest, session: BrowserSession, after: int | None) -> bool:
        client = request.client
        # Any program on the machine can say it is this client, so neither trust in it nor the answer to another one
        # counts (RFC 8252, section 8.6). Who has just signed in has been told the client's name on that page.
        is_anybody = client.is_public and not request.redirect_uri.startswith("https:")
        if client.trusted:
            return not (client.native and is_anybody) or _has_signed_in(session, self._clock(), after)
        if is_anybody:
            return False
        consented = await self._authorizations.consented(session.user_id, client)
        return set(request.scope.split()) <= set(consented.split())

    def only_confirms(self, request: AuthorizationRequest) -> bool:
        """Whether the person is asked no more than whether to go on: what a trusted client gets is settled."""
        return request.client.trusted and CONSENT not in request.prompt

    async def consent(self, request: AuthorizationRequest, session: BrowserSession) -> None:
        """Remember that the person has agreed, if they have been told to what."""
        if self.only_confirms(request):
            return
        await self._authorizations.remember_consent(session.user_id, session.org_id, request.client, request.scope)

    async def grant(self, request: AuthorizationRequest, session: BrowserSession) -> str:
        """The location that takes a code to the client."""
        holder = Holder(session.user_id, session.org_id, session.id, session.authenticated_at, session.amr)
        about = CodeRequest(request.redirect_uri, request.code_challenge, request.nonce)
        code = await self._authorizations.grant_code(request.client, holder, request.scope, about)
        return request.address.location({"code": code})

    def refuse(self, request: AuthorizationRequest) -> str:
        """The location that tells the client that the person does not want it."""
        return request.address.error("access_denied", "the person has denied access").location


def next_step(
    request: AuthorizationRequest,
    browser: Browser | None,
    at: int,
    *,
    after: int | None = None,
    chosen: int | None = None,
) -> Step:
    """What comes next for a request at this time: a question, or the session to go on with.

    `chosen` is the session that the person has chosen, or has signed in to, on a page of this request. `after` is when
    they signed in on such a page. Both come from a form, so they are believed only as far as the browser's own
    sessions bear them out: a sign-in must be one that its session knows of, and not older than `SIGN_IN_LIFE`.

    Raises:
        Redirected: `login_required` or `account_selection_required` where no page may be shown; `login_required` also
            if somebody else has signed in than the client asked for.
    """
    picked = _pick(request, [each for each in browser.sessions if each.impersonator is None] if browser else [], chosen)
    if isinstance(picked, BrowserSession):
        return picked if _is_fresh(request, picked, at, after) else _ask(request, Ask.SIGN_IN)
    return _ask(request, picked)


def _pick(request: AuthorizationRequest, known: Sequence[BrowserSession], chosen: int | None) -> Step:
    """The session that is meant, however old its sign-in is; `known` are those that have ended, too."""
    sessions = [each for each in known if each.is_active]
    mine = next((each for each in sessions if each.id == chosen), None)
    if request.hint is not None:
        if mine is not None and mine.user_id != request.hint.user_id:
            raise request.address.error("login_required", "somebody else has signed in")
        return next((each for each in sessions if each.user_id == request.hint.user_id), Ask.SIGN_IN)
    if mine is not None:
        return mine
    if not sessions or LOGIN in request.prompt:
        return Ask.SIGN_IN
    if SELECT_ACCOUNT in request.prompt:
        return Ask.CHOOSE
    if request.login_hint:
        return _hinted(request, known)
    return sessions[0] if len(sessions) == 1 else Ask.CHOOSE


def _hinted(request: AuthorizationRequest, known: Sequence[BrowserSession]) -> Step:
    hinted = next((each for each in known if each.login_name.lower() == request.login_hint.lower()), None)
    if hinted is not None:
        return hinted if hinted.is_active else Ask.SIGN_IN
    # With nobody of that name, the others are offered: the hint may be another name of one of them.
    return Ask.SIGN_IN if request.is_silent else Ask.CHOOSE


def _is_fresh(request: AuthorizationRequest, session: BrowserSession, at: int, after: int | None) -> bool:
    """Whether the session's sign-in is recent enough for the request."""
    signed_in = session.authenticated_at
    if _has_signed_in(session, at, after):
        return True
    if LOGIN in request.prompt:
        return False
    return request.max_age is None or (signed_in is not None and at <= signed_in + request.max_age * SECOND)


def _has_signed_in(session: BrowserSession, at: int, after: int | None) -> bool:
    """Whether the person has just signed in for a request, as `next_step` has it."""
    signed_in = session.authenticated_at
    return after is not None and at - SIGN_IN_LIFE < after and signed_in is not None and signed_in >= after


def _ask(request: AuthorizationRequest, ask: Ask) -> Ask:
    if not request.is_silent:
        return ask
    if ask is Ask.CHOOSE:
        raise request.address.error("account_selection_required", "more than one account is signed in")
    raise request.address.error("login_required", "nobody is signed in, or too long ago")
