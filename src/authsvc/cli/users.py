"""`authsvc user password`, `totp` and `unlock`: what people sign in with, and how often somebody has guessed at it."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from authsvc.cli.flags import with_settings
from authsvc.config import Settings
from authsvc.domain.users import UserType, split_login_name
from authsvc.errors import Refused

if TYPE_CHECKING:  # heavy, and only for commands on the database
    from authsvc.domain.accounts import Account
    from authsvc.store.executor import Executor
    from authsvc.store.sign_ins import Accounts
    from authsvc.store.writes import Writes


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    user = commands.add_parser("user", help="passwords and second factors of people, and guesses at them")
    actions = user.add_subparsers(metavar="ACTION", required=True)
    about = "give somebody a password, asked for or read from standard input, and end their sessions"
    key = with_settings(database, "secret_key_file")
    password = actions.add_parser("password", parents=[database, key], help=about)
    password.set_defaults(run=set_password)
    unlocking = actions.add_parser("unlock", parents=[database, key], help="forget the tries to guess at an account")
    unlocking.set_defaults(run=unlock)
    sealed = with_settings(database, "secret_key_file", "issuer")
    about = "give somebody a second factor and print, this once, what an authenticator app takes; end their sessions"
    totp = actions.add_parser("totp", parents=[database, sealed], help=about)
    instead = totp.add_mutually_exclusive_group()
    instead.add_argument("--replace", action="store_true", help="in place of the one that there is")
    instead.add_argument("--remove", action="store_true", help="take the second factor away instead")
    totp.set_defaults(run=set_totp)
    for parser in (password, totp):
        parser.add_argument("--keep-sessions", action="store_true", help="leave them signed in where they are")
    for parser in (password, totp, unlocking):
        parser.add_argument("login_name", metavar="LOGIN_NAME", help="whose")


def set_password(settings: Settings, options: argparse.Namespace) -> int:
    """Set a password, and forget what has been guessed at the one before; nothing is printed."""
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.identity.passwords import hash_password  # noqa: PLC0415

    # Before anybody types a password that is nobody's.
    on_store(settings, lambda executor, writes: find(executor, writes, options.login_name))
    password = _read_password()
    _check(password, options.login_name)

    async def work(executor: Executor, writes: Writes) -> None:
        accounts, account = await find(executor, writes, options.login_name)
        await accounts.set_password(account, hash_password(password), end_sessions=not options.keep_sessions)
        await _forget_tries(settings, executor, account)

    on_store(settings, work)
    return 0


def unlock(settings: Settings, options: argparse.Namespace) -> int:
    """Let somebody try again at once who has tried too often, or against whom strangers have; nothing is printed."""
    from authsvc.cli.store import on_store  # noqa: PLC0415

    async def work(executor: Executor, writes: Writes) -> None:
        _, account = await find(executor, writes, options.login_name)
        await _forget_tries(settings, executor, account)

    on_store(settings, work)
    return 0


async def _forget_tries(settings: Settings, executor: Executor, account: Account) -> None:
    from authsvc.identity.keyfile import KeyFile, NoKey  # noqa: PLC0415
    from authsvc.oauth.guessing import buckets_of  # noqa: PLC0415
    from authsvc.oauth.sealing import Sealing  # noqa: PLC0415
    from authsvc.store.aliases import aliases  # noqa: PLC0415
    from authsvc.store.attempts import Attempts  # noqa: PLC0415

    try:
        key = KeyFile("secret_key_file", settings.secret_key_file).read()
    except NoKey:
        return  # nothing has been counted by it
    known = await aliases(executor, account.user_id)
    buckets = buckets_of(account.user_id, known.names, known.agents)
    await Attempts(executor, Sealing(key)).forget(buckets)


def set_totp(settings: Settings, options: argparse.Namespace) -> int:
    """Print the address of a new second factor, and nothing else; nobody can print it again."""
    from authsvc.cli.store import on_store  # noqa: PLC0415

    async def work(executor: Executor, writes: Writes) -> str | None:
        from authsvc.identity.keyfile import KeyFile  # noqa: PLC0415
        from authsvc.oauth import second_factor  # noqa: PLC0415
        from authsvc.oauth.sealing import open_sealing  # noqa: PLC0415
        from authsvc.store.signing_keys import SigningKeys  # noqa: PLC0415

        accounts, account = await find(executor, writes, options.login_name)
        ends = not options.keep_sessions
        if options.remove:
            await accounts.set_totp(account, None, end_sessions=ends)
            return None
        if account.totp is not None and not options.replace:
            raise Refused("there is a second factor already: --replace gives another, --remove takes it away")
        file = KeyFile("secret_key_file", settings.secret_key_file)
        sealing = await open_sealing(file, SigningKeys(executor, writes))
        secret = second_factor.new_secret()
        sealed = second_factor.seal_secret(sealing, account.user_id, secret)
        await accounts.set_totp(account, sealed, end_sessions=ends)
        issuer = urlsplit(settings.issuer).hostname or "authsvc"
        return second_factor.provisioning_uri(secret, account.login_name, issuer)

    uri = on_store(settings, work)
    if uri is not None:
        print(uri)
    return 0


async def find(executor: Executor, writes: Writes, login_name: str) -> tuple[Accounts, Account]:
    """The accounts in the database, and the one of the person with this login name.

    Raises:
        Refused: there is nobody with it, or it is a program's.
    """
    from authsvc.store.sign_ins import Accounts  # noqa: PLC0415

    accounts = Accounts(executor, writes)
    account = await accounts.by_login_name(*(split_login_name(login_name) or ("", "")))
    if account is None or account.type != UserType.HUMAN:
        raise Refused(f"no person has the login name {login_name}")
    return accounts, account


def _check(password: str, login_name: str) -> None:
    from authsvc.identity.passwords import MAX_PASSWORD, MIN_PASSWORD, WeakPassword, check_password  # noqa: PLC0415

    try:
        check_password(password, login_name)
    except WeakPassword as weak:
        told = {
            "short": f"has {MIN_PASSWORD} characters at least",
            "long": f"has {MAX_PASSWORD} characters at most",
            "login_name": "is not the login name",
        }
        raise Refused(f"a password {told[weak.reason]}") from None


def _read_password() -> str:
    """A password, asked for twice at a terminal; else a line of standard input, which no list of processes shows."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise Refused("the two are not the same")
    return password
