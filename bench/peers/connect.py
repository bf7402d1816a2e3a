"""AuthService on connectrpc: Connect (JSON and protobuf) and gRPC-Web, with a core that costs as little as it can.

    python bench/peers/connect.py --database sqlite:////path --listen 127.0.0.1:8000

The server is uvicorn, which connectrpc's documentation names first for HTTP/1.1; native gRPC would need HTTP/2 and
another server. The messages are those of protobuf-py, its default. Statements are authsvc's, run inline on one
connection. Tokens are checked as authsvc does it, but for scopes and the header `x-zitadel-orgid`, which the load has
not.
"""

# ruff: noqa: INP001 - a program, and no part of a package

import sqlite3
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from connect_messages import grants_response, sessions_response, user_response
from connect_stubs.zitadel.auth_connect import AuthServiceASGIApplication
from connect_stubs.zitadel.auth_pb import HealthzResponse
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from serving import options, serve

STATEMENTS = Path(__file__).parent / "go" / "statements"
_ACTIVE, _DELETED, _INITIAL = 1, 3, 6
_MAX = 1_000
_BEARER = "bearer "


def statement(name: str) -> str:
    """A statement, by its name."""
    return (STATEMENTS / f"{name}.sql").read_text()


def invalid_token() -> ConnectError:
    """The one answer to every token that cannot be used."""
    return ConnectError(Code.UNAUTHENTICATED, "Errors.Token.Invalid")


class Service:
    """What `AuthServiceASGIApplication` serves."""

    def __init__(self, path: Path) -> None:
        self._execute = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None).execute
        self._token, self._user, self._sessions = statement("token"), statement("user"), statement("sessions")
        newest_first = statement("grants")
        self._grants = (newest_first, newest_first.replace("DESC", "ASC"))

    async def healthz(self, request: Any, ctx: Any) -> Any:
        """Say that it is there."""
        return HealthzResponse()

    async def get_my_user(self, request: Any, ctx: Any) -> Any:
        """Answer with the caller."""
        user_id, _ = self._caller(ctx)
        row = self._execute(self._user, (user_id,)).fetchone()
        if row is None:
            raise ConnectError(Code.NOT_FOUND, "Errors.User.NotFound")
        return user_response(row)

    async def list_my_user_sessions(self, request: Any, ctx: Any) -> Any:
        """Answer with the newest session of each user in the caller's browser."""
        _, agent_id = self._caller(ctx)
        rows = self._execute(self._sessions, (_now(), agent_id)).fetchall() if agent_id is not None else []
        return sessions_response(rows)

    async def list_my_user_grants(self, request: Any, ctx: Any) -> Any:
        """Answer with a page of the caller's grants."""
        user_id, _ = self._caller(ctx)
        offset, limit, ascending = (query.offset, query.limit, query.asc) if (query := request.query) else (0, 0, False)
        if limit > _MAX:
            raise ConnectError(Code.INVALID_ARGUMENT, "Errors.Limit.ExceedsMaximum")
        return grants_response(self._execute(self._grants[ascending], (user_id, limit or _MAX, offset)).fetchall())

    def _caller(self, ctx: Any) -> tuple[int, int | None]:
        """Who calls, and in which browser. Raises `ConnectError` if the token cannot be used."""
        header = ctx.request_headers.get("authorization", "")
        if header[: len(_BEARER)].lower() != _BEARER:
            raise invalid_token()
        row = self._execute(self._token, (sha256(header[len(_BEARER) :].encode()).digest(),)).fetchone()
        if row is None:
            raise invalid_token()
        user_id, expires_at, revoked_at, user_state, org_state, session_id, session_state, ends_at, agent_id = row
        now = _now()
        signed_out = session_id is not None and (session_state != _ACTIVE or ends_at <= now)
        if expires_at <= now or revoked_at is not None or signed_out:
            raise invalid_token()
        if user_state == _DELETED:
            raise ConnectError(Code.NOT_FOUND, "Errors.User.NotFound")
        if user_state not in (_ACTIVE, _INITIAL) or org_state != _ACTIVE:
            raise invalid_token()
        return user_id, agent_id


def _now() -> int:
    return time.time_ns() // 1_000


if __name__ == "__main__":
    file, host, port = options()
    serve(AuthServiceASGIApplication(Service(file)), host, port)
