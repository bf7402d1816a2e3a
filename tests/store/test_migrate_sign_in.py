"""Migrating to the schema of signing in, and back, with what the schema before it holds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import authsvc.store
from authsvc.store.migrate import migrate
from authsvc.store.schema import REVISION

HASH = "ab" * 32
# Every table of 0002 has a row, with all that it can hold.
ROWS_OF_0002 = f"""
INSERT INTO orgs VALUES (1, 'Savanna', 1, 1, 10, 10, '01JNM4QZ8F2V6W7X3Y5Z9ABCDE');
INSERT INTO org_domains VALUES ('savanna.example', 1, 1);
INSERT INTO projects VALUES (2, 1, 'Map', 2, 20, 20);
INSERT INTO project_roles VALUES (2, 'read', 'Reads', 0);
INSERT INTO project_grants VALUES (3, 2, 1, 'read', 3, 30, 30);
INSERT INTO users VALUES (4, 1, 1, 1, 'gigi', 'gigi', 'Gigi', 'G', 'G', 'g', 'en', 0, '', 'gigi@savanna.example', 1,
                          '1', 1, 40, '', '$argon2id$x', 0, 4, 40, 40, '01JNM4R2T0K8M6N4P2Q0R8S6T4', 'crm-1');
INSERT INTO user_agents VALUES (5, 'Browser', 5, 50, 50);
INSERT INTO sessions (id, agent_id, user_id, state, sequence, created_at, changed_at, ulid, auth_method, ip_address,
                      user_agent, org_id, impersonator_email, impersonator_reason, expires_at, ended_at)
VALUES (6, 5, 4, 1, 6, 60, 60, NULL, 10, '2001:db8::1', 'x', 1, 'olli@savanna.example', 'why', 9000000000000000, NULL);
INSERT INTO user_grants VALUES (7, 4, 1, 2, 3, 'read', 1, 7, 70, 70);
INSERT INTO access_tokens VALUES (8, x'{HASH}', 4, 6, 80, 9000000000000000, NULL);
INSERT INTO api_keys VALUES (9, 'key', x'{HASH}', 'user.read', 9, 90, 90, NULL, NULL);
INSERT INTO webhooks VALUES (10, 'https://a.example', '', 8, 0, 'fingerprint', 10, 100, 100);
INSERT INTO deliveries VALUES (11, 10, 8, 1, 0, 110, NULL, NULL, NULL);
INSERT INTO changes VALUES (8, 80, 'session', 6, 'created', 1);
"""
TABLES = (
    *("orgs", "org_domains", "projects", "project_roles", "project_grants", "users", "user_agents", "sessions"),
    *("user_grants", "access_tokens", "api_keys", "webhooks", "deliveries", "changes"),
)
# What a row of each new column may hold, so that going back loses something.
ROWS_OF_0003 = f"""
UPDATE users SET password_hash = '$argon2id$y', totp = 'sealed', totp_step = 1, may_impersonate = 1;
UPDATE user_agents SET cookie_hash = x'{HASH}';
UPDATE sessions SET ends_at = 1, idle_life = 1, active_at = 1, authenticated_at = 1, amr = 'pwd';
INSERT INTO clients VALUES (20, 'cli', 'CLI', 1, NULL, 1, 1, 'http://127.0.0.1/', '', 'authorization_code', 0, 'RS256',
                            2, 1, 1, 1);
INSERT INTO authorizations VALUES (21, 20, 4, 6, 'openid', x'{HASH}', 'c', 1, NULL, 'u', 'n', 1, 'pwd', 1, 1, 1, NULL,
                                   1);
INSERT INTO refresh_tokens VALUES (22, 21, x'{HASH}', 1, 2, 3, NULL, x'{HASH}');
INSERT INTO device_codes VALUES (23, x'{HASH}', x'{HASH}', 20, 'openid', 1, NULL, NULL, NULL, 1, 2, 5, NULL);
INSERT INTO consents VALUES (24, 4, 20, 'openid', 1, 1, 1);
INSERT INTO machine_keys VALUES (25, 4, 'key', NULL, 1, 1, 1);
INSERT INTO signing_keys VALUES (26, 'EdDSA', '{{}}', 'sealed', NULL, 1, NULL, 1, 1, 1);
INSERT INTO attempts VALUES (x'{HASH}', 1);
INSERT INTO used_assertions VALUES (x'{HASH}', 1);
UPDATE access_tokens SET client_id = 20, authorization_id = 21, scope = 'openid';
"""
NEW = ("clients", "authorizations", "refresh_tokens", "device_codes", "consents", "machine_keys", "signing_keys")


def _run(path: Path, script: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(script)
    connection.close()


def _rows(path: Path, table: str, columns: str = "*") -> list[dict[str, object]]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1")]
    connection.close()
    return found


def _go(path: Path, revision: str, *, back: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(authsvc.store.__file__).parent / "migrations"))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if back else command.upgrade)(config, revision)
    engine.dispose()


def _of_0002(folder: Path) -> Path:
    path = folder / "old.db"
    _go(path, "0002")
    _run(path, ROWS_OF_0002)
    return path


def test_rows_of_0002(tmp_path: Path) -> None:
    """Every row stays as it was; what is new in it is empty, and nobody may impersonate."""
    path = _of_0002(tmp_path)
    before = {table: _rows(path, table) for table in TABLES}
    _go(path, "0003")
    for table in TABLES:
        (old,), (new,) = before[table], _rows(path, table)
        assert {name: new[name] for name in old} == old
        assert {value for name, value in new.items() if name not in old} <= {None, 0}
    assert _rows(path, "pragma_foreign_key_check") == []
    assert migrate(path) == ("0003", REVISION)


def test_rows_of_0003(tmp_path: Path) -> None:
    """Migrating a database of 0003 that is full of what it can hold adds the number of grants, and changes nothing."""
    path = _of_0002(tmp_path)
    _go(path, "0003")
    _run(path, ROWS_OF_0003)
    before = {table: _rows(path, table) for table in (*TABLES, *NEW, "attempts", "used_assertions")}
    assert all(before.values())
    before["users"] = [{**row, "grant_count": 1} for row in before["users"]]
    assert migrate(path) == ("0003", REVISION)
    assert {table: _rows(path, table) for table in before} == before
    assert _rows(path, "pragma_foreign_key_check") == []


def test_back_to_0002(tmp_path: Path) -> None:
    """A downgrade leaves the rows as the second schema had them, and nothing of the third."""
    path = _of_0002(tmp_path)
    before = {table: _rows(path, table) for table in TABLES}
    objects = _rows(path, "sqlite_master", "name, type")
    migrate(path)
    _run(path, ROWS_OF_0003)
    _go(path, "0002", back=True)
    assert {table: _rows(path, table) for table in TABLES} == before
    assert _rows(path, "sqlite_master", "name, type") == objects
    assert _rows(path, "pragma_foreign_key_check") == []
