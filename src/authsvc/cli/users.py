"""`authsvc user password` and `authsvc user totp`: what people sign in with."""

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

_WEAK = {
    "short": "a password has 8 characters at least",
    "long": "a password has 128 characters at most",
    "login_name": "a password is not the login name",
}


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    user = commands.add_parser("user", help="passwords and second factors of people")
    actions = user.add_subparsers(metavar="ACTION", required=True)
    about = "give somebody a password, asked for or read from standard input, and end their sessions"
    password = actions.add_parser("password", parents=[database], help=about)
    password.set_defaults(run=set_password)
    sealed = with_settings(database, "secret_key_file", "issuer")
    about = "give somebody a second factor and print, this once, what an authenticator app takes; end their sessions"
    totp = actions.add_parser("totp", parents=[database, sealed], help=about)
    totp.add_argument("--remove", action="store_true", help="take the second factor away instead")
    totp.set_defaults(run=set_totp)
    for parser in (password, totp):
        parser.add_argument("login_name", metavar="LOGIN_NAME", help="whose")
        parser.add_argument("--keep-sessions", action="store_true", help="leave them signed in where they are")


def set_password(settings: Settings, options: argparse.Namespace) -> int:
    """Set a password; nothing is printed."""
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.identity.passwords import WeakPassword, check_password, hash_password  # noqa: PLC0415

    password = _read_password()
    try:
        check_password(password, options.login_name)
    except WeakPassword as weak:
        raise Refused(_WEAK[weak.reason]) from None

    async def work(executor: Executor, writes: Writes) -> None:
        accounts, account = await find(executor, writes, options.login_name)
        await accounts.set_password(account, hash_password(password), end_sessions=not options.keep_sessions)

    on_store(settings, work)
    return 0


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


def _read_password() -> str:
    """A password, asked for twice at a terminal; else a line of standard input, which no list of processes shows."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("New password: ")
    if getpass.getpass("Once more: ") != password:
        raise Refused("the two are not the same")
    return password
