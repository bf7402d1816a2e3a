"""Signing in (OpenID Connect Core, section 3.1.2.3): who somebody is, and the session that their browser gets."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from typing import NamedTuple, Protocol

import structlog

from authsvc.domain.accounts import Account, Browser, BrowserSession, Proof, Visitor
from authsvc.domain.attempts import Bucket
from authsvc.domain.authorizations import Terms
from authsvc.domain.clock import Clock, now
from authsvc.domain.sessions import AuthMethod, SignIn
from authsvc.domain.tokens import new_token, token_hash
from authsvc.domain.users import UserType, may_sign_in, split_login_name
from authsvc.errors import Refused, TooMany
from authsvc.identity.passwords import Passwords, WeakPassword, check_password
from authsvc.oauth.device_names import device_name
from authsvc.oauth.guessing import (
    Attempts,
    Guessing,
    TooManyAttempts,
    account_buckets,
    address_buckets,
    change_bucket,
    code_bucket,
    device_bucket,
)
from authsvc.oauth.second_factor import Pending, Seals, matching_step, open_pending, seal_pending

__all__ = [
    "Begun",
    "Impersonated",
    "PendingOver",
    "SecondFactor",
    "SignIns",
    "TooManyAttempts",
    "WeakPassword",
    "WrongCredentials",
]

_PASSWORD = "pwd"  # noqa: S105 - of RFC 8176
_PASSWORD_AND_CODE = "pwd otp mfa"  # noqa: S105 - likewise


class WrongCredentials(Exception):
    """The login name, the password or the code is wrong, or the account cannot be used: nobody is told which."""


class PendingOver(Exception):
    """The code came too late after the password; sign in anew."""


class Impersonated(Exception):
    """What only a person themselves may do was asked for in an impersonator's session."""


class SecondFactor(NamedTuple):
    """The password was right, and now the code is wanted. `pending` goes into the form that asks for it."""

    pending: str


class Begun(NamedTuple):
    """A session has been made or renewed. `cookie` is the browser's new secret; the old one is dead."""

    session_id: int
    cookie: str


class AccountStore(Protocol):
    """Where accounts and browsers are kept."""

    async def by_login_name(self, login: str, domain: str) -> Account | None:
        """The account with this login name, whatever its state."""

    async def by_email(self, email: str) -> Account | None:
        """The account of the one person with this e-mail address, which is theirs for sure."""

    async def by_id(self, user_id: int) -> Account | None:
        """The account of this user."""

    async def known_device(self, cookie_hash: bytes, user_id: int) -> int | None:
        """The id of the user agent with this cookie if the user has been signed in there, else None."""

    async def accept_step(self, user_id: int, step: int) -> bool:
        """Keep in mind that the code of a time step was used; False if it, or one after it, was already."""

    async def replace_hash(self, user_id: int, old: str, new: str) -> bool:
        """Hash the same password anew; False if it is no longer the same."""

    async def change_password(self, user_id: int, old: str, new: str, *, others_than: int | None) -> bool:
        """A new password, and the end of all sessions but one unless that is None; False if `old` is not its hash."""

    async def begin(self, proof: Proof, cookies: tuple[bytes | None, bytes], device: str, sign_in: SignIn) -> int:
        """The session of whoever proved who they are in the browser with the first cookie, which now has the second."""

    async def browser(self, cookie_hash: bytes) -> Browser | None:
        """The browser with this cookie."""

    async def sign_out(self, agent_id: int, session_id: int | None) -> bool:
        """End a session on the agent, or all of them; False if the session is of another agent, or none at all."""


class SignIns:
    """Signs people in and out.

    Every refusal of a password takes the same time and says the same, whatever the reason.
    """

    def __init__(
        self,
        accounts: AccountStore,
        attempts: Attempts,
        passwords: Passwords,
        seals: Seals,
        terms: Terms,
        clock: Clock = now,
    ) -> None:
        self._accounts = accounts
        self._guessing = Guessing(attempts)
        self._passwords = passwords
        self._seals = seals
        self._terms = terms
        self._clock = clock
        self._log = structlog.get_logger("authsvc.oauth")

    async def password(
        self, login_name: str, password: str, visitor: Visitor, *, cookie: str | None = None
    ) -> Proof | SecondFactor:
        """Who has this login name, or else this e-mail address, and password.

        With `cookie` a browser shows that they have been signed in there.

        Raises:
            WrongCredentials: they are wrong, or the account cannot be used.
            TooManyAttempts: of this account or from this address.
        """
        name = login_name.strip()
        account = await self._find(name)
        agent_id = await self._device(account, cookie)
        buckets = _password_buckets(account, name, agent_id, visitor)
        await self._guessing.take(*buckets)
        usable = account if account is not None and _is_usable(account) else None
        held = usable.password_hash if usable is not None else None
        async with self._guessing.unless_busy(*buckets):
            verdict = await self._passwords.verify(held, password)
        if usable is None or held is None or not verdict.is_right:
            self._log.info("sign-in refused", user_id=account and str(account.user_id), ip=visitor.ip_address)
            raise WrongCredentials
        await self._guessing.give_back(*buckets)
        if verdict.is_outdated:
            usable = await self._hashed_anew(usable, held, password)
        if usable.totp is None:
            return Proof(usable.user_id, _PASSWORD, self._clock(), usable.secrets)
        pending = Pending(usable.user_id, _PASSWORD, self._clock(), agent_id, usable.secrets)
        return SecondFactor(seal_pending(self._seals, pending))

    async def code(self, pending: str, code: str, visitor: Visitor) -> Proof:
        """Who has given their password before, and now the right code.

        Raises:
            PendingOver: the password was given too long ago, or it or the second factor is another one since.
            WrongCredentials: the code is wrong, or has been used already; or the account cannot be used any more.
            TooManyAttempts: of this account or from this address.
        """
        at = self._clock()
        opened = open_pending(self._seals, pending, at)
        if opened is None:
            raise PendingOver
        buckets = (code_bucket(opened.user_id, opened.agent_id), *address_buckets(visitor.ip_address))
        await self._guessing.take(*buckets)
        account = await self._accounts.by_id(opened.user_id)
        if account is None or not _is_usable(account):
            raise WrongCredentials
        if account.totp is None or not hmac.compare_digest(account.secrets, opened.secrets):
            raise PendingOver
        step = matching_step(self._seals, account.user_id, account.totp, code, at)
        if step is None or not await self._accounts.accept_step(account.user_id, step):
            self._log.info("code refused", user_id=str(account.user_id), ip=visitor.ip_address)
            raise WrongCredentials
        await self._guessing.give_back(*buckets)
        return Proof(account.user_id, _PASSWORD_AND_CODE, at, account.secrets)

    async def begin(self, proof: Proof, cookie: str | None, visitor: Visitor) -> Begun:
        """Make or renew the session of somebody who has just shown who they are, in the browser with this cookie.

        The browser gets a new cookie each time, so that one which somebody else has planted there is worth nothing.

        Raises:
            WrongCredentials: the account cannot be used any more, or with another password or second factor.
        """
        new = new_token()
        device = await asyncio.to_thread(device_name, visitor.user_agent)
        sign_in = SignIn(
            auth_method=AuthMethod.PASSWORD,
            ip_address=visitor.ip_address,
            user_agent=visitor.user_agent,
            lifetime=self._terms.session_life,
            authenticated_at=proof.at,
            amr=proof.amr,
            idle_life=self._terms.session_idle,
        )
        cookies = (token_hash(cookie) if cookie else None, token_hash(new))
        try:
            session_id = await self._accounts.begin(proof, cookies, device, sign_in)
        except Refused:
            raise WrongCredentials from None
        self._log.info("signed in", user_id=str(proof.user_id), session_id=str(session_id), ip=visitor.ip_address)
        return Begun(session_id, new)

    async def browser(self, cookie: str | None) -> Browser | None:
        """The browser with this cookie, and who is signed in there."""
        return await self._accounts.browser(token_hash(cookie)) if cookie else None

    async def sign_out(self, browser: Browser, session_id: int) -> None:
        """End one session of the browser; one of another browser is left alone."""
        await self._accounts.sign_out(browser.agent_id, session_id)

    async def sign_out_all(self, browser: Browser) -> None:
        """End all sessions of the browser."""
        await self._accounts.sign_out(browser.agent_id, None)

    async def change_password(
        self, session: BrowserSession, old: str, new: str, visitor: Visitor, *, others: bool
    ) -> None:
        """Give the person of a session a new password, and unless not `others` end their other sessions.

        Raises:
            Impersonated: the session is not the person's own.
            WeakPassword: nobody may choose the new password.
            WrongCredentials: the old one is wrong, or there is none.
            TooManyAttempts: with wrong ones.
        """
        if session.impersonator is not None:
            raise Impersonated
        check_password(new, session.login_name)
        buckets = (change_bucket(session.user_id), *address_buckets(visitor.ip_address))
        await self._guessing.take(*buckets)
        account = await self._accounts.by_id(session.user_id)
        held = account.password_hash if account is not None and _is_usable(account) else None
        async with self._guessing.unless_busy(*buckets):
            verdict = await self._passwords.verify(held, old)
            if held is None or not verdict.is_right:
                raise WrongCredentials
            new_hash = await self._passwords.hash(new)
        keep = session.id if others else None
        if not await self._accounts.change_password(session.user_id, held, new_hash, others_than=keep):
            raise WrongCredentials
        await self._guessing.give_back(*buckets)
        self._log.info("password changed", user_id=str(session.user_id), ip=visitor.ip_address)

    async def _find(self, name: str) -> Account | None:
        words = split_login_name(name)
        if words is None:
            return None
        return await self._accounts.by_login_name(*words) or await self._accounts.by_email(name)

    async def _hashed_anew(self, account: Account, held: str, password: str) -> Account:
        """The account with a hash of today's parameters, its own or that of a faster sign-in; as it was if all wait."""
        with suppress(TooMany):
            new = await self._passwords.hash(password)
            if await self._accounts.replace_hash(account.user_id, held, new):
                return account._replace(password_hash=new)
            latest = await self._accounts.by_id(account.user_id)
            if latest is not None and (await self._passwords.verify(latest.password_hash, password)).is_right:
                return latest
        return account

    async def _device(self, account: Account | None, cookie: str | None) -> int | None:
        if account is None or not cookie:
            return None
        return await self._accounts.known_device(token_hash(cookie), account.user_id)


def _password_buckets(account: Account | None, name: str, agent_id: int | None, visitor: Visitor) -> tuple[Bucket, ...]:
    if account is not None and agent_id is not None:
        return (device_bucket(account.user_id, agent_id),)
    return (*account_buckets(account.user_id if account else None, name), *address_buckets(visitor.ip_address))


def _is_usable(account: Account) -> bool:
    return account.type == UserType.HUMAN and may_sign_in(account.state, account.org_state)
