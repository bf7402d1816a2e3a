"""Fixtures of the tests of pages and endpoints."""

from __future__ import annotations

import pytest
from oauth.conftest import one_realm, realm
from oauth.realm import Realm
from oidc.stage import Person, engine

__all__ = ["one_realm", "realm"]


@pytest.fixture
def person(realm: Realm) -> Person:
    """Somebody at a browser that has never been here."""
    return Person(engine(realm))
