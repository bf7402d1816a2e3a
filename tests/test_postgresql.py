"""The real commands and the real service on PostgreSQL."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from google.protobuf.message import Message
from harness import BROWSER, DEMO, GIGI, NO_CERTIFICATES, Server, authsvc, command, environment, serving
from parity.clients import CLIENTS, Target
from postgresql import PASSWORD, ROLE, server
from zitadel import auth_pb2

LOGIN_PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Site:
    """A service on a database that has a password."""

    database_url: str
    said: str
    server: Server

    def who(self, token: str) -> set[str]:
        """What becomes of GetMyUser behind every door."""
        target = Target(self.server.url, self.server.address, self.server.grpcio_address)
        headers = {"authorization": f"Bearer {token}"}

        async def ask() -> list[str]:
            request: Message = auth_pb2.GetMyUserRequest()
            outcomes = [await client(target, "GetMyUser", request, headers) for client in CLIENTS.values()]
            assert len(outcomes) == len(CLIENTS)
            return [outcome.code.name for outcome in outcomes]

        return set(asyncio.run(ask()))


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """The URL of an empty database, with the password."""
    database = server().create("template0")
    server().ask(f"ALTER DATABASE {database.name} OWNER TO {ROLE}")
    yield database.dsn().replace("postgres@", f"{ROLE}:{PASSWORD}@")
    server().drop(database)


@pytest.fixture(scope="module")
def site(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The service, on the demo data."""
    folder = tmp_path_factory.mktemp("site")
    done = [authsvc("migrate", database_url=database_url), command("migrate", database_url=database_url)]
    done.append(command("apply", str(DEMO), database_url=database_url))
    keys = {"secret_key_file": str(folder / "a.key"), "webhook_key_file": str(folder / "w.key")}
    with serving(database_url, folder / "log", log_level="debug", **keys) as running:
        yield Site(database_url, "".join(each.stdout + each.stderr for each in done), running)


def _commands_tell_what_they_did(site: Site) -> None:
    """Migrating and applying say what they did, and where, without the password."""
    assert ": from empty to revision" in site.said
    assert ": already at revision" in site.said
    assert site.said.count(f"postgresql://{ROLE}@127.0.0.1:") == 2
    assert PASSWORD not in site.said


def _every_door_answers_and_a_revocation_counts(site: Site) -> None:
    """A token is good behind every door, and behind none once it is revoked by another process."""
    token = site.server.token(GIGI, BROWSER)
    assert site.who(token) == {"OK"}
    command("token", "revoke", token, database_url=site.database_url)
    assert site.who(token) == {"UNAUTHENTICATED"}


def _signing_in(site: Site) -> None:
    """Somebody signs in with a password, calls, and is signed out by the back end."""
    run = [sys.executable, "-m", "authsvc", "user", "password", GIGI]
    variables = environment({"AUTHSVC_DATABASE_URL": site.database_url})
    subprocess.run(run, input=LOGIN_PASSWORD, text=True, check=True, env=variables, cwd=site.server.log.parent)
    key = command("apikey", "create", "--name", "shop", database_url=site.database_url).stdout.split()[-1]
    client = ("client", "create", "Shop", "--client-id", "shop", "--redirect-uri", "https://shop.example/back")
    command(*client, database_url=site.database_url)
    with httpx2.Client(base_url=site.server.url, verify=NO_CERTIFICATES) as http:
        body = {"grant_type": "password", "client_id": "shop", "client_secret": key, "email": GIGI}
        answer = http.post("/user_management/authenticate", json={**body, "password": "wrong"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_credentials")
        answer = http.post("/user_management/authenticate", json={**body, "password": LOGIN_PASSWORD})
        assert answer.status_code == 200, answer.text
        token, user = answer.json()["access_token"], answer.json()["user"]["id"]
        assert site.who(token) == {"OK"}
        bearer = {"authorization": f"Bearer {key}"}
        sessions = http.get(f"/user_management/users/{user}/sessions", headers=bearer).json()["data"]
        newest = {"session_id": sessions[0]["id"]}
        assert http.post("/user_management/sessions/revoke", json=newest, headers=bearer).status_code == 200
    assert site.who(token) == {"UNAUTHENTICATED"}


def _the_database_restarts(site: Site) -> None:
    """While the database is away calls are UNAVAILABLE and the service is not ready; then it goes on by itself."""
    token = site.server.token(GIGI)
    assert site.who(token) == {"OK"}
    with server().away(), httpx2.Client(base_url=site.server.url, verify=NO_CERTIFICATES) as http:
        assert site.who(token) == {"UNAVAILABLE"}
        assert not http.get("/debug/ready").is_success
    assert site.who(token) == {"OK"}
    command("token", "revoke", token, database_url=site.database_url)
    assert site.who(token) == {"UNAUTHENTICATED"}


def _the_log_has_no_password(site: Site) -> None:
    """Whatever went wrong, the log names the database at most without its password."""
    log = site.server.logged()
    assert "GetMyUser" in log
    assert not any(secret in log for secret in (PASSWORD, LOGIN_PASSWORD))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("serve", "--listen", "127.0.0.1:0", "--grpc-listen", "off"), "cannot be read"),
        (("migrate",), "cannot be reached"),
        (("export",), "cannot be read"),
    ],
)
def test_a_wrong_password(database_url: str, arguments: tuple[str, ...], sentence: str) -> None:
    """Commands fail with a sentence that names the database, and no secret."""
    url = database_url.replace(PASSWORD, "wrong-pass")
    failed = (authsvc if arguments[0] == "serve" else command)(*arguments, check=False, database_url=url)
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"authsvc: the database postgresql://{ROLE}@")
    assert f"{sentence}: password authentication failed" in failed.stderr
    assert "wrong-pass" not in failed.stderr + failed.stdout


def test_a_url_that_is_none(database_url: str) -> None:
    """What is wrong with a URL is said without repeating it."""
    failed = command("export", check=False, database_url=database_url.replace("127.0.0.1", "127.0.0.1/"))
    assert failed.stderr == "authsvc: AUTHSVC_DATABASE_URL: must be postgresql://user:password@host:port/name\n"


_LOADED = """
import sys
from authsvc.config import load
from authsvc.cli.store import on_store

async def nothing(*_):
    pass

on_store(load({}, {"AUTHSVC_DATABASE_URL": sys.argv[1]}), nothing)
import authsvc.app
print(*sys.modules)
"""


def _each_engine_is_loaded_alone(site: Site, new_database: Path) -> None:
    """Whoever has SQLite loads nothing of PostgreSQL, and the other way round."""
    loaded = []
    for url in (f"sqlite:///{new_database}", site.database_url):
        run = [sys.executable, "-c", _LOADED, url]
        loaded.append(set(subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()))
    ours, theirs = {"authsvc.store.sqlite"}, {"asyncpg", "authsvc.store.postgres", "sqlalchemy.dialects.postgresql"}
    assert loaded[0] & (ours | theirs) == ours
    assert loaded[1] & (ours | theirs) == theirs


def test_from_migrating_to_a_restart(site: Site, new_database: Path) -> None:
    """Commands, doors, signing in and revoking work as with SQLite, a restart of the database is survived, silently."""
    _commands_tell_what_they_did(site)
    _every_door_answers_and_a_revocation_counts(site)
    _signing_in(site)
    _the_database_restarts(site)
    _the_log_has_no_password(site)
    _each_engine_is_loaded_alone(site, new_database)
