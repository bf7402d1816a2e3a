"""`authsvc token create` and `authsvc token revoke`."""

from __future__ import annotations

import argparse
import re
from typing import Any

from authsvc.cli.values import credential
from authsvc.config import Settings
from authsvc.domain.clock import SECOND
from authsvc.domain.ids import parse_id
from authsvc.errors import Refused

_TTL = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    token = commands.add_parser("token", help="make and revoke access tokens")
    actions = token.add_subparsers(metavar="ACTION", required=True)
    creating = actions.add_parser("create", parents=[database], help="print a new access token")
    creating.add_argument("--user", required=True, metavar="LOGIN_NAME", help="whose token")
    creating.add_argument("--agent", metavar="ID", help="user agent (browser) on which the user is signed in")
    creating.add_argument("--ttl", default="1h", metavar="TIME", help="life of the token: 90s, 15m, 1h (default), 30d")
    creating.set_defaults(run=create)
    revoking = actions.add_parser("revoke", parents=[database], help="end a token at once")
    revoking.add_argument("token", metavar="TOKEN", help="the token or its id; - reads it from standard input")
    revoking.set_defaults(run=revoke)


def create(settings: Settings, options: argparse.Namespace) -> int:
    """Print the token, and nothing else, on standard output."""
    from authsvc.cli.store import on_store  # noqa: PLC0415 - heavy, and only for commands on the database

    agent = agent_id(options.agent)
    ttl = lifetime(options.ttl)
    _, token = on_store(settings, lambda _, writes: writes.sign_in(options.user, agent, ttl))
    print(token)
    return 0


def revoke(settings: Settings, options: argparse.Namespace) -> int:
    """Revoke a token; the status is 1 if there is no such token."""
    from authsvc.cli.store import on_store  # noqa: PLC0415

    token = credential(options.token)
    if not on_store(settings, lambda _, writes: writes.revoke_token(token)):
        raise Refused("there is no such token")
    return 0


def lifetime(text: str) -> int:
    """`text`, such as `15m`, in microseconds. Raises `Refused` for anything else."""
    match = _TTL.fullmatch(text)
    if not match:
        raise Refused("--ttl: must be a number and a unit (s, m, h or d), for example 1h")
    return int(match[1]) * _UNITS[match[2]] * SECOND


def agent_id(text: str | None) -> int | None:
    """The value of `--agent`. Raises `Refused` if it is not an id."""
    if text is None:
        return None
    agent = parse_id(text)
    if agent is None:
        raise Refused("--agent: must be the id of a user agent, a decimal number")
    return agent
