"""Machine users at the token endpoint: their secrets, as clients have them (RFC 6749, section 2.3.1), and tokens.

A machine user calls itself by its id or a login name. It has no session and gets no refresh token: it can prove who it
is whenever it likes.
"""

from __future__ import annotations

from contextlib import suppress

from authsvc.domain.accounts import Visitor
from authsvc.domain.attempts import Bucket
from authsvc.domain.authorizations import Holder
from authsvc.domain.clock import SECOND
from authsvc.domain.ids import parse_id
from authsvc.domain.machines import Machine
from authsvc.domain.users import AccessTokenType
from authsvc.errors import TooMany
from authsvc.identity.passwords import Passwords
from authsvc.oauth import scopes
from authsvc.oauth.clients import credentials
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenAnswer, TokenRequest
from authsvc.oauth.guessing import Guessing, address_buckets, folded
from authsvc.oauth.issue import Issuing
from authsvc.store.executor import Transaction
from authsvc.store.machines import Machines

_CREDENTIALS = ("client_secret", "client_assertion", "client_assertion_type")


class MachineAuthentication:
    """Tells which machine user asks. Every refusal takes the same time and says the same, whatever the reason."""

    def __init__(self, machines: Machines, passwords: Passwords, guessing: Guessing) -> None:
        self._machines = machines
        self._passwords = passwords
        self._guessing = guessing

    async def machine(self, request: TokenRequest) -> Machine:
        """The machine user that asks, which has shown its secret.

        Raises:
            OAuthError: `invalid_client`: there is none, it cannot be used, or it is not the one it says;
                `invalid_request`: it says so twice.
            TooManyAttempts: of guessing the secret of this one or from this address.
        """
        name, secret = credentials(request)
        if not secret:
            raise _refused()
        machine = await self._machines.by_name(name)
        buckets = _buckets(machine, name, request.visitor)
        await self._guessing.take(*buckets)
        usable = machine if machine is not None and machine.is_usable else None
        held = usable.secret_hash if usable else None
        async with self._guessing.unless_busy(*buckets):
            verdict = await self._passwords.verify(held, secret)
        if usable is None or held is None or not verdict.is_right:
            raise _refused()
        await self._guessing.give_back(*buckets)
        if verdict.is_outdated:
            with suppress(TooMany):  # later, then
                await self._machines.replace_hash(usable.user_id, held, await self._passwords.hash(secret))
        return usable


class MachineTokens:
    """Gives machine users their tokens."""

    def __init__(self, issuing: Issuing, projects: scopes.ProjectReader) -> None:
        self._issuing = issuing
        self._projects = projects

    async def answer(self, tx: Transaction, machine: Machine, request: TokenRequest) -> TokenAnswer:
        """An access token of the sort that the machine user has chosen, with the scope that the request asks for.

        Raises:
            OAuthError: `invalid_scope`.
        """
        scope = await asked_scope(request, self._projects)
        holder = Holder(machine.user_id, machine.org_id, None, None, "")
        as_jwt = machine.access_token_type == AccessTokenType.JWT
        token, expires_in = await self._issuing.access_token(
            tx, holder, scope, client=None, authorization_id=None, as_jwt=as_jwt
        )
        return TokenAnswer(token, expires_in, scope)


async def asked_scope(request: TokenRequest, projects: scopes.ProjectReader) -> str:
    """The scope that a request asks for, `openid` if it does not say; nothing that stands for refresh tokens.

    Raises:
        OAuthError: `invalid_scope`.
    """
    scope = scopes.known(request.form.get("scope") or scopes.OPENID, offline=False)
    return scopes.existing(scope, await projects.names(scopes.projects(scope)))


def refuse_credentials(request: TokenRequest) -> None:
    """Refuse a request that says in a second way who asks: one of them would go unchecked.

    Raises:
        OAuthError: `invalid_request`.
    """
    if request.authorization or any(request.form.get(name) for name in _CREDENTIALS):
        raise OAuthError("invalid_request", "the request says in two ways who asks")


def _buckets(machine: Machine | None, name: str, visitor: Visitor) -> tuple[Bucket, ...]:
    """Tries of the secret of one machine user, counted for each address apart: a stranger's do not lock it out.

    It may ask for as many tokens at once. Tries are counted by what it calls itself, too, as those of people are.
    """
    address, user_id = visitor.ip_address, parse_id(name)
    spelt = folded(name) if user_id is None else str(user_id)
    of_machine = f"machine:{machine.user_id}" if machine else f"no machine:{spelt}"
    buckets = (Bucket(f"{each} {address}", 30, 30 * SECOND) for each in (of_machine, f"machine name:{spelt}"))
    return (*buckets, *address_buckets(address))


def _refused() -> OAuthError:
    return OAuthError("invalid_client", "the client is not known, or has not shown that it is the one it says")
