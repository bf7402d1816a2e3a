"""The JSON documents of AuthService as pydantic models, and how they are made of rows.

As protobuf's JSON has it: names in camel case, 64-bit numbers as texts, no field with its default value.
"""

# ruff: noqa: INP001 - next to programs, and no part of a package

from datetime import UTC, datetime

from orm import Grant, Recorded, Session, User
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

_USER_STATES = ("UNSPECIFIED", "ACTIVE", "INACTIVE", "DELETED", "LOCKED", "SUSPEND", "INITIAL")
_GENDERS = ("", "GENDER_FEMALE", "GENDER_MALE", "GENDER_DIVERSE")
_TYPES = ("UNSPECIFIED", "HUMAN", "MACHINE")
_SESSION_STATES = ("UNSPECIFIED", "ACTIVE", "TERMINATED")
_GRANT_STATES = ("UNSPECIFIED", "ACTIVE", "INACTIVE")
_TOKEN_TYPES = ("", "ACCESS_TOKEN_TYPE_JWT")
_MACHINE, _TERMINATED = 2, 2
_SECOND, _MILLISECOND = 1_000_000, 1_000


class Document(BaseModel):
    """A message."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


class Details(Document):
    """What every object carries."""

    sequence: str
    creation_date: str
    change_date: str
    resource_owner: str


class Profile(Document):
    """Names of a person, and what else they say of themselves."""

    first_name: str = ""
    last_name: str = ""
    nick_name: str = ""
    display_name: str = ""
    preferred_language: str = ""
    gender: str = ""
    avatar_url: str = ""


class Email(Document):
    """An address, and whether it is theirs."""

    email: str = ""
    is_email_verified: bool = False


class Phone(Document):
    """A number, and whether it is theirs."""

    phone: str = ""
    is_phone_verified: bool = False


class Human(Document):
    """What only people have."""

    profile: Profile
    email: Email
    phone: Phone
    password_changed: str | None = None


class Machine(Document):
    """What only programs have."""

    name: str = ""
    description: str = ""
    has_secret: bool = False
    access_token_type: str = ""


class UserDocument(Document):
    """A user."""

    id: str
    details: Details
    state: str
    user_name: str = ""
    login_names: list[str] = []
    preferred_login_name: str = ""
    human: Human | None = None
    machine: Machine | None = None


class MyUser(Document):
    """The response of GetMyUser."""

    user: UserDocument
    last_login: str | None = None


class SessionDocument(Document):
    """A session."""

    session_id: str
    agent_id: str
    auth_state: str
    user_id: str
    user_name: str = ""
    login_name: str = ""
    display_name: str = ""
    details: Details
    avatar_url: str = ""


class Sessions(Document):
    """The response of ListMyUserSessions."""

    result: list[SessionDocument] = []


class GrantDocument(Document):
    """A grant."""

    org_id: str
    project_id: str
    user_id: str
    roles: list[str] = []
    org_name: str = ""
    grant_id: str
    details: Details
    org_domain: str = ""
    project_name: str = ""
    project_grant_id: str = ""
    role_keys: list[str] = []
    user_type: str
    state: str


class ListDetails(Document):
    """What a list says about itself."""

    total_result: str = "0"
    processed_sequence: str = "0"
    view_timestamp: str | None = None


class Grants(Document):
    """The response of ListMyUserGrants."""

    details: ListDetails
    result: list[GrantDocument] = []


class Query(Document):
    """Which part of a list: none passed over and the newest 1,000, unless said otherwise."""

    offset: int = Field(default=0, ge=0)
    limit: int = Field(default=0, ge=0, le=1_000)
    asc: bool = False


class GrantsRequest(Document):
    """The request of ListMyUserGrants."""

    query: Query = Query()


def my_user(user: User, last_login: int | None) -> MyUser:
    """The document of a user, who signed in last at this time."""
    login_names = [f"{user.login}@{domain.name}" for domain in user.org.domains]
    document = UserDocument(
        id=str(user.id),
        details=_details(user, user.org_id),
        state=f"USER_STATE_{_USER_STATES[user.state]}",
        user_name=user.user_name,
        login_names=login_names,
        preferred_login_name=login_names[0] if login_names else "",
        human=None if user.type == _MACHINE else _human(user),
        machine=_machine(user) if user.type == _MACHINE else None,
    )
    return MyUser(user=document, last_login=_time(last_login))


def session_document(session: Session, at: int) -> SessionDocument:
    """The document of a session as it is at a time."""
    user, domain = session.user, session.user.org.primary_domain
    return SessionDocument(
        session_id=str(session.id),
        agent_id=str(session.agent_id),
        auth_state=f"SESSION_STATE_{_SESSION_STATES[_TERMINATED if session.expires_at <= at else session.state]}",
        user_id=str(session.user_id),
        user_name=user.user_name,
        login_name=f"{user.login}@{domain}" if domain else "",
        display_name=user.display_name,
        details=_details(session, user.org_id),
        avatar_url=user.avatar_url,
    )


def grant_document(grant: Grant) -> GrantDocument:
    """The document of a grant."""
    role_keys = grant.role_keys.split("\n") if grant.role_keys else []
    return GrantDocument(
        org_id=str(grant.org_id),
        project_id=str(grant.project_id),
        user_id=str(grant.user_id),
        roles=role_keys,
        org_name=grant.org.name,
        grant_id=str(grant.id),
        details=_details(grant, grant.org_id),
        org_domain=grant.org.primary_domain,
        project_name=grant.project.name,
        project_grant_id=str(grant.project_grant_id or ""),
        role_keys=role_keys,
        user_type=f"TYPE_{_TYPES[grant.user.type]}",
        state=f"USER_GRANT_STATE_{_GRANT_STATES[grant.state]}",
    )


def list_details(total: int, sequence: int, at: int | None) -> ListDetails:
    """The count of a list, and the number and the time of the newest change."""
    return ListDetails(total_result=str(total), processed_sequence=str(sequence), view_timestamp=_time(at))


def _details(row: Recorded, org_id: int) -> Details:
    return Details(
        sequence=str(row.sequence),
        creation_date=_rfc3339(row.created_at),
        change_date=_rfc3339(row.changed_at),
        resource_owner=str(org_id),
    )


def _human(user: User) -> Human:
    profile = Profile(
        first_name=user.first_name,
        last_name=user.last_name,
        nick_name=user.nick_name,
        display_name=user.display_name,
        preferred_language=user.preferred_language or "und",
        gender=_GENDERS[user.gender],
        avatar_url=user.avatar_url,
    )
    return Human(
        profile=profile,
        email=Email(email=user.email, is_email_verified=user.email_verified),
        phone=Phone(phone=user.phone, is_phone_verified=user.phone_verified),
        password_changed=_time(user.password_changed_at),
    )


def _machine(user: User) -> Machine:
    return Machine(
        name=user.display_name,
        description=user.description,
        has_secret=user.secret_hash is not None,
        access_token_type=_TOKEN_TYPES[user.access_token_type],
    )


def _time(microseconds: int | None) -> str | None:
    return None if microseconds is None else _rfc3339(microseconds)


def _rfc3339(microseconds: int) -> str:
    """A time of the store with as many groups of three digits behind its seconds as it needs."""
    seconds, fraction = divmod(microseconds, _SECOND)
    digits = "microseconds" if fraction % _MILLISECOND else "milliseconds" if fraction else "seconds"
    whole = datetime.fromtimestamp(seconds, UTC).replace(microsecond=fraction, tzinfo=None)
    return f"{whole.isoformat(timespec=digits)}Z"
