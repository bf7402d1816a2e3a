"""From rows of the statements to the messages of AuthService, as protobuf-py has them.

Messages are filled attribute by attribute, which takes a third of the time that their constructors' keywords take.
"""

# ruff: noqa: INP001 - next to a program, and no part of a package

from typing import Any

from connect_stubs.zitadel.auth_pb import (
    GetMyUserResponse,
    ListMyUserGrantsResponse,
    ListMyUserSessionsResponse,
    UserGrant,
)
from connect_stubs.zitadel.object_pb import ListDetails, ObjectDetails
from connect_stubs.zitadel.user_pb import Email, Human, Machine, Phone, Profile, Session, User
from protobuf import Oneof
from protobuf.wkt.google.protobuf.timestamp_pb import Timestamp

Row = tuple[Any, ...]
_MACHINE = 2
_SECOND = 1_000_000


def user_response(row: Row) -> Any:
    """The response of GetMyUser."""
    id_, org_id, type_, state, user_name, login, *rest = row
    *personal, sequence, created_at, changed_at, last_login, domains = rest
    user = User()
    user.id = str(id_)
    user.details = _details(sequence, org_id, created_at, changed_at)
    user.state = state
    user.user_name = user_name
    if login_names := [f"{login}@{domain[1:]}" for domain in sorted((domains or "").split())]:
        user.login_names = login_names
        user.preferred_login_name = login_names[0]
    user.type = Oneof("machine", _machine(*personal)) if type_ == _MACHINE else Oneof("human", _human(*personal))
    response = GetMyUserResponse()
    response.user = user
    if last_login is not None:
        response.last_login = _timestamp(last_login)
    return response


def sessions_response(rows: list[Row]) -> Any:
    """The response of ListMyUserSessions."""
    response = ListMyUserSessionsResponse()
    response.result = [_session(*row) for row in rows]
    return response


def grants_response(rows: list[Row]) -> Any:
    """The response of ListMyUserGrants. An empty page is one row without a grant."""
    total, sequence, changed_at = rows[0][:3]
    details = ListDetails()
    details.total_result = total
    details.processed_sequence = sequence or 0
    if changed_at is not None:
        details.view_timestamp = _timestamp(changed_at)
    response = ListMyUserGrantsResponse()
    response.details = details
    response.result = [_grant(*row[3:]) for row in rows if row[3] is not None]
    return response


def _human(
    display_name: str,
    first_name: str,
    last_name: str,
    nick_name: str,
    preferred_language: str,
    gender: int,
    avatar_url: str,
    email: str,
    email_verified: int,
    phone: str,
    phone_verified: int,
    password_changed_at: int | None,
    *_: Any,
) -> Any:
    human, profile = Human(), Profile()
    profile.first_name = first_name
    profile.last_name = last_name
    profile.nick_name = nick_name
    profile.display_name = display_name
    profile.preferred_language = preferred_language or "und"
    profile.gender = gender
    profile.avatar_url = avatar_url
    human.profile = profile
    human.email = address = Email()
    address.email = email
    address.is_email_verified = bool(email_verified)
    human.phone = number = Phone()
    number.phone = phone
    number.is_phone_verified = bool(phone_verified)
    if password_changed_at is not None:
        human.password_changed = _timestamp(password_changed_at)
    return human


def _machine(display_name: str, *rest: Any) -> Any:
    description, has_secret, access_token_type = rest[-3:]
    machine = Machine()
    machine.name = display_name
    machine.description = description
    machine.has_secret = bool(has_secret)
    machine.access_token_type = access_token_type
    return machine


def _session(
    id_: int,
    agent_id: int,
    state: int,
    user_id: int,
    user_name: str,
    login: str,
    domain: str | None,
    display_name: str,
    avatar_url: str,
    org_id: int,
    sequence: int,
    created_at: int,
    changed_at: int,
) -> Any:
    session = Session()
    session.session_id = str(id_)
    session.agent_id = str(agent_id)
    session.auth_state = state
    session.user_id = str(user_id)
    session.user_name = user_name
    session.login_name = f"{login}@{domain}" if domain else ""
    session.display_name = display_name
    session.avatar_url = avatar_url
    session.details = _details(sequence, org_id, created_at, changed_at)
    return session


def _grant(
    id_: int,
    user_id: int,
    user_type: int,
    org_id: int,
    org_name: str,
    org_domain: str | None,
    project_id: int,
    project_name: str,
    project_grant_id: int | None,
    roles: str,
    state: int,
    sequence: int,
    created_at: int,
    changed_at: int,
) -> Any:
    role_keys = roles.split("\n") if roles else []
    grant = UserGrant()
    grant.org_id = str(org_id)
    grant.project_id = str(project_id)
    grant.user_id = str(user_id)
    grant.roles = role_keys
    grant.role_keys = role_keys
    grant.org_name = org_name
    grant.org_domain = org_domain or ""
    grant.grant_id = str(id_)
    grant.project_name = project_name
    grant.project_grant_id = str(project_grant_id or "")
    grant.user_type = user_type
    grant.state = state
    grant.details = _details(sequence, org_id, created_at, changed_at)
    return grant


def _details(sequence: int, org_id: int, created_at: int, changed_at: int) -> Any:
    details = ObjectDetails()
    details.sequence = sequence
    details.resource_owner = str(org_id)
    details.creation_date = _timestamp(created_at)
    details.change_date = _timestamp(changed_at)
    return details


def _timestamp(microseconds: int) -> Any:
    timestamp = Timestamp()
    timestamp.seconds, fraction = divmod(microseconds, _SECOND)
    timestamp.nanos = fraction * 1_000
    return timestamp
