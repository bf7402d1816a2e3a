"""What a directory file may say: the shapes of its entries and their defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from authsvc.directory.fields import (
    AnyAuthMethod,
    AnyClientState,
    AnyGender,
    AnyGrantState,
    AnyGrantType,
    AnyKeyState,
    AnyOrgState,
    AnyPermission,
    AnySessionState,
    AnySigningAlgorithm,
    AnyTokenType,
    AnyUserState,
    ClientId,
    ClientSecretHash,
    Domain,
    Email,
    Flag,
    Id,
    IpAddress,
    KeyHash,
    KeyName,
    KeyState,
    Language,
    Line,
    Name,
    OrgPublicId,
    Phone,
    Prose,
    Sealed,
    SecretHash,
    SessionPublicId,
    Time,
    Url,
    UserPublicId,
    UserRef,
    Word,
    wrong,
)
from authsvc.directory.mistakes import Path
from authsvc.directory.public_keys import PublicKey
from authsvc.domain.clients import SIGNING_ALGORITHMS
from authsvc.domain.grants import GrantState
from authsvc.domain.orgs import OrgState
from authsvc.domain.registration import DEFAULT_GRANTS
from authsvc.domain.tokens import Permission
from authsvc.domain.users import AccessTokenType, Gender, UserState, UserType

_T = TypeVar("_T")


class _Unreadable:
    """Stands for an entry in which a mistake has been found, so that the others can still be checked."""


UNREADABLE = _Unreadable()


def _or_unreadable(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
    return value if value is UNREADABLE else handler(value)


Many = tuple[Annotated[_T, WrapValidator(_or_unreadable)], ...]


def each(items: Iterable[_T]) -> Iterator[tuple[int, _T]]:
    """The readable items with their positions."""
    return ((index, item) for index, item in enumerate(items) if not isinstance(item, _Unreadable))


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _without_empty_keys(cls, value: object) -> object:
        """A known key with nothing behind it counts as left out."""
        if not isinstance(value, dict):
            return value
        known = {field.alias for field in cls.model_fields.values()}
        return {key: item for key, item in value.items() if item is not None or key not in known}


class HumanEmail(_Shape):
    """A person's e-mail address."""

    email: Email
    verified: Flag = False


class HumanPhone(_Shape):
    """A person's telephone number."""

    phone: Phone
    verified: Flag = False


class Human(_Shape):
    """What only people have."""

    first_name: Name
    last_name: Name
    nick_name: Name | None = None
    display_name: Name | None = None
    preferred_language: Language | None = None
    gender: AnyGender = Gender.UNSPECIFIED
    avatar_url: Url | None = None
    email: HumanEmail | None = None
    phone: HumanPhone | None = None
    password_changed: Time | None = None
    password_hash: SecretHash | None = Field(default=None, repr=False)
    totp: Sealed | None = Field(default=None, repr=False)


class MachineKey(_Shape):
    """A public key by which a program proves who it is."""

    id: Id
    public_key: PublicKey
    expires_at: Time | None = None
    created_at: Time | None = None


class Machine(_Shape):
    """What only programs have."""

    name: Name
    description: Prose = ""
    access_token_type: AnyTokenType = AccessTokenType.BEARER
    secret_hash: SecretHash | None = Field(default=None, repr=False)
    may_impersonate: Flag = False
    keys: Many[MachineKey] = ()


class User(_Shape):
    """A person or a program."""

    id: Id
    workos_id: UserPublicId | None = None
    external_id: Name | None = None
    user_name: Name
    login: Word | None = None
    state: AnyUserState = UserState.ACTIVE
    created_at: Time | None = None
    human: Human | None = None
    machine: Machine | None = None

    @model_validator(mode="after")
    def _one_type(self) -> Self:
        if (self.human is None) == (self.machine is None):
            raise wrong("must have exactly one of human and machine")
        return self

    @model_validator(mode="after")
    def _has_login(self) -> Self:
        if self.login is None and any(map(str.isspace, self.user_name)):
            raise wrong("needs a login, because its userName holds spaces")
        return self

    @property
    def type(self) -> UserType:
        """Person or program."""
        return UserType.HUMAN if self.human else UserType.MACHINE

    @property
    def login_part(self) -> str:
        """What stands before the @ of the user's login names."""
        return self.login or self.user_name


class Role(_Shape):
    """A role that a project knows."""

    key: Name
    display_name: Name | None = None


class ProjectGrant(_Shape):
    """Lets another organization give some of a project's roles."""

    id: Id
    org: Id
    roles: Many[Name] = Field(min_length=1)
    created_at: Time | None = None


class Project(_Shape):
    """A project with its roles."""

    id: Id
    name: Name
    roles: Many[Role] = ()
    grants: Many[ProjectGrant] = ()
    created_at: Time | None = None


class Org(_Shape):
    """An organization with what it owns. The first of its domains is the primary one."""

    id: Id
    workos_id: OrgPublicId | None = None
    name: Name
    state: AnyOrgState = OrgState.ACTIVE
    domains: Many[Domain] = ()
    projects: Many[Project] = ()
    users: Many[User] = ()
    created_at: Time | None = None


class Impersonator(_Shape):
    """Who signed in as the user, and why: clients of the WorkOS face rely on a reason."""

    email: Email
    reason: Line


class Session(_Shape):
    """A sign-in of a user on an agent."""

    id: Id
    workos_id: SessionPublicId | None = None
    user: UserRef
    state: AnySessionState | None = None
    auth_method: AnyAuthMethod | None = None
    ip_address: IpAddress | None = None
    user_agent: Line | None = None
    org: Id | None = None
    impersonator: Impersonator | None = None
    created_at: Time | None = None
    expires_at: Time | None = None
    ended_at: Time | None = None


class Agent(_Shape):
    """A browser or device with the sessions on it."""

    id: Id
    description: Prose = ""
    sessions: Many[Session] = ()
    created_at: Time | None = None


class UserGrant(_Shape):
    """Roles that an organization gives a user on a project."""

    id: Id
    user: UserRef
    org: Id
    project: Id
    project_grant: Id | None = None
    roles: Many[Name] = Field(min_length=1)
    state: AnyGrantState = GrantState.ACTIVE
    created_at: Time | None = None


class ApiKey(_Shape):
    """What a back end calls with."""

    id: Id
    name: KeyName
    key_hash: KeyHash = Field(repr=False)
    permissions: Many[AnyPermission] = Field(default=tuple(Permission), min_length=1)
    state: AnyKeyState = KeyState.ACTIVE
    created_at: Time | None = None


class Client(_Shape):
    """An application that people sign in to."""

    id: Id
    client_id: ClientId
    name: Name
    state: AnyClientState | None = None
    secret_hash: ClientSecretHash | None = Field(default=None, repr=False)
    native: Flag = False
    trusted: Flag = False
    redirect_uris: Many[Line] = ()
    post_logout_redirect_uris: Many[Line] = ()
    grant_types: Many[AnyGrantType] = Field(default=DEFAULT_GRANTS, min_length=1)
    access_token_type: AnyTokenType = AccessTokenType.BEARER
    signing_algorithm: AnySigningAlgorithm = SIGNING_ALGORITHMS[0]
    project: Id | None = None
    created_at: Time | None = None


Entity = Org | Project | ProjectGrant | User | Agent | Session | UserGrant | ApiKey | MachineKey | Client


class Directory(_Shape):
    """A whole file."""

    orgs: Many[Org] = ()
    agents: Many[Agent] = ()
    user_grants: Many[UserGrant] = ()
    api_keys: Many[ApiKey] = ()
    clients: Many[Client] = ()

    def all_projects(self) -> Iterator[tuple[Path, Org, Project]]:
        """Every project with its path and owner."""
        for o, org in each(self.orgs):
            for p, project in each(org.projects):
                yield ("orgs", o, "projects", p), org, project

    def all_project_grants(self) -> Iterator[tuple[Path, Org, Project, ProjectGrant]]:
        """Every project grant with its path, its project and the project's owner."""
        for path, org, project in self.all_projects():
            for g, grant in each(project.grants):
                yield (*path, "grants", g), org, project, grant

    def all_users(self) -> Iterator[tuple[Path, Org, User]]:
        """Every user with their path and organization."""
        for o, org in each(self.orgs):
            for u, user in each(org.users):
                yield ("orgs", o, "users", u), org, user

    def all_machine_keys(self) -> Iterator[tuple[Path, Org, User, MachineKey]]:
        """Every key of a program with its path, its program and that one's organization."""
        for path, org, user in self.all_users():
            for k, key in each(user.machine.keys if user.machine else ()):
                yield (*path, "machine", "keys", k), org, user, key

    def all_sessions(self) -> Iterator[tuple[Path, Agent, Session]]:
        """Every session with its path and agent."""
        for a, agent in each(self.agents):
            for s, session in each(agent.sessions):
                yield ("agents", a, "sessions", s), agent, session

    def entities(self) -> Iterator[tuple[Path, Entity]]:
        """Everything that has an id, with its path, in the order in which it can be created."""
        yield from ((("orgs", o), org) for o, org in each(self.orgs))
        yield from ((path, project) for path, _, project in self.all_projects())
        yield from ((path, grant) for path, _, _, grant in self.all_project_grants())
        yield from ((path, user) for path, _, user in self.all_users())
        yield from ((path, key) for path, _, _, key in self.all_machine_keys())
        yield from ((("agents", a), agent) for a, agent in each(self.agents))
        yield from ((path, session) for path, _, session in self.all_sessions())
        yield from ((("userGrants", g), grant) for g, grant in each(self.user_grants))
        yield from ((("apiKeys", k), key) for k, key in each(self.api_keys))
        yield from ((("clients", c), client) for c, client in each(self.clients))
