"""`authsvc keys list`, `rotate` and `forget`: the keys that sign tokens, and what to do when their key is lost."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from authsvc.cli.flags import with_settings
from authsvc.cli.tables import moment, table
from authsvc.config import Settings
from authsvc.domain.clock import now
from authsvc.domain.signing_keys import SigningKey, signer
from authsvc.errors import Refused

if TYPE_CHECKING:  # heavy, and only for commands on the database
    from authsvc.store.executor import Executor
    from authsvc.store.writes import Writes

_HEADINGS = ("ALGORITHM", "KEY", "STATE", "CREATED", "SIGNS FROM", "PUBLISHED UNTIL")


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    keys = commands.add_parser("keys", help="list, rotate and forget the keys that sign tokens")
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
    forgetting = actions.add_parser(
        "forget",
        parents=[database, with_settings(database, "secret_key_file")],
        help="when the secret key file is lost for good: delete all that was sealed with it",
    )
    forgetting.add_argument("--yes", action="store_true", help="do it; without, only say what would be deleted")
    forgetting.set_defaults(run=forget)


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
        if not options.now:
            _refuse_if_waiting(await store.keys())
        await Keyring(store, sealing).rotate(at_once=options.now)
        return await store.keys()

    print(_table(on_store(settings, work), now()))
    return 0


def forget(settings: Settings, options: argparse.Namespace) -> int:
    """Say what was sealed and is lost, and with `--yes` delete it; the next `serve` makes new keys."""
    from authsvc.cli.store import on_store  # noqa: PLC0415

    async def work(executor: Executor, writes: Writes) -> str:
        from authsvc.store.lost_key import LostKey  # noqa: PLC0415

        await _refuse_if_opened(settings, executor, writes)
        lost = LostKey(executor, writes)
        found = await lost.sealed()
        people = ", ".join(found.second_factors) or "nobody"
        told = f"{found.signing_keys} signing keys, so that no token they signed can be verified any more; "
        told += f"the second factors of {people}"
        if not options.yes:
            raise Refused(f"this would delete {told}. With --yes it does")
        await lost.forget()
        return told

    print(f"deleted {on_store(settings, work)}")
    return 0


async def _refuse_if_opened(settings: Settings, executor: Executor, writes: Writes) -> None:
    """Raise `Refused` if nothing is lost: nothing is sealed, or the key opens it, or is there but cannot be read."""
    from authsvc.identity.keyfile import KeyFile, NoKey  # noqa: PLC0415
    from authsvc.oauth.sealing import Sealing  # noqa: PLC0415
    from authsvc.store.signing_keys import SigningKeys  # noqa: PLC0415

    samples = await SigningKeys(executor, writes).sealed()
    if not samples:
        raise Refused("nothing in the database is sealed")
    try:
        sealing = Sealing(KeyFile("secret_key_file", settings.secret_key_file).read())
    except NoKey:
        return
    if all(sealing.open(purpose, text) is not None for purpose, text in samples):
        raise Refused(f"nothing is lost: {settings.secret_key_file} is the key with which things are sealed")


def _refuse_if_waiting(keys: list[SigningKey]) -> None:
    """A key that waits is newer than all that sign: one more would only make the wait longer."""
    at = now()
    waiting = [key.signs_from for key in keys if key.is_published(at) and key.signs_from > at]
    if waiting:
        raise Refused(f"new keys wait already, and sign from {moment(max(waiting))}; --now withdraws them as well")


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
