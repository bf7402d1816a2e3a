"""Authorizations: when anything may still come from them."""

from __future__ import annotations

import pytest

from authsvc.domain.authorizations import AccessRecord, Authorized, Holder, Standing

NOW = 1_700_000_000_000_000
GOOD = Standing(10, 1, 2, 1, 7, 1, NOW + 1, None)


@pytest.mark.parametrize(
    ("standing", "is_good"),
    [
        (GOOD, True),
        (GOOD._replace(user_state=6), True),
        (GOOD._replace(session_id=None, session_state=None, session_expires_at=None), True),
        (GOOD._replace(user_state=2), False),
        (GOOD._replace(user_state=3), False),
        (GOOD._replace(user_state=4), False),
        (GOOD._replace(org_state=2), False),
        (GOOD._replace(session_state=2), False),
        (GOOD._replace(session_expires_at=NOW), False),
        (GOOD._replace(session_expires_at=None), False),
    ],
)
def test_standing(standing: Standing, *, is_good: bool) -> None:
    """Nothing happens in the name of a user who may not sign in, or whose organization or session has ended."""
    assert standing.is_good(NOW) is is_good


def test_authorization_is_good_until_it_is_revoked() -> None:
    """An authorization holds as long as its user's standing does, and not beyond its revocation."""
    authorized = Authorized(1, 5, "openid", None, None, None, None, None, NOW - 5, "pwd", None, GOOD)
    assert authorized.is_good(NOW)
    assert not authorized._replace(revoked_at=1).is_good(NOW)
    assert not authorized._replace(standing=GOOD._replace(org_state=2)).is_good(NOW)
    assert authorized.holder == Holder(10, 2, 7, NOW - 5, "pwd", None)


def test_access_token_is_good_until_it_expires() -> None:
    """An access token holds until its end, unless it is revoked or its user's standing is gone before."""
    record = AccessRecord(1, 5, None, "openid", NOW - 5, NOW + 1, None, GOOD)
    assert record.is_good(NOW)
    assert not record._replace(expires_at=NOW).is_good(NOW)
    assert not record._replace(revoked_at=1).is_good(NOW)
    assert not record._replace(standing=GOOD._replace(user_state=2)).is_good(NOW)
