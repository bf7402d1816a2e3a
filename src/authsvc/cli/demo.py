"""`authsvc demo FILE`: from nothing to a serving instance, with lines to try."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path
from typing import Any, NamedTuple

from authsvc.cli import serve, users
from authsvc.cli.tokens import agent_id, lifetime
from authsvc.config import Address, Settings
from authsvc.domain.tokens import Permission, token_hash
from authsvc.ports import claim
from authsvc.supervisor import Supervisor

_LIFE = "12h"
_KEY = "demo"  # the name of the API key; that of an earlier demo is revoked
_PASSWORD_BYTES = 12
_SERVICE = "zitadel.auth.v1.AuthService"
_JSON = """
# everything below can be pasted into another terminal
TOKEN={token}

# who am I, where am I signed in, what may I do: JSON
curl{curl} -L -X GET '{url}/auth/v1/users/me' -H 'Accept: application/json' -H "Authorization: Bearer $TOKEN"
curl{curl} -L '{url}/auth/v1/users/me/sessions/_search' -H 'Content-Type: application/json' \\
  -H 'Accept: application/json' -H "Authorization: Bearer $TOKEN" -d '{{}}'
curl{curl} -L '{url}/auth/v1/usergrants/me/_search' -H 'Content-Type: application/json' -H 'Accept: application/json' \\
  -H "Authorization: Bearer $TOKEN" -d '{{"query": {{"offset": "0", "limit": 100, "asc": true}}}}'
"""
_GRPC = """
# the same by native gRPC
grpcurl{grpcurl} -H "Authorization: Bearer $TOKEN" {web} {service}/GetMyUser

# the same by gRPC-Web
buf curl{curl} --protocol grpcweb -H "Authorization: Bearer $TOKEN" {url}/{service}/ListMyUserGrants
"""
_WORKOS = """
# the same people for a back end with an API key: WorkOS's session API
KEY={key}
curl{curl} '{url}/user_management/users/{person}/sessions' -H "Authorization: Bearer $KEY"
"""
_SIGN_IN = """
# sign in with a browser: {issuer}{page}
# login name: {login_name}
# password (a new one at each start): {password}

# or from the command line, which opens the browser: prints a token of this sign-in, and does not ask a second time
# TOKEN=$({program} login --issuer {issuer}{login} --print)
"""
_DOCS = """
# or in a browser, with the token: {url}/docs
"""


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("demo", parents=[settings], help="migrate, apply FILE, print lines to try, serve")
    parser.add_argument("file", type=Path, metavar="FILE", help="YAML directory file")
    parser.add_argument("--user", required=True, metavar="LOGIN_NAME", help="who tries")
    parser.add_argument("--agent", metavar="ID", help="user agent (browser) on which the user is signed in")
    parser.set_defaults(run=run)


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Serve the file's data, and print lines with a token of `--user` and an API key."""
    with claim(settings) as ports:  # before anything is changed, which another demo may be serving
        trial = _prepare(settings, options)

        def announce(addresses: dict[str, Address]) -> None:
            print(lines(settings, addresses, trial))
            serve.announce(settings, addresses)

        return Supervisor(settings, announce, options.reload).run(ports)


class Trial(NamedTuple):
    """What the lines are filled in with: a token of a user, an API key, and the user's id for back ends.

    The id is None for a program, which has none; nor has it the password, with which people sign in.
    """

    token: str
    key: str
    person: str | None
    login_name: str
    password: str | None = None


def lines(settings: Settings, addresses: dict[str, Address], trial: Trial) -> str:
    """Lines for a shell; those for gRPC only where the one address has HTTP/2 and reflection, which the tools need."""
    tls = settings.tls_cert
    parts = {
        _JSON: True,
        _GRPC: settings.http == "zttp" and settings.reflection,
        _WORKOS: trial.person is not None,
        _SIGN_IN: trial.password is not None,
        _DOCS: settings.docs,
    }
    shown = "".join(part for part, wanted in parts.items() if wanted)
    return shown.format(
        token=trial.token,
        key=trial.key,
        person=trial.person,
        login_name=trial.login_name,
        password=trial.password,
        issuer=settings.at(addresses["web"]).issuer,
        page=settings.at(addresses["web"]).account_page or "/login",
        login=f" --cacert {tls}" if tls else "",
        program=_program(),
        url=serve.url(settings, addresses),
        web=addresses["web"],
        service=_SERVICE,
        curl=f" --cacert {tls}" if tls else "",
        grpcurl=f" -cacert {tls}" if tls else " -plaintext",
    )


def _program() -> str:
    """How this command was called, if by its name."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "authsvc" else "authsvc"


def _prepare(settings: Settings, options: argparse.Namespace) -> Trial:
    """Bring the database to what the file lists; a token and a key for the lines."""
    from authsvc import directory  # noqa: PLC0415 - heavy, and only for commands on the database
    from authsvc.api.convert_workos import person_id  # noqa: PLC0415
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.identity.passwords import hash_password  # noqa: PLC0415
    from authsvc.store.backends import BackendReads  # noqa: PLC0415
    from authsvc.store.executor import Executor  # noqa: PLC0415
    from authsvc.store.migrate import migrate  # noqa: PLC0415
    from authsvc.store.reads import Reads  # noqa: PLC0415
    from authsvc.store.writes import Writes  # noqa: PLC0415

    document = directory.read(options.file)
    migrate(settings.database_url)

    async def fill(executor: Executor, writes: Writes) -> Trial:
        print(f"{options.file}: {await directory.apply(writes, document)}", flush=True)
        _, token = await writes.sign_in(options.user, agent_id(options.agent), lifetime(_LIFE))
        await writes.revoke_key(_KEY)
        _, key = await writes.create_key(_KEY, frozenset(Permission))
        record = await Reads(executor).token(token_hash(token), None)
        person = await BackendReads(executor).person_by_id(record.user_id) if record else None
        if person is None:
            return Trial(token, key, None, options.user)
        # Never one that is known to everybody: the demo may be reachable from elsewhere.
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        accounts, account = await users.find(executor, writes, options.user)
        await accounts.set_password(account, hash_password(password), end_sessions=False)
        return Trial(token, key, person_id(person), options.user, password)

    return on_store(settings, fill)
