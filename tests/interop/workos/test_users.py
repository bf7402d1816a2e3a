from __future__ import annotations

from typing import Any

import pytest
from interop.workos.people import ADA, CROWD, FOO_CORP, Person, Site
from interop.workos.sdks import Client

ALL: dict[str, Any] = {
    "object": "user",
    "id": ADA,
    "email": "Ada@foo.example",
    "email_verified": True,
    "first_name": "Ada",
    "last_name": "Example",
    "profile_picture_url": "https://foo.example/ada.png",
    "last_sign_in_at": "2026-01-19T12:00:00.000Z",
    "external_id": "employee/17",
    "created_at": "2026-01-01T12:00:00.123Z",
    "locale": "en",
    "metadata": {},
}
UNKNOWN: dict[str, Any] = {
    "email_verified": False,
    "profile_picture_url": None,
    "last_sign_in_at": None,
    "external_id": None,
    "locale": None,
    "metadata": {},
}


def test_a_person(client: Client) -> None:
    """Every field of a person arrives."""
    seen = client("get_user", user=ADA)
    assert {name: seen[name] for name in ALL} == ALL
    assert seen["updated_at"] >= seen["created_at"]


def test_what_is_not_known_of_a_person_is_none(client: Client, site: Site) -> None:
    """Nobody's picture, locale, external id and last sign-in arrive as None, so that strict SDKs find their keys."""
    seen = client("get_user", user=site.newcomer().id)
    assert {name: seen[name] for name in UNKNOWN} == UNKNOWN


def test_a_person_by_external_id(client: Client, site: Site) -> None:
    """The id of another system leads to the same person; Python 5 and Node 8 do not encode a slash in it."""
    refused = client.refusal("get_user_by_external_id", external_id="employee-18")
    assert refused.status == 404
    if client.name in {"python-10", "node-11"}:
        assert client("get_user_by_external_id", external_id="employee/17") == client("get_user", user=ADA)


@pytest.mark.parametrize("email", ["Ada@foo.example", "ada@FOO.example"])
def test_a_person_by_email(client: Client, email: str) -> None:
    """The list of people with an e-mail address, in upper or lower case, is that person."""
    seen = client("list_users", email=email)
    assert seen["data"] == [client("get_user", user=ADA)]
    assert (seen["before"], seen["after"]) == (None, None)


def test_nobody_has_this_address(client: Client) -> None:
    """The list of people with an address of nobody is empty."""
    assert client("list_users", email="nobody@foo.example")["data"] == []


def test_people_of_an_organization(client: Client) -> None:
    """The list of an organization's people has all of them, in pages, and none of its programs."""
    first = client("list_users", organization_id=FOO_CORP, limit=100, order="asc")
    rest = client("list_users", organization_id=FOO_CORP, limit=100, order="asc", after=first["after"])
    assert [row["id"] for row in first["data"]] == [Person(number).id for number in CROWD[:100]]
    assert [row["id"] for row in rest["data"]] == [*(Person(number).id for number in CROWD[100:]), ADA]
    assert (first["before"], rest["before"], rest["after"]) == (None, Person(CROWD[100]).id, None)


def test_an_organization_that_is_none(client: Client) -> None:
    """The people of an organization that does not exist are not an empty list but NOT FOUND."""
    assert client.refusal("list_users", organization_id="org_01E4ZCR3C56J083X43JQXF3JK9").status == 404
