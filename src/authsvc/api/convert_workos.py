"""From the store's rows to the messages of the WorkOS face."""

from __future__ import annotations

from authsvc_workos.user_management.v1.events_pb2 import Event
from authsvc_workos.user_management.v1.user_management_pb2 import Session, SessionStatus, User

from authsvc.api.convert import fill_timestamp
from authsvc.domain.sessions import TERMINATED, SessionEvent, SessionRecord, event_name
from authsvc.domain.ulid import public_id
from authsvc.domain.users import Person

_ACTIVE, _REVOKED = SessionStatus.SESSION_STATUS_ACTIVE, SessionStatus.SESSION_STATUS_REVOKED


def person_id(person: Person) -> str:
    """The id of a person, `user_` and a ULID."""
    return public_id("user", person.created_at, person.id, person.ulid)


def session_id(session: SessionRecord) -> str:
    """The id of a session, `session_` and a ULID."""
    return public_id("session", session.created_at, session.id, session.ulid)


def event_id(event: SessionEvent) -> str:
    """The id of an event, `event_` and a ULID."""
    return public_id("event", event.at, event.sequence)


def fill_person(target: User, person: Person) -> None:
    """Fill in a person; what is not known of them stays unset."""
    target.object = "user"
    target.id = person_id(person)
    target.email = person.email
    target.email_verified = bool(person.email_verified)
    known = {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "profile_picture_url": person.avatar_url,
        "external_id": person.external_id,
        "name": person.display_name,
        "locale": person.preferred_language,
    }
    for field, value in known.items():
        if value:
            setattr(target, field, value)
    fill_timestamp(target.last_sign_in_at, person.last_login)
    fill_timestamp(target.created_at, person.created_at)
    fill_timestamp(target.updated_at, person.changed_at)


def fill_session(target: Session, session: SessionRecord, status: SessionStatus = _ACTIVE) -> None:
    """Fill in a session that has this status: lists have active ones only."""
    target.object = "session"
    target.id = session_id(session)
    target.user_id = public_id("user", session.user_created_at, session.user_id, session.user_ulid)
    if session.org_id is not None and session.org_created_at is not None:
        target.organization_id = public_id("org", session.org_created_at, session.org_id, session.org_ulid)
    if session.impersonator_email is not None:
        target.impersonator.email = session.impersonator_email
        if session.impersonator_reason is not None:
            target.impersonator.reason = session.impersonator_reason
    if session.ip_address is not None:
        target.ip_address = session.ip_address
    if session.user_agent is not None:
        target.user_agent = session.user_agent
    target.auth_method = session.auth_method  # type: ignore[assignment]  # the enums share their numbers
    target.status = status
    fill_timestamp(target.expires_at, session.expires_at)
    fill_timestamp(target.ended_at, session.ended_at)
    fill_timestamp(target.created_at, session.created_at)
    fill_timestamp(target.updated_at, session.changed_at)


def fill_event(target: Event, event: SessionEvent) -> None:
    """Fill in an event with its session as it was then: of what is told, only that and when it ended changes."""
    target.object = "event"
    target.id = event_id(event)
    target.event = event_name(event.action)
    ended = event.action == TERMINATED
    ended_at = (event.session.ended_at or event.at) if ended else None
    then = event.session._replace(ended_at=ended_at, changed_at=event.at)
    fill_session(target.data, then, _REVOKED if ended else _ACTIVE)
    fill_timestamp(target.created_at, event.at)
