"""`authsvc keys list` and `authsvc keys rotate`: the keys that sign tokens."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from authsvc.cli.flags import with_settings
from authsvc.cli.tables import moment, table
from authsvc.config import Settings
from authsvc.domain.clock import now
from authsvc.domain.signing_keys import SigningKey, signer

if TYPE_CHECKING:  # heavy, and only for commands on the database
    from authsvc.store.executor import Executor
    from authsvc.store.writes import Writes

_HEADINGS = ("ALGORITHM", "KEY", "STATE", "CREATED", "SIGNS FROM", "PUBLISHED UNTIL")


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    keys = commands.add_parser("keys", help="list and rotate the keys that sign tokens")
    actions = keys.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", parents=[database], help="print all keys, but nothing secret")
    listing.set_defaults(run=show)
    rotating = actions.add_parser(
        "rotate",
        parents=[database, with_settings(database, "secret_key_file")],
        help="make new keys; they are published now and sign in an hour, and the old ones stay published for a month",
    )
    rotating.add_argument(
        "--now", action="store_true", help="for keys that others may know: sign at once, and withdraw the old ones"
    )
    rotating.set_defaults(run=rotate)


def show(settings: Settings, options: argparse.Namespace) -> int:
    """Print a table of all keys, the oldest first."""
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.store.signing_keys import SigningKeys  # noqa: PLC0415

    keys = on_store(settings, lambda executor, writes: SigningKeys(executor, writes).keys())
    print(_table(keys, now()))
    return 0


def rotate(settings: Settings, options: argparse.Namespace) -> int:
    """Make new keys, and print the table of all."""
    from authsvc.cli.store import on_store  # noqa: PLC0415

    async def work(executor: Executor, writes: Writes) -> list[SigningKey]:
        from authsvc.identity.keyfile import KeyFile  # noqa: PLC0415
        from authsvc.oauth.keyring import Keyring  # noqa: PLC0415
        from authsvc.oauth.sealing import open_sealing  # noqa: PLC0415
        from authsvc.store.signing_keys import SigningKeys  # noqa: PLC0415

        store = SigningKeys(executor, writes)
        sealing = await open_sealing(KeyFile("secret_key_file", settings.secret_key_file), store)
        await Keyring(store, sealing).rotate(at_once=options.now)
        return await store.keys()

    print(_table(on_store(settings, work), now()))
    return 0


def _table(keys: list[SigningKey], at: int) -> str:
    return table([_HEADINGS, *(_cells(key, keys, at) for key in keys)])


def _cells(key: SigningKey, keys: list[SigningKey], at: int) -> tuple[str, ...]:
    kid = json.loads(key.public_key)["kid"]
    times = map(moment, (key.created_at, key.signs_from, key.published_until))
    return key.algorithm, kid, _state(key, keys, at), *times


def _state(key: SigningKey, keys: list[SigningKey], at: int) -> str:
    if not key.is_published(at):
        return "withdrawn"
    if signer(keys, key.algorithm, at) is key:
        return "signs"
    return "waits" if key.signs_from > at else "verifies"
