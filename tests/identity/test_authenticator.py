from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from authsvc.domain.ids import MAX_ID
from authsvc.domain.orgs import OrgState
from authsvc.domain.sessions import SessionState
from authsvc.domain.tokens import FOREIGN, TokenRecord, token_hash
from authsvc.domain.users import UserState
from authsvc.errors import AuthsvcError, InsufficientScope, NotFound, PermissionDenied, Unauthenticated, Unavailable
from authsvc.identity.authenticator import Authenticator
from authsvc.identity.caller import Caller

NOW = 1_700_000_000_000_000
TOKEN = "the-token"
RECORD = TokenRecord(
    id=5,
    user_id=6,
    expires_at=NOW + 1,
    revoked_at=None,
    user_state=UserState.ACTIVE.value,
    preferred_language="de",
    org_id=7,
    org_state=OrgState.ACTIVE.value,
    session_id=8,
    session_state=SessionState.ACTIVE.value,
    session_expires_at=NOW + 1,
    agent_id=9,
    known_org=None,
)
NO_SESSION: dict[str, Any] = {"session_id": None, "session_state": None, "session_expires_at": None, "agent_id": None}


class Tokens:
    """A reader that knows one token, and remembers what it was asked."""

    def __init__(self, record: TokenRecord | None, foreign: TokenRecord | None = None) -> None:
        self.record = record
        self.foreign = foreign
        self.asked: list[tuple[bytes | str, int | None]] = []

    async def token(self, token_hash: bytes, org_id: int | None) -> TokenRecord | None:
        """The one token, whatever is asked."""
        self.asked.append((token_hash, org_id))
        return self.record

    async def foreign_token(self, external_id: str, org_id: int | None) -> TokenRecord | None:
        """The one user of another system, whatever is asked."""
        self.asked.append((external_id, org_id))
        return self.foreign


async def _caller(tokens: Tokens, *, now: int = NOW, org_ids: tuple[str, ...] = ()) -> Caller:
    return await Authenticator(tokens, lambda: now).caller([f"Bearer {TOKEN}"], org_ids)


async def _refusal(*, now: int = NOW, org_ids: tuple[str, ...] = (), **changed: Any) -> AuthsvcError:
    with pytest.raises(AuthsvcError) as caught:
        await _caller(Tokens(RECORD._replace(**changed)), now=now, org_ids=org_ids)
    return caught.value


async def test_caller_is_what_the_record_says() -> None:
    """The caller of a usable token is its user, organization, session, agent and language."""
    tokens = Tokens(RECORD)
    assert await _caller(tokens) == Caller(6, 7, 5, 8, 9, "de")
    assert tokens.asked == [(token_hash(TOKEN), None)]


async def test_caller_without_a_session() -> None:
    """A token that no sign-in made has neither session nor agent, and may be used all the same."""
    caller = await _caller(Tokens(RECORD._replace(**NO_SESSION, preferred_language="")))
    assert caller == Caller(6, 7, 5, None, None, "")


UNUSABLE: dict[str, dict[str, Any]] = {
    "expired this very moment": {"expires_at": NOW},
    "expired a microsecond ago": {"expires_at": NOW - 1},
    "expired long ago": {"expires_at": 0},
    "revoked now": {"revoked_at": NOW},
    "revoked at the beginning of time": {"revoked_at": 0},
    "revoked in the future": {"revoked_at": NOW + 10},
    "signed out": {"session_state": SessionState.TERMINATED.value},
    "a session that is gone": {"session_state": None},
    "a session in no known state": {"session_state": 0},
    "a session whose time is over": {"session_expires_at": NOW},
    "a session whose time was over long ago": {"session_expires_at": 0},
    "a session without an end": {"session_expires_at": None},
    "signed out before the session's time was over": {"session_state": 2, "session_expires_at": NOW + 1},
    "inactive": {"user_state": UserState.INACTIVE.value},
    "locked": {"user_state": UserState.LOCKED.value},
    "suspended": {"user_state": UserState.SUSPEND.value},
    "in no state": {"user_state": 0},
    "in an unknown state": {"user_state": 77},
    "expired and deleted": {"expires_at": NOW, "user_state": UserState.DELETED.value},
    "revoked and in a closed organization": {"revoked_at": NOW, "org_state": OrgState.INACTIVE.value},
    "signed out and deleted": {"session_state": 2, "user_state": UserState.DELETED.value},
    "locked in a closed organization": {"user_state": UserState.LOCKED.value, "org_state": 2},
    "expired and for an unknown organization": {"expires_at": NOW, "known_org": 0},
}


@pytest.mark.parametrize("changed", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_unusable_tokens_are_refused_alike(changed: dict[str, Any]) -> None:
    """Whatever the cause, a token that cannot be used gives the same error, which never tells why."""
    unknown = await _unknown_token()
    error = await _refusal(**changed)
    assert type(error) is Unauthenticated
    told = {"key": "Errors.Token.Invalid", "id": "AUTH-7fs1e", "parameters": {}, "token_sent": True}
    assert vars(error) == vars(unknown) == told
    assert error.args == unknown.args
    assert error.__cause__ is None
    assert error.__context__ is None


async def _unknown_token() -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        await _caller(Tokens(None))
    return caught.value


@pytest.mark.parametrize("now", [NOW - 1, NOW, NOW + 1, NOW + 2])
async def test_expiry_to_the_microsecond(now: int) -> None:
    """A token is usable until the microsecond before it or its session expires, and no longer at that very moment."""
    changes: list[dict[str, Any]] = [{"expires_at": 2**62}, {"session_expires_at": 2**62}]
    for later in changes:
        if now < NOW + 1:
            await _caller(Tokens(RECORD._replace(**later)), now=now)
        else:
            assert (await _refusal(now=now, **later)).id == "AUTH-7fs1e"


@pytest.mark.parametrize("state", UserState)
async def test_states_of_the_user(state: UserState) -> None:
    """Only active and initial users may call."""
    tokens = Tokens(RECORD._replace(user_state=state.value))
    if state in {UserState.ACTIVE, UserState.INITIAL}:
        assert (await _caller(tokens)).user_id == RECORD.user_id
    else:
        with pytest.raises(AuthsvcError):
            await _caller(tokens)


@pytest.mark.parametrize(
    "changed",
    [{"user_state": UserState.DELETED.value}, {"user_state": None, "org_id": None, "org_state": None}],
    ids=["deleted", "no row"],
)
async def test_a_user_who_is_gone(changed: dict[str, Any]) -> None:
    """A token in force of a user who is deleted, or whose row is missing, gives NotFound."""
    error = await _refusal(**changed)
    assert (type(error), error.key, error.id) == (NotFound, "Errors.User.NotFound", "QUERY-Dfbg2")


@pytest.mark.parametrize("state", [OrgState.INACTIVE.value, 0, None, 9])
async def test_an_organization_that_is_not_active(state: int | None) -> None:
    """Users of an organization in any state but active cannot call."""
    error = await _refusal(org_state=state)
    assert isinstance(error, Unauthenticated)
    assert (error.key, error.id, error.token_sent) == ("Errors.Org.NotActive", "AUTH-oR9nA", True)


ORG_HEADERS = {
    "none": ((), None),
    "an empty one": (("",), None),
    "two empty ones": (("", ""), None),
    "an id": (("7",), 7),
    "the greatest id": ((str(MAX_ID),), MAX_ID),
    "leading zeros": (("007",), 7),
    "two ids, of which the first counts": (("7", "8"), 7),
    "beyond the greatest id": ((str(MAX_ID + 1),), 0),
    "zero": (("0",), 0),
    "negative": (("-7",), 0),
    "a name": (("ZITADEL",), 0),
    "a space": ((" ",), 0),
    "spaces around": ((" 7 ",), 0),
    "an underscore": (("7_0",), 0),
    "a fraction": (("7.0",), 0),
    "other digits": (("\u0667",), 0),
    "SQL": (("7 OR 1=1",), 0),
    "very long": (("7" * 10_000,), 0),
}


@pytest.mark.parametrize(("org_ids", "asked"), ORG_HEADERS.values(), ids=ORG_HEADERS.keys())
async def test_organization_in_the_header(org_ids: tuple[str, ...], asked: int | None) -> None:
    """The store is asked for the organization that the header names; what is no id is asked as 0, which is none."""
    tokens = Tokens(RECORD._replace(known_org=None if asked is None else 1))
    await _caller(tokens, org_ids=org_ids)
    assert tokens.asked == [(token_hash(TOKEN), asked)]


@pytest.mark.parametrize("known", [None, 1, 0])
async def test_unknown_organization_is_refused(known: int | None) -> None:
    """The organization of the header must exist; which it is makes no difference to the caller."""
    if known != 0:
        assert (await _caller(Tokens(RECORD._replace(known_org=known)))).org_id == RECORD.org_id
        return
    error = await _refusal(known_org=known)
    assert (type(error), error.key, error.id) == (PermissionDenied, "Organisation doesn't exist", "AUTH-Bs7Ds")


async def test_bad_header_asks_no_store() -> None:
    """A header without a token is refused before the store is asked."""
    tokens = Tokens(RECORD)
    for headers in ([], ["Basic eA=="], ["Bearer a b"], ["Bearer a", "Bearer a"]):
        with pytest.raises(Unauthenticated):
            await Authenticator(tokens).caller(headers, [])
    assert tokens.asked == []


async def test_nothing_is_remembered() -> None:
    """A revocation counts at the very next call."""
    tokens = Tokens(RECORD)
    authenticator = Authenticator(tokens, lambda: NOW)
    await authenticator.caller([f"Bearer {TOKEN}"], [])
    tokens.record = RECORD._replace(revoked_at=NOW)
    with pytest.raises(Unauthenticated):
        await authenticator.caller([f"Bearer {TOKEN}"], [])


async def test_store_that_does_not_answer() -> None:
    """A store that does not answer is Unavailable, and never taken for an unknown token."""

    class Down:
        async def token(self, token_hash: bytes, org_id: int | None) -> TokenRecord | None:
            raise Unavailable("Errors.Store.Unavailable", "AUTHSVC-DB001")

        async def foreign_token(self, external_id: str, org_id: int | None) -> TokenRecord | None:
            raise AssertionError("the first question has no answer")

    with pytest.raises(Unavailable):
        await Authenticator(Down()).caller([f"Bearer {TOKEN}"], [])


SCOPES: dict[str, tuple[str | None, bool]] = {
    "none, of a token that an operator made": (None, True),
    "openid": ("openid", True),
    "openid among others": ("profile openid email", True),
    "another": ("profile", False),
    "one that begins so": ("openid2", False),
    "in capitals": ("OPENID", False),
    "an empty one": ("", False),
}


@pytest.mark.parametrize(("scope", "enough"), SCOPES.values(), ids=SCOPES.keys())
async def test_scopes(scope: str | None, *, enough: bool) -> None:
    """A token that a client was given needs the scope openid; one without any scope may be used for everything."""
    if enough:
        assert (await _caller(Tokens(RECORD._replace(scope=scope)))).user_id == RECORD.user_id
        return
    error = await _refusal(scope=scope)
    assert isinstance(error, InsufficientScope)
    assert (error.id, error.scope) == ("AUTHSVC-SC001", "openid")


async def test_the_scope_is_that_of_the_permission() -> None:
    """A method with a permission of its own needs the scope of that one, and no other makes up for it."""
    for scope, enough in {"sign_out": True, "openid profile": False}.items():
        authenticator = Authenticator(Tokens(RECORD._replace(scope=scope)), lambda: NOW)
        if enough:
            assert (await authenticator.caller([f"Bearer {TOKEN}"], [], "sign_out")).user_id == RECORD.user_id
        else:
            with pytest.raises(InsufficientScope) as caught:
                await authenticator.caller([f"Bearer {TOKEN}"], [], "sign_out")
            assert caught.value.scope == "sign_out"


@pytest.mark.parametrize("changed", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_scopes_of_unusable_tokens(changed: dict[str, Any]) -> None:
    """What a token that cannot be used would have been good for is told to nobody."""
    assert (await _refusal(**changed, scope="profile")).id == "AUTH-7fs1e"


class Issuers:
    """Vouches for one token, and remembers what it was asked."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.asked: list[str] = []

    async def subject(self, token: str) -> tuple[object, str] | None:
        """The one subject, for the one token."""
        self.asked.append(token)
        return ("issuer", "external") if token == self.token else None


FOREIGN_RECORD = RECORD._replace(**NO_SESSION, id=FOREIGN, expires_at=MAX_ID)


async def test_tokens_of_other_issuers() -> None:
    """A token that the store does not know is good if a trusted issuer vouches for it and the user may call."""
    tokens, issuers = Tokens(None, FOREIGN_RECORD), Issuers()
    caller = await Authenticator(tokens, lambda: NOW, foreign=issuers).caller([f"Bearer {TOKEN}"], ["7"])
    assert caller == Caller(6, 7, 0, None, None, "de")
    assert tokens.asked == [(token_hash(TOKEN), 7), ("external", 7)]


async def test_other_issuers_are_asked_for_nothing_of_ours() -> None:
    """A token that the store knows, usable or not, is shown to nobody else."""
    issuers = Issuers()
    for record in (RECORD, RECORD._replace(revoked_at=NOW), RECORD._replace(expires_at=NOW)):
        with suppress(Unauthenticated):
            await Authenticator(Tokens(record), lambda: NOW, foreign=issuers).caller([f"Bearer {TOKEN}"], [])
    assert issuers.asked == []


STRANGERS: dict[str, tuple[TokenRecord | None, Issuers]] = {
    "nobody vouches": (FOREIGN_RECORD, Issuers("another")),
    "no such user": (None, Issuers()),
    "a locked user": (FOREIGN_RECORD._replace(user_state=UserState.LOCKED.value), Issuers()),
}


@pytest.mark.parametrize(("record", "issuers"), STRANGERS.values(), ids=STRANGERS.keys())
async def test_strangers_are_refused_alike(record: TokenRecord | None, issuers: Issuers) -> None:
    """Whether no issuer vouches, or for nobody we know or let in: the refusal is that of an unknown token."""
    with pytest.raises(Unauthenticated) as caught:
        await Authenticator(Tokens(None, record), lambda: NOW, foreign=issuers).caller([f"Bearer {TOKEN}"], [])
    assert vars(caught.value) == vars(await _unknown_token())


class Noted:
    """Remembers which sessions have been in use."""

    def __init__(self) -> None:
        self.sessions: list[tuple[int | None, int]] = []

    def note(self, record: TokenRecord, at: int) -> None:
        """One more."""
        self.sessions.append((record.session_id, at))


async def test_sessions_in_use_are_noted() -> None:
    """A call that is let in notes its session; one that is refused notes nothing."""
    watch, tokens = Noted(), Tokens(RECORD)
    authenticator = Authenticator(tokens, lambda: NOW, watch=watch)
    await authenticator.caller([f"Bearer {TOKEN}"], [])
    for changed in (*UNUSABLE.values(), {"scope": "profile"}, {"known_org": 0}):
        tokens.record = RECORD._replace(**changed)
        with pytest.raises(AuthsvcError):
            await authenticator.caller([f"Bearer {TOKEN}"], [])
    assert watch.sessions == [(8, NOW)]
