"""The tables of authsvc as an ORM sees them: those columns that the endpoints of `fastapi_orm.py` need."""

# ruff: noqa: INP001 - next to programs, and no part of a package

from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """What the mapped classes have in common. Times in microseconds."""


class Recorded:
    """What every object carries."""

    sequence: Mapped[int]
    created_at: Mapped[int]
    changed_at: Mapped[int]


class Domain(Base):
    """A domain of an organization."""

    __tablename__ = "org_domains"
    name: Mapped[str] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("orgs.id"))
    is_primary: Mapped[bool]


class Org(Base):
    """An organization."""

    __tablename__ = "orgs"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    state: Mapped[int]
    domains: Mapped[list[Domain]] = relationship(order_by=(Domain.is_primary.desc(), Domain.name))

    @property
    def primary_domain(self) -> str:
        """The name of its primary domain, empty if there is none."""
        return next((domain.name for domain in self.domains if domain.is_primary), "")


class User(Recorded, Base):
    """A person or a program."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("orgs.id"))
    type: Mapped[int]
    state: Mapped[int]
    user_name: Mapped[str]
    login: Mapped[str]
    display_name: Mapped[str]
    first_name: Mapped[str]
    last_name: Mapped[str]
    nick_name: Mapped[str]
    preferred_language: Mapped[str]
    gender: Mapped[int]
    avatar_url: Mapped[str]
    email: Mapped[str]
    email_verified: Mapped[bool]
    phone: Mapped[str]
    phone_verified: Mapped[bool]
    password_changed_at: Mapped[int | None]
    description: Mapped[str]
    secret_hash: Mapped[str | None]
    access_token_type: Mapped[int]
    org: Mapped[Org] = relationship()


class Session(Recorded, Base):
    """A sign-in of a user in a browser."""

    __tablename__ = "sessions"
    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[int]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    state: Mapped[int]
    expires_at: Mapped[int]
    user: Mapped[User] = relationship()


class AccessToken(Base):
    """A token, by its hash."""

    __tablename__ = "access_tokens"
    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    session_id: Mapped[int | None] = mapped_column(ForeignKey("sessions.id"))
    expires_at: Mapped[int]
    revoked_at: Mapped[int | None]
    user: Mapped[User] = relationship()
    session: Mapped[Session | None] = relationship()


class Project(Base):
    """A project."""

    __tablename__ = "projects"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Grant(Recorded, Base):
    """Roles of a user on a project."""

    __tablename__ = "user_grants"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    org_id: Mapped[int] = mapped_column(ForeignKey("orgs.id"))
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    project_grant_id: Mapped[int | None]
    role_keys: Mapped[str]
    state: Mapped[int]
    user: Mapped[User] = relationship()
    org: Mapped[Org] = relationship()
    project: Mapped[Project] = relationship()


class Change(Base):
    """A change of any object."""

    __tablename__ = "changes"
    sequence: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int]
