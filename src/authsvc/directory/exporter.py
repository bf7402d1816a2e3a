"""From the database to a directory file: what `read` and `apply` take back without a change."""

from __future__ import annotations

from collections import defaultdict
from enum import IntEnum
from typing import Any

import yaml
from sqlalchemy import Table, select

from authsvc.directory.fields import KeyState, time_text
from authsvc.domain import account_page
from authsvc.domain.clients import SIGNING_ALGORITHMS, ClientState
from authsvc.domain.grants import GrantState
from authsvc.domain.orgs import OrgState
from authsvc.domain.registration import DEFAULT_GRANTS
from authsvc.domain.sessions import AuthMethod, SessionState
from authsvc.domain.tokens import Permission
from authsvc.domain.users import AccessTokenType, Gender, UserState, UserType, login_name
from authsvc.store import schema
from authsvc.store.executor import Executor, Transaction

try:
    from yaml import CSafeDumper as _Dumper
except ImportError:  # PyYAML built without libyaml: the same, but slower
    from yaml import SafeDumper as _Dumper  # type: ignore[assignment]

_WIDTH = 110
# What is not of the directory: what has happened, and what only this instance can go on with.
_LEFT_OUT = frozenset(
    {
        schema.access_tokens,
        schema.attempts,
        schema.authorizations,
        schema.changes,
        schema.consents,
        schema.deliveries,
        schema.device_codes,
        schema.refresh_tokens,
        schema.signing_keys,
        schema.used_assertions,
        schema.webhooks,
    }
)

Row = dict[str, Any]


async def export(executor: Executor) -> str:
    """The whole directory as YAML, ordered by ids, without defaults: no tokens, signing keys or webhooks."""
    # A write transaction, because that is the kind which sees one state of the database throughout.
    async with executor.transaction() as tx:
        rows = {table.name: await _rows(executor, tx, table) for table in schema.metadata.sorted_tables}
    directory = _Export(rows).directory()
    style: Any = {"sort_keys": False, "allow_unicode": True, "default_flow_style": None, "width": _WIDTH}
    return str(yaml.dump(directory, Dumper=_Dumper, **style))


async def _rows(executor: Executor, tx: Transaction, table: Table) -> list[Row]:
    if table in _LEFT_OUT:
        return []
    names = [column.name for column in table.columns]
    ordered = select(table).order_by(*table.primary_key.columns)
    rows = await tx.fetch_all(executor.prepare(ordered))
    return [dict(zip(names, row, strict=True)) for row in rows]


class _Export:
    """Rows by their owners, and the entries that they become."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self._rows = rows
        self._domains = self._owned("org_domains", "org_id")
        self._projects = self._owned("projects", "org_id")
        self._roles = self._owned("project_roles", "project_id")
        self._project_grants = self._owned("project_grants", "project_id")
        self._users = self._owned("users", "org_id")
        self._machine_keys = self._owned("machine_keys", "user_id")
        self._sessions = self._owned("sessions", "agent_id")
        self._references = {user["id"]: self._reference(user) for user in rows["users"]}

    def directory(self) -> Row:
        """The top of the file."""
        return _given(
            orgs=[self._org(row) for row in self._rows["orgs"]],
            agents=[self._agent(row) for row in self._rows["user_agents"]],
            userGrants=[self._user_grant(row) for row in self._rows["user_grants"]],
            apiKeys=[_api_key(row) for row in self._rows["api_keys"]],
            clients=[_client(row) for row in self._rows["clients"] if row["client_id"] != account_page.CLIENT_ID],
        )

    def _owned(self, table: str, owner: str) -> defaultdict[int, list[Row]]:
        groups: defaultdict[int, list[Row]] = defaultdict(list)
        for row in self._rows[table]:
            groups[row[owner]].append(row)
        return groups

    def _domain_names(self, org_id: int) -> list[str]:
        domains = sorted(self._domains[org_id], key=lambda row: (not row["is_primary"], row["name"]))
        return [row["name"] for row in domains]

    def _reference(self, user: Row) -> str:
        """A user's preferred login name, or the id of one who has none."""
        domain = next(iter(self._domain_names(user["org_id"])), None)
        return login_name(user["login"], domain) or str(user["id"])

    def _org(self, row: Row) -> Row:
        return _given(
            **_identity(row, "org"),
            name=row["name"],
            state=_word(OrgState, row["state"], OrgState.ACTIVE),
            domains=self._domain_names(row["id"]),
            projects=[self._project(project) for project in self._projects[row["id"]]],
            users=[self._user(user) for user in self._users[row["id"]]],
        )

    def _user(self, row: Row) -> Row:
        is_human = row["type"] == UserType.HUMAN
        return _given(
            **_identity(row, "user"),
            externalId=row["external_id"],
            userName=row["user_name"],
            login=row["login"] if row["login"] != row["user_name"] else None,
            state=_word(UserState, row["state"], UserState.ACTIVE),
            human=_human(row) if is_human else None,
            machine=None if is_human else _machine(row, self._machine_keys[row["id"]]),
        )

    def _project(self, row: Row) -> Row:
        roles = sorted(self._roles[row["id"]], key=lambda role: int(role["position"]))
        return _given(
            **_identity(row),
            name=row["name"],
            roles=[_given(key=role["key"], displayName=role["display_name"]) for role in roles],
            grants=[_project_grant(grant) for grant in self._project_grants[row["id"]]],
        )

    def _agent(self, row: Row) -> Row:
        return _given(
            **_identity(row),
            description=row["description"],
            sessions=[self._session(session) for session in self._sessions[row["id"]]],
        )

    def _session(self, row: Row) -> Row:
        return _given(
            **_identity(row, "session"),
            user=self._references[row["user_id"]],
            state=_word(SessionState, row["state"], SessionState.ACTIVE),
            authMethod=_word(AuthMethod, row["auth_method"], AuthMethod.UNKNOWN),
            ipAddress=row["ip_address"],
            userAgent=row["user_agent"],
            org=str(row["org_id"] or ""),
            impersonator=_given(email=row["impersonator_email"], reason=row["impersonator_reason"]),
            expiresAt=_time(row["expires_at"]),
            endedAt=_time(row["ended_at"]),
        )

    def _user_grant(self, row: Row) -> Row:
        return _given(
            **_identity(row),
            user=self._references[row["user_id"]],
            org=str(row["org_id"]),
            project=str(row["project_id"]),
            projectGrant=str(row["project_grant_id"] or ""),
            roles=row["role_keys"].split("\n"),
            state=_word(GrantState, row["state"], GrantState.ACTIVE),
        )


def _project_grant(row: Row) -> Row:
    return _given(**_identity(row), org=str(row["org_id"]), roles=row["role_keys"].split("\n"))


def _human(row: Row) -> Row:
    full_name = f"{row['first_name']} {row['last_name']}"
    return _given(
        firstName=row["first_name"],
        lastName=row["last_name"],
        nickName=row["nick_name"],
        displayName=row["display_name"] if row["display_name"] != full_name else None,
        preferredLanguage=row["preferred_language"],
        gender=_word(Gender, row["gender"], Gender.UNSPECIFIED),
        avatarUrl=row["avatar_url"],
        email=_given(email=row["email"], verified=bool(row["email_verified"])),
        phone=_given(phone=row["phone"], verified=bool(row["phone_verified"])),
        passwordChanged=_time(row["password_changed_at"]),
        passwordHash=row["password_hash"],
        totp=row["totp"],
    )


def _machine(row: Row, keys: list[Row]) -> Row:
    return _given(
        name=row["display_name"],
        description=row["description"],
        accessTokenType=_word(AccessTokenType, row["access_token_type"], AccessTokenType.BEARER),
        secretHash=row["secret_hash"],
        mayImpersonate=bool(row["may_impersonate"]),
        keys=[_machine_key(key) for key in keys],
    )


def _machine_key(row: Row) -> Row:
    return _given(**_identity(row), publicKey=row["public_key"], expiresAt=_time(row["expires_at"]))


def _client(row: Row) -> Row:
    grants = [grant.rpartition(":")[2] for grant in row["grant_types"].split()]
    is_usual = sorted(row["grant_types"].split()) == sorted(DEFAULT_GRANTS)
    return _given(
        **_identity(row),
        clientId=row["client_id"],
        name=row["name"],
        state=_word(ClientState, row["state"], ClientState.ACTIVE),
        secretHash=None if row["secret_hash"] is None else _hash(row["secret_hash"]),
        native=bool(row["native"]),
        trusted=bool(row["trusted"]),
        redirectUris=row["redirect_uris"].split(),
        postLogoutRedirectUris=row["post_logout_uris"].split(),
        grantTypes=None if is_usual else grants,
        accessTokenType=_word(AccessTokenType, row["access_token_type"], AccessTokenType.BEARER),
        signingAlgorithm=row["signing_algorithm"] if row["signing_algorithm"] != SIGNING_ALGORITHMS[0] else None,
        project=str(row["project_id"] or ""),
    )


def _api_key(row: Row) -> Row:
    permissions = row["permissions"].split()
    return _given(
        **_identity(row),
        name=row["name"],
        keyHash=_hash(row["key_hash"]),
        permissions=permissions if set(permissions) != set(Permission) else None,
        state=_word(KeyState, KeyState.ACTIVE if row["revoked_at"] is None else KeyState.REVOKED, KeyState.ACTIVE),
    )


def _identity(row: Row, prefix: str = "") -> Row:
    # Ids in quotes, as in the API's JSON: tools that read YAML numbers as floats would round them.
    imported = f"{prefix}_{row['ulid']}" if row.get("ulid") else None
    return {"id": str(row["id"]), "workosId": imported, "createdAt": _time(row["created_at"])}


def _hash(digest: bytes) -> str:
    return f"sha256:{digest.hex()}"


def _time(microseconds: int | None) -> str | None:
    return None if microseconds is None else time_text(microseconds)


def _word(kind: type[IntEnum], value: int, default: IntEnum) -> str | None:
    return None if value == default else kind(value).name.lower()


def _given(**values: Any) -> Row:
    """The values without those that stand for nothing."""
    return {key: value for key, value in values.items() if value not in (None, "", False, [], {})}
