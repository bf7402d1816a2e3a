"""Discovery and keys over HTTP."""

from __future__ import annotations

import pytest
from oauth.realm import ISSUER, Realm
from oidc.stage import Person, question

from authsvc.oidc.app import PATHS as ALL
from authsvc.oidc.metadata import PATHS


@pytest.mark.parametrize("path", PATHS)
async def test_discovery(person: Person, path: str) -> None:
    """Both documents are the same, may be kept for five minutes, and name only addresses that there are."""
    found = await person.get(path)
    assert (found.status, found.headers["content-type"]) == (200, "application/json")
    assert found.headers["cache-control"] == "public, max-age=300"
    assert found.json == (await person.get(PATHS[0])).json
    assert found.json["issuer"] == ISSUER
    named = {value.removeprefix(ISSUER) for name, value in found.json.items() if name.endswith(("_endpoint", "_uri"))}
    assert len(named) == 8
    assert named <= ALL
    assert set(found.json["grant_types_supported"]) == {
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
    }


async def test_every_language_there_is(person: Person) -> None:
    """Each language that is advertised has pages."""
    for language in (await person.get(PATHS[0])).json["ui_locales_supported"]:
        page = await person.go(question(ui_locales=language))
        assert page.document.all("html")[0]["lang"] == language


async def test_keys(realm: Realm, person: Person) -> None:
    """The public keys, and nothing private; by them a client verifies what it gets."""
    found = await person.get("/oauth/v2/keys")
    assert found.headers["cache-control"] == "public, max-age=300"
    assert {key["kty"] for key in found.json["keys"]} == {"RSA", "OKP"}
    for key in found.json["keys"]:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
    assert found.json["keys"] == await realm.keyring.public()
