from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import httpx2
import pytest
from harness import NO_CERTIFICATES
from interop.workos.people import ADA, AGENT, FOO_CORP, MASKED, Person, Site
from interop.workos.sdks import Client
from zitadel.auth_pb2 import GetMyUserRequest
from zitadel.auth_pb2_grpc import AuthServiceStub

from authsvc.domain.sessions import AuthMethod
from authsvc.domain.ulid import public_id

NEWEST_FIRST: list[dict[str, Any]] = [
    {
        "object": "session",
        "id": public_id("session", 1_768_651_200_000_000, 3),
        "ip_address": "2001:db8::1",
        "organization_id": FOO_CORP,
        "user_agent": None,
        "user_id": ADA,
        "auth_method": "sso",
        "status": "active",
        "expires_at": "2126-01-17T12:00:00.000Z",
        "ended_at": None,
        "created_at": "2026-01-17T12:00:00.000Z",
    },
    {
        "object": "session",
        "id": public_id("session", 1_768_564_800_123_456, 2),
        "ip_address": None,
        "user_agent": None,
        "user_id": ADA,
        "auth_method": "password",
        "status": "active",
        "expires_at": "2126-01-16T12:00:00.123Z",
        "ended_at": None,
        "created_at": "2026-01-16T12:00:00.123Z",
    },
    {
        "object": "session",
        "id": MASKED,
        "impersonator": {"email": "admin@foo.example", "reason": 'To see what they see, "live"'},
        "ip_address": "198.51.100.42",
        "organization_id": FOO_CORP,
        "user_agent": "Browser/1.0 (très ancien)",
        "user_id": ADA,
        "auth_method": "impersonation",
        "status": "active",
        "expires_at": "2126-01-15T12:00:00.000Z",
        "ended_at": None,
        "created_at": "2026-01-15T12:00:00.000Z",
    },
]
LEFT_OUT: dict[str, Any] = dict.fromkeys(("organization_id", "impersonator"))
TIMES = ("expires_at", "created_at", "updated_at")


@pytest.fixture
def person(site: Site) -> Person:
    """Somebody without sessions."""
    return site.newcomer()


def ids(page: Any) -> list[str]:
    """The ids of a page's rows."""
    return [row["id"] for row in page["data"]]


def test_every_field_arrives(client: Client) -> None:
    """Active sessions, newest first, with every field; an SDK that knows its fields has None where one is left out."""
    seen = client("list_sessions", user=ADA)
    rows = [{name: value for name, value in row.items() if name != "updated_at"} for row in seen["data"]]
    assert rows == [row if client.is_node else LEFT_OUT | row for row in NEWEST_FIRST]
    assert (seen["before"], seen["after"]) == (None, None)


def test_when_a_session_was_changed_is_a_time_after_its_creation(client: Client) -> None:
    """`updated_at` is a time like the others, and not before `created_at`."""
    assert all(row["updated_at"] >= row["created_at"] for row in client("list_sessions", user=ADA)["data"])


def test_values_get_their_types(client: Client) -> None:
    """Python 10 makes enums and aware times of them; the other SDKs keep text."""
    types = client("list_sessions", user=ADA)["types"]
    kinds = {name: types[name] for name in (*TIMES, "auth_method", "status")}
    if client.name == "python-10":
        assert {kinds[name] for name in TIMES} == {"datetime"}
        assert {kinds["auth_method"], kinds["status"]}.isdisjoint({"str"})
    else:
        assert set(kinds.values()) == {"string" if client.is_node else "str"}


def test_every_way_to_sign_in_has_its_name(client: Client, site: Site, person: Person) -> None:
    """All ten methods arrive under WorkOS's names; Python 5 refuses any other."""
    for method in AuthMethod:
        site.sign_in(person, 1, auth_method=method)
    seen = client("list_sessions", user=person.id)["data"]
    assert sorted(row["auth_method"] for row in seen) == sorted(method.name.lower() for method in AuthMethod)


def test_nobody_signed_in(client: Client, person: Person) -> None:
    """Without sessions the list is empty and has no cursors, which stops every pager."""
    seen = client("list_sessions", user=person.id)
    assert (seen["data"], seen["before"], seen["after"]) == ([], None, None)
    assert client("walk_sessions", user=person.id) == []


def test_a_page_has_ten_rows_unless_told(client: Client, site: Site, person: Person) -> None:
    """Without `limit` there are ten, the newest; `limit` may be from 1 to 100."""
    made = site.sign_in(person, 101)[::-1]
    assert ids(client("list_sessions", user=person.id)) == made[:10]
    assert ids(client("list_sessions", user=person.id, limit=1)) == made[:1]
    assert ids(client("list_sessions", user=person.id, limit=100)) == made[:100]


def pages(client: Client, person: Person, cursor: str, **options: Any) -> Iterator[Any]:
    """Pages from where `options` say on, along one of the cursors, until it is null."""
    while True:
        page = client("list_sessions", user=person.id, **options)
        yield page
        if page[cursor] is None:
            return
        options = options | {cursor: page[cursor]}


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_forth_and_back(client: Client, site: Site, person: Person, order: str) -> None:
    """`after` leads through all pages to the end, and `before` back from there over the same pages."""
    made = site.sign_in(person, 6)
    shown = made if order == "asc" else made[::-1]
    forth = list(pages(client, person, "after", limit=2, order=order))
    assert [ids(page) for page in forth] == [shown[:2], shown[2:4], shown[4:]]
    assert [page["before"] for page in forth] == [None, shown[2], shown[4]]
    assert [page["after"] for page in forth] == [shown[1], shown[3], None]
    back = list(pages(client, person, "before", limit=2, order=order, before=shown[4]))
    assert [ids(page) for page in back] == [shown[2:4], shown[:2]]


def test_normal_order(client: Client, site: Site, person: Person) -> None:
    """`normal` is newest first, and `before` leads to what is older; Python 5 does not know it and says so itself."""
    made = site.sign_in(person, 5)[::-1]
    if client.name == "python-5":
        assert client.refusal("list_sessions", user=person.id, order="normal").kind == "ValidationError"
        return
    seen = list(pages(client, person, "before", limit=2, order="normal"))
    assert [ids(page) for page in seen] == [made[:2], made[2:4], made[4:]]
    assert [page["after"] for page in seen] == [None, made[2], made[4]]


def test_between_two_cursors(client: Client, site: Site, person: Person) -> None:
    """With both cursors, as some pagers send them, the rows between come, those behind `after` first."""
    made = site.sign_in(person, 6)[::-1]
    seen = client("list_sessions", user=person.id, limit=2, after=made[0], before=made[5])
    assert ids(seen) == made[1:3]


def test_a_cursor_outlives_its_session(client: Client, site: Site, person: Person) -> None:
    """A list goes on behind a session that has been revoked since."""
    made = site.sign_in(person, 4)[::-1]
    client("revoke_session", session=made[1])
    assert ids(client("list_sessions", user=person.id, after=made[1])) == made[2:]


def test_cursors_tell_nothing_of_others(client: Client, site: Site, person: Person) -> None:
    """The id of somebody else's session leads to the same rows as one that never was, of the same millisecond."""
    theirs = site.sign_in(site.newcomer(), 1, at=1_780_000_000_000_500)[0]
    mine = site.sign_in(person, 6, at=1_780_000_000_000_000)
    never = theirs[:-6] + "ZZZZZZ"
    assert theirs not in mine
    assert never != theirs
    for cursor in ("after", "before"):
        foreign, unknown = (client("list_sessions", user=person.id, **{cursor: id_}) for id_ in (theirs, never))
        assert foreign == unknown
        assert set(ids(foreign)) <= set(mine)


def test_revoking(client: Client, site: Site, person: Person) -> None:
    """Revoking gives nothing back and takes the session, and no other, off the list; again is the same as once."""
    first, second = site.sign_in(person, 2)
    assert client("revoke_session", session=first) is None
    assert ids(client("list_sessions", user=person.id)) == [second]
    assert client("revoke_session", session=first) is None


def test_a_revoked_session_is_refused_at_once(client: Client, site: Site, person: Person) -> None:
    """The user's access token is good until the session is revoked, and refused at the next call, on JSON and gRPC."""
    token = site.server.token(person.login_name, AGENT)
    assert statuses(site, token) == (200, grpc.StatusCode.OK)
    (session,) = ids(client("list_sessions", user=person.id))
    client("revoke_session", session=session)
    assert statuses(site, token) == (401, grpc.StatusCode.UNAUTHENTICATED)


def statuses(site: Site, token: str) -> tuple[int, grpc.StatusCode]:
    """How a call with this token ends, by JSON and by gRPC."""
    authorization = f"Bearer {token}"
    with httpx2.Client(base_url=site.url, trust_env=False, verify=NO_CERTIFICATES) as client:
        plain = client.get("/auth/v1/users/me", headers={"authorization": authorization})
    with grpc.insecure_channel(site.server.address) as channel:
        call = AuthServiceStub(channel).GetMyUser.with_call  # type: ignore[no-untyped-call]
        try:
            _, answered = call(GetMyUserRequest(), metadata=[("authorization", authorization)])
        except grpc.RpcError as error:
            return plain.status_code, error.code()
        return plain.status_code, answered.code()
