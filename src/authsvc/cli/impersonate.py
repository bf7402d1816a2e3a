"""`authsvc impersonate`: act as a person, for a reason, for an hour at most."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from authsvc.cli.tokens import lifetime
from authsvc.cli.users import find
from authsvc.config import Settings
from authsvc.domain.clock import SECOND
from authsvc.domain.machines import IMPERSONATION_LIFE, MAX_REASON, is_reason
from authsvc.domain.sessions import AuthMethod, SignIn
from authsvc.errors import Refused

if TYPE_CHECKING:  # heavy, and only for commands on the database
    from authsvc.store.executor import Executor
    from authsvc.store.writes import Writes

_MAX_ADDRESS = 254  # characters of an e-mail address (RFC 5321, section 4.5.3.1)


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the command."""
    about = "print a token with which to act as somebody; the session says who does, and why"
    parser = commands.add_parser("impersonate", parents=[database], help=about)
    parser.add_argument("login_name", metavar="LOGIN_NAME", help="as whom to act")
    parser.add_argument("--as", required=True, dest="email", metavar="EMAIL", help="who you are, for all to see")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, for all to see")
    parser.add_argument(
        "--ttl", default="1h", metavar="TIME", help="until it ends: 90s, 15m, 1h (default, and the most)"
    )
    parser.set_defaults(run=impersonate)


def impersonate(settings: Settings, options: argparse.Namespace) -> int:
    """Print the token, and nothing else, on standard output."""
    from authsvc.cli.store import on_store  # noqa: PLC0415

    sign_in = SignIn(
        auth_method=AuthMethod.IMPERSONATION,
        impersonator_email=_email(options.email),
        impersonator_reason=_reason(options.reason),
        lifetime=_life(options.ttl),
    )

    async def work(executor: Executor, writes: Writes) -> str:
        from authsvc.store.impersonations import Impersonations  # noqa: PLC0415

        _, account = await find(executor, writes, options.login_name)
        async with writes.transaction() as tx:
            session_id = await Impersonations(writes).begin(tx, account.user_id, sign_in)
            _, token = await writes.create_token_in(tx, account.user_id, session_id, sign_in.lifetime)
        return token

    print(on_store(settings, work))
    return 0


def _email(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not (local and at and domain and text.isprintable() and " " not in text and len(text) <= _MAX_ADDRESS):
        raise Refused("--as: must be an e-mail address")
    return text


def _reason(text: str) -> str:
    reason = text.strip()
    if not is_reason(reason):
        raise Refused(f"--reason: must have 1 to {MAX_REASON} characters that can be printed")
    return reason


def _life(text: str) -> int:
    life = lifetime(text)
    if not 0 < life <= IMPERSONATION_LIFE:
        raise Refused(f"--ttl: must be from 1s to {IMPERSONATION_LIFE // (60 * SECOND)}m")
    return life
