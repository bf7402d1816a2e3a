"""Scopes: what is left of what is asked."""

from __future__ import annotations

import pytest

from authsvc.oauth.errors import OAuthError
from authsvc.oauth.scopes import existing, has, known, narrowed, projects

MAP = "urn:zitadel:iam:org:project:id:800:aud"


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("openid", "openid"),
        ("openid openid", "openid"),
        ("email openid", "email openid"),
        ("openid address roles", "openid"),
        (f"openid {MAP}", f"openid {MAP}"),
        (f"openid {MAP}x urn:zitadel:iam:org:project:id::aud urn:zitadel:iam:org:project:id:x:aud", "openid"),
        ("openid  profile", "openid profile"),
        (" openid profile ", "openid profile"),
        ("openid OPENID", "openid"),
    ],
)
def test_unknown_scopes_are_left_out(asked: str, left: str) -> None:
    """Scopes that do not exist are left out, the others stay in their order, each once."""
    assert known(asked) == left


@pytest.mark.parametrize("asked", ["", " ", "openid\temail", "openid\n", 'op"enid', "address", "é"])
def test_nothing_is_no_scope(asked: str) -> None:
    """What is no list of scopes, or names none that exists, is refused."""
    with pytest.raises(OAuthError, match="invalid_scope"):
        known(asked)


def test_scope_for_refreshing_is_left_out_for_clients_that_may_not() -> None:
    """Without refresh tokens there is no `offline_access`, and that alone is nothing."""
    assert known("openid offline_access", offline=False) == "openid"
    with pytest.raises(OAuthError, match="invalid_scope"):
        known("offline_access", offline=False)


def test_narrowing() -> None:
    """A subset of what was granted can be asked for, nothing means all of it, and more is refused."""
    assert narrowed("openid email", None) == narrowed("openid email", "") == "openid email"
    assert narrowed("openid email", "email") == "email"
    with pytest.raises(OAuthError, match="invalid_scope"):
        narrowed("openid email", "email phone")


def test_token_of_the_operator_has_every_scope() -> None:
    """A token without a scope may everything, one with a scope only that, and an empty one nothing."""
    assert has(None, "openid")
    assert has("email openid", "openid")
    assert not has("openidx", "openid")
    assert not has("", "openid")


def test_projects_are_named_by_their_ids() -> None:
    """The ids of projects are read out of a scope."""
    assert projects(f"openid {MAP} urn:zitadel:iam:org:project:id:9:aud") == ["800", "9"]


def test_projects_that_do_not_exist_are_left_out() -> None:
    """What is no project's stays; if nothing is left, the scope is refused."""
    other = "urn:zitadel:iam:org:project:id:9:aud"
    assert existing(f"openid {MAP} {other}", {"800": "Map"}) == f"openid {MAP}"
    with pytest.raises(OAuthError, match="invalid_scope"):
        existing(other, {})
