"""Users: people and programs, and the names they sign in with."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from authsvc.domain.orgs import OrgState


class UserState(IntEnum):
    """State of an account; the numbers are those of zitadel.user.v1.UserState."""

    ACTIVE = 1
    INACTIVE = 2
    DELETED = 3
    LOCKED = 4
    SUSPEND = 5
    INITIAL = 6


# An initial account has not set up everything yet, but may already sign in.
USABLE_STATES = frozenset({UserState.ACTIVE, UserState.INITIAL})


def may_sign_in(state: int, org_state: int) -> bool:
    """Whether an account in this state, of an organization in that one, can be used."""
    return state in USABLE_STATES and org_state == OrgState.ACTIVE


class UserType(IntEnum):
    """Person or program; the numbers are those of zitadel.user.v1.Type."""

    HUMAN = 1
    MACHINE = 2


class Gender(IntEnum):
    """The numbers are those of zitadel.user.v1.Gender."""

    UNSPECIFIED = 0
    FEMALE = 1
    MALE = 2
    DIVERSE = 3


class AccessTokenType(IntEnum):
    """The numbers are those of zitadel.user.v1.AccessTokenType."""

    BEARER = 0
    JWT = 1


class User(NamedTuple):
    """A user as GetMyUser shows it. Times in microseconds.

    `domains` are those of the organization, separated by spaces, the primary one behind a `0` and the others a `1`.
    """

    id: int
    org_id: int
    type: int
    state: int
    user_name: str
    login: str
    display_name: str
    first_name: str
    last_name: str
    nick_name: str
    preferred_language: str
    gender: int
    avatar_url: str
    email: str
    email_verified: int
    phone: str
    phone_verified: int
    password_changed_at: int | None
    description: str
    secret_hash: str | None
    access_token_type: int
    sequence: int
    created_at: int
    changed_at: int
    last_login: int | None
    domains: str | None

    @property
    def login_names(self) -> list[str]:
        """One login name per domain of the organization, the preferred one first."""
        return [login_name(self.login, domain[1:]) for domain in sorted((self.domains or "").split())]


class Person(NamedTuple):
    """A person as back ends see them. Times in microseconds; `ulid` is one that was brought over."""

    id: int
    ulid: str | None
    created_at: int
    changed_at: int
    email: str
    email_verified: int
    display_name: str
    first_name: str
    last_name: str
    preferred_language: str
    avatar_url: str
    external_id: str | None
    last_login: int | None


def login_name(login: str, domain: str | None) -> str:
    """What a user types to sign in: `login@domain`; empty while the organization has no domain."""
    return f"{login}@{domain}" if domain else ""


def split_login_name(name: str) -> tuple[str, str] | None:
    """The login and the domain of a login name, the domain in lower case; None if it is not one."""
    login, at, domain = name.rpartition("@")
    return (login, domain.lower()) if at and login and domain else None
