"""The suite's clients, and somebody who signs in."""

from __future__ import annotations

import pytest
from oauth.realm import Realm
from oidc.conformance.stage import RelyingParty, describe, register
from oidc.stage import Person


@pytest.fixture
async def party(realm: Realm, person: Person) -> RelyingParty:
    """The first client, with a browser in which nobody is signed in."""
    await register(realm)
    await describe(realm)
    return await RelyingParty(realm, person).discover()
