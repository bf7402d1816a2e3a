"""`authsvc apikey create`, `authsvc apikey list` and `authsvc apikey revoke`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from authsvc.cli.tables import moment, table
from authsvc.cli.values import choice, credential
from authsvc.config import Settings
from authsvc.domain.tokens import KeyRecord, Permission
from authsvc.errors import Refused

_HEADINGS = ("ID", "NAME", "PERMISSIONS", "CREATED", "LAST USED", "REVOKED")


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    keys = commands.add_parser("apikey", help="make, list and revoke API keys")
    actions = keys.add_subparsers(metavar="ACTION", required=True)
    creating = actions.add_parser("create", parents=[database], help="print a new API key")
    creating.add_argument("--name", required=True, metavar="NAME", help="what lists and logs call the key")
    permitted = f"what the key may do, separated by commas: {', '.join(Permission)}; all of it if left out"
    creating.add_argument("--permissions", default=",".join(Permission), metavar="LIST", help=permitted)
    creating.set_defaults(run=create)
    listing = actions.add_parser("list", parents=[database], help="print all API keys but not the keys themselves")
    listing.set_defaults(run=show)
    revoking = actions.add_parser("revoke", parents=[database], help="end an API key at once")
    revoking.add_argument("key", metavar="KEY", help="the key, its id or its name; - reads it from standard input")
    revoking.set_defaults(run=revoke)


def create(settings: Settings, options: argparse.Namespace) -> int:
    """Print the key, and nothing else, on standard output; nobody can print it again."""
    from authsvc.cli.store import on_store  # noqa: PLC0415 - heavy, and only for commands on the database

    wanted = permissions(options.permissions)
    key_id, key = on_store(settings, lambda _, writes: writes.create_key(options.name, wanted))
    print(f"API key {key_id} ({options.name}): {', '.join(sorted(wanted))}", file=sys.stderr)
    print(key)
    return 0


def show(settings: Settings, options: argparse.Namespace) -> int:
    """Print a table of all keys, the oldest first."""
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.store.backends import BackendReads  # noqa: PLC0415

    records = on_store(settings, lambda executor, _: BackendReads(executor).keys())
    print(table([_HEADINGS, *map(_cells, records)]))
    return 0


def revoke(settings: Settings, options: argparse.Namespace) -> int:
    """Revoke a key; the status is 1 if there is no such key."""
    from authsvc.cli.store import on_store  # noqa: PLC0415

    key = credential(options.key)
    if not on_store(settings, lambda _, writes: writes.revoke_key(key)):
        raise Refused("there is no such API key")
    return 0


def permissions(text: str) -> frozenset[Permission]:
    """The value of `--permissions`. Raises `Refused` if one of them is none."""
    return frozenset(map(Permission, choice("--permissions", text, list(Permission))))


def _cells(key: KeyRecord) -> tuple[str, ...]:
    times = map(moment, (key.created_at, key.last_used_at, key.revoked_at))
    return str(key.id), key.name, key.permissions.replace(" ", ","), *times
