"""What happened to sessions, asked for with the SDKs."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from harness import NO_CERTIFICATES
from interop.workos.people import AGENT, FOO_CORP, KEYS, Person, Site
from interop.workos.sdks import Client

BOTH = ["session.created", "session.revoked"]


def all_events(client: Client, **options: Any) -> list[Any]:
    """All events, page after page."""
    rows: list[Any] = []
    after: dict[str, str] = {}
    while True:
        page = client("list_events", limit=2, **options, **after)
        rows += page["data"]
        if page["after"] is None:
            return rows
        after = {"after": page["after"]}


@pytest.fixture(scope="module")
def person(site: Site) -> Person:
    """Somebody who signed in on a browser, and whose session was then revoked."""
    person = site.newcomer()
    site.server.token(person.login_name, AGENT)
    headers = {"authorization": f"Bearer {KEYS['full']}"}
    with httpx2.Client(base_url=site.url, headers=headers, trust_env=False, verify=NO_CERTIFICATES) as http:
        (session,) = http.get(f"/user_management/users/{person.id}/sessions").json()["data"]
        http.post("/user_management/sessions/revoke", json={"session_id": session["id"]}).raise_for_status()
    return person


def test_events_tell_what_happened(client: Client, person: Person) -> None:
    """A sign-in and a revocation are events, oldest first, with the session as it was then."""
    created, revoked = [row for row in all_events(client, events=BOTH) if row["data"]["user_id"] == person.id]
    assert (created["event"], revoked["event"]) == ("session.created", "session.revoked")
    assert created["id"].startswith("event_")
    assert created["id"] < revoked["id"]
    assert created["data"]["id"] == revoked["data"]["id"]
    assert revoked["data"]["updated_at"] == revoked["created_at"]
    if client.name != "python-5":  # its events know no states
        assert (created["data"]["status"], created["data"]["ended_at"]) == ("active", None)
        assert (revoked["data"]["status"], revoked["data"]["ended_at"]) == ("revoked", revoked["created_at"])


def test_only_events_of_a_name(client: Client, person: Person) -> None:
    """`events` chooses by name; a name of WorkOS's that is nothing of ours chooses nothing."""
    seen = all_events(client, events=["session.revoked"])
    assert {row["event"] for row in seen} == {"session.revoked"}
    assert person.id in [row["data"]["user_id"] for row in seen]
    assert all_events(client, events=["connection.activated"]) == []


def test_events_go_on_behind_a_cursor(client: Client, person: Person) -> None:
    """Behind the last event there is nothing yet, until something happens."""
    seen = all_events(client, events=BOTH)
    later = client("list_events", events=BOTH, after=seen[-1]["id"])
    assert (later["data"], later["after"]) == ([], None)
    assert [row["id"] for row in seen] == sorted({row["id"] for row in seen})


def test_events_of_an_organization(client: Client, person: Person) -> None:
    """Sessions that were for no organization are not among the events of one."""
    seen = all_events(client, events=BOTH, organization_id=FOO_CORP)
    assert person.id not in [row["data"]["user_id"] for row in seen]


def test_events_of_a_time(client: Client, person: Person) -> None:
    """From `range_start` on, the events of that time and later come; in front of `range_end`, the earlier ones."""
    seen = all_events(client, events=BOTH)
    last = seen[-1]
    assert last["id"] in [row["id"] for row in all_events(client, events=BOTH, range_start=last["created_at"])]
    assert last["id"] not in [row["id"] for row in all_events(client, events=BOTH, range_end=last["created_at"])]
    assert all_events(client, events=BOTH, range_start="2126-01-01T00:00:00.000Z") == []
