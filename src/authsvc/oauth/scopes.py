"""Scopes: what a client may ask for, and what is left of it (RFC 6749, section 3.3; OIDC Core, section 5.4)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from authsvc.oauth.errors import OAuthError

OPENID = "openid"
OFFLINE_ACCESS = "offline_access"
SIGN_OUT = "sign_out"
OF_PERSON = (OPENID, "profile", "email", "phone", OFFLINE_ACCESS)
"""What OpenID Connect has: who somebody is, also while they are away."""
KNOWN = (*OF_PERSON, SIGN_OUT)
"""All scopes but those that name a project, in the order in which discovery lists them."""
_PROJECT = re.compile(r"urn:zitadel:iam:org:project:id:([0-9]{1,19}):aud")
# More spaces than the grammar has, as clients put them: ZITADEL's own ends its list with one.
_SYNTAX = re.compile(r" *[\x21\x23-\x5b\x5d-\x7e]+(?: +[\x21\x23-\x5b\x5d-\x7e]+)* *")


class ProjectReader(Protocol):
    """Where projects are looked up."""

    async def names(self, ids: Iterable[str]) -> Mapping[str, str]:
        """The names of those projects that exist, by their ids as they are written in a scope."""


def known(asked: str, *, offline: bool = True) -> str:
    """The scopes in `asked` that there are, each once; without `offline` there are no refresh tokens to ask for.

    Those of projects may still be of none that exists: see `existing`.

    Raises:
        OAuthError: `invalid_scope`: it is no list of scopes, or nothing is left of it.
    """
    scopes = [scope for scope in _words(asked) if scope in KNOWN or _PROJECT.fullmatch(scope)]
    if not offline and OFFLINE_ACCESS in scopes:
        scopes.remove(OFFLINE_ACCESS)
    if not scopes:
        raise OAuthError("invalid_scope", "scope names nothing that can be had here")
    return " ".join(scopes)


def existing(scope: str, found: Collection[str]) -> str:
    """`scope` without the projects that were not `found`, by their ids.

    Raises:
        OAuthError: `invalid_scope`: nothing is left of it.
    """
    left = [word for word in scope.split() if set(projects(word)) <= set(found)]
    if not left:
        raise OAuthError("invalid_scope", "scope names nothing that can be had here")
    return " ".join(left)


def narrowed(granted: str, asked: str | None) -> str:
    """What `asked` leaves of `granted`, all of it if nothing is asked (RFC 6749, section 6).

    Raises:
        OAuthError: `invalid_scope`: it asks for more.
    """
    if not asked:
        return granted
    scopes = _words(asked)
    if not set(scopes) <= set(granted.split()):
        raise OAuthError("invalid_scope", "scope asks for more than was granted")
    return " ".join(scopes)


def has(scope: str | None, name: str) -> bool:
    """Whether a token with this scope has the scope `name`; one that the operator made, without a scope, has all."""
    return scope is None or name in scope.split()


def projects(scope: str) -> list[str]:
    """The ids of the projects for which a token with this scope is meant."""
    return [match[1] for match in map(_PROJECT.fullmatch, scope.split()) if match]


def _words(asked: str) -> list[str]:
    if not _SYNTAX.fullmatch(asked):
        raise OAuthError("invalid_scope", "scope is not a list of names separated by spaces")
    return list(dict.fromkeys(asked.split()))
