"""From rows to the messages of the WorkOS face."""

from __future__ import annotations

from typing import Any

import pytest
from authsvc_workos.user_management.v1.events_pb2 import Event
from authsvc_workos.user_management.v1.user_management_pb2 import AuthMethod as AuthMethodMessage
from authsvc_workos.user_management.v1.user_management_pb2 import Session, SessionStatus, User
from google.protobuf.timestamp_pb2 import Timestamp

from authsvc.api.convert_workos import fill_event, fill_person, fill_session
from authsvc.domain.sessions import AuthMethod, SessionEvent, SessionRecord, SessionState
from authsvc.domain.ulid import parse_public_id, public_id
from authsvc.domain.users import Person

SECOND = 1_000_000
AT = 1_700_000_000 * SECOND
RECORD = SessionRecord(
    id=1,
    ulid=None,
    created_at=AT,
    changed_at=AT + SECOND,
    expires_at=AT + 10 * SECOND,
    ended_at=None,
    state=SessionState.ACTIVE,
    auth_method=AuthMethod.SSO,
    ip_address=None,
    user_agent=None,
    impersonator_email=None,
    impersonator_reason=None,
    user_id=2,
    user_ulid=None,
    user_created_at=AT - SECOND,
    org_id=None,
    org_ulid=None,
    org_created_at=None,
)
PERSON = Person(
    id=2,
    ulid=None,
    created_at=AT,
    changed_at=AT + SECOND,
    email="gigi@zitadel.com",
    email_verified=1,
    display_name="Gigi Giraffe",
    first_name="Gigi",
    last_name="Giraffe",
    preferred_language="en",
    avatar_url="https://example.com/gigi.png",
    external_id="g-1",
    last_login=AT + 2 * SECOND,
)


def session(record: SessionRecord, status: SessionStatus = SessionStatus.SESSION_STATUS_ACTIVE) -> Session:
    """The message of a record."""
    message = Session()
    fill_session(message, record, status)
    return message


def stamp(microseconds: int) -> Timestamp:
    """A time as the messages have it."""
    return Timestamp(seconds=microseconds // SECOND, nanos=microseconds % SECOND * 1_000)


def test_a_session_with_nothing_to_say() -> None:
    """What is not known is unset, so that JSON can say null or leave it out."""
    message = session(RECORD)
    assert (message.object, message.user_id) == ("session", public_id("user", AT - SECOND, 2))
    assert parse_public_id("session", message.id) == parse_public_id("session", public_id("session", AT, 1))
    for field in ("impersonator", "ip_address", "organization_id", "user_agent", "ended_at"):
        assert not message.HasField(field), field
    assert message.expires_at == stamp(AT + 10 * SECOND)
    assert (message.created_at, message.updated_at) == (stamp(AT), stamp(AT + SECOND))


def test_a_session_with_everything() -> None:
    """Every field, and the ids that were brought over."""
    ulids = [f"01E4ZCR3C56J083X43JQXF3JK{digit}" for digit in "123"]
    record = RECORD._replace(
        ulid=ulids[0],
        ip_address="198.51.100.42",
        user_agent="",
        impersonator_email="admin@example.com",
        user_ulid=ulids[1],
        org_id=3,
        org_ulid=ulids[2],
        org_created_at=AT,
    )
    message = session(record)
    assert (message.id, message.user_id, message.organization_id) == (
        f"session_{ulids[0]}",
        f"user_{ulids[1]}",
        f"org_{ulids[2]}",
    )
    assert (message.ip_address, message.HasField("user_agent")) == ("198.51.100.42", True)
    assert message.impersonator.email == "admin@example.com"
    assert not message.impersonator.HasField("reason")
    reasoned = session(record._replace(impersonator_reason="why not"))
    assert reasoned.impersonator.reason == "why not"


@pytest.mark.parametrize("method", list(AuthMethod))
def test_ways_to_sign_in_share_their_numbers(method: AuthMethod) -> None:
    """Each has the same name in the contract, and the contract has no other."""
    message = session(RECORD._replace(auth_method=method))
    assert AuthMethodMessage.Name(message.auth_method) == f"AUTH_METHOD_{method.name}"
    assert len(AuthMethodMessage.values()) == len(AuthMethod) + 1


def test_a_person() -> None:
    """Every field."""
    message = User()
    fill_person(message, PERSON)
    assert message == User(
        object="user",
        id=public_id("user", AT, 2),
        email="gigi@zitadel.com",
        email_verified=True,
        first_name="Gigi",
        last_name="Giraffe",
        profile_picture_url="https://example.com/gigi.png",
        last_sign_in_at=stamp(AT + 2 * SECOND),
        external_id="g-1",
        name="Gigi Giraffe",
        locale="en",
        created_at=stamp(AT),
        updated_at=stamp(AT + SECOND),
    )


def test_a_person_of_whom_little_is_known() -> None:
    """Empty texts of the store are unknown, so that JSON says null."""
    message = User()
    nothing: dict[str, Any] = dict.fromkeys(
        ("email", "display_name", "first_name", "last_name", "preferred_language", "avatar_url"), ""
    )
    fill_person(message, PERSON._replace(**nothing, external_id=None, last_login=None, email_verified=0))
    assert message == User(
        object="user",
        id=public_id("user", AT, 2),
        created_at=stamp(AT),
        updated_at=stamp(AT + SECOND),
    )


def test_an_event_shows_its_session_as_it_was() -> None:
    """A session that has ended since, and is over by now, was active when it was made."""
    ended = RECORD._replace(state=SessionState.TERMINATED, ended_at=AT + 5 * SECOND, changed_at=AT + 5 * SECOND)
    created, revoked = Event(), Event()
    fill_event(created, SessionEvent(7, AT, "created", ended))
    fill_event(revoked, SessionEvent(9, AT + 5 * SECOND, "terminated", ended))
    assert [(event.object, event.event) for event in (created, revoked)] == [
        ("event", "session.created"),
        ("event", "session.revoked"),
    ]
    assert created.id == public_id("event", AT, 7)
    assert created.data == session(RECORD._replace(changed_at=AT))
    assert revoked.data == session(ended, SessionStatus.SESSION_STATUS_REVOKED)
    assert (created.created_at, revoked.created_at) == (stamp(AT), stamp(AT + 5 * SECOND))
    assert revoked.data.status == SessionStatus.SESSION_STATUS_REVOKED


def test_an_event_of_a_session_that_lives_again() -> None:
    """A revocation stays one although the session was set active later."""
    revoked = Event()
    fill_event(revoked, SessionEvent(9, AT + 5 * SECOND, "terminated", RECORD))
    assert revoked.data.status == SessionStatus.SESSION_STATUS_REVOKED
    assert revoked.data.ended_at == stamp(AT + 5 * SECOND)
