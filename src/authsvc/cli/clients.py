"""`authsvc client create`, `list`, `disable`, `enable` and `secret`: the applications that people sign in to."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from authsvc.cli.tables import table
from authsvc.cli.values import choice
from authsvc.config import Settings
from authsvc.domain.clients import Client, ClientState
from authsvc.domain.ids import parse_id
from authsvc.domain.registration import DEFAULT_GRANTS, SHORT_NAMES
from authsvc.domain.users import AccessTokenType
from authsvc.errors import Refused

_HEADINGS = ("CLIENT ID", "NAME", "KIND", "GRANTS", "STATE", "REDIRECT URIS")
_FLAGS = {"redirect_uris": "--redirect-uri", "post_logout_uris": "--post-logout-uri", "grant_types": "--grant"}
_DEFAULT = ",".join(name for name, grant in SHORT_NAMES.items() if grant in DEFAULT_GRANTS)


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    clients = commands.add_parser("client", help="make, list, disable and enable clients, and give them new secrets")
    actions = clients.add_subparsers(metavar="ACTION", required=True)
    _add_create(actions, database)
    listing = actions.add_parser("list", parents=[database], help="print all clients but not their secrets")
    listing.set_defaults(run=show)
    ending = actions.add_parser("disable", parents=[database], help="end a client, and all that it has been given")
    ending.add_argument("client", metavar="CLIENT_ID", help="what the client calls itself")
    ending.set_defaults(run=disable)
    resuming = actions.add_parser("enable", parents=[database], help="let a client go on; what has ended stays so")
    resuming.add_argument("client", metavar="CLIENT_ID", help="what the client calls itself")
    resuming.set_defaults(run=enable)
    renewing = actions.add_parser("secret", parents=[database], help="print a new secret; the old one counts no more")
    renewing.add_argument("client", metavar="CLIENT_ID", help="what the client calls itself")
    renewing.set_defaults(run=secret)


def _add_create(actions: Any, database: argparse.ArgumentParser) -> None:
    creating = actions.add_parser("create", parents=[database], help="print the id and the secret of a new client")
    creating.add_argument("name", metavar="NAME", help="what people are told who sign in")
    creating.add_argument("--client-id", metavar="ID", help="what the client calls itself; a number if left out")
    for flag, text in (
        ("--redirect-uri", "an address to which people are sent back; may be given several times"),
        ("--post-logout-uri", "an address to which people are sent once they are signed out; likewise"),
    ):
        creating.add_argument(flag, metavar="URI", action="append", default=[], help=text)
    for flag, text in (
        ("--public", "it can keep no secret, such as a page, and gets none"),
        ("--native", "it is an app on people's own machines: public, and any port of a loopback address will do"),
        ("--trusted", "people are not asked whether they let it know who they are"),
        ("--jwt", "its access tokens are JWTs (RFC 9068), for services that check signatures"),
    ):
        creating.add_argument(flag, action="store_true", help=text)
    known = f"how it gets tokens, separated by commas: {', '.join(SHORT_NAMES)}; {_DEFAULT} if left out"
    creating.add_argument("--grant", metavar="LIST", default=_DEFAULT, help=known)
    creating.add_argument("--project", metavar="ID", help="its clients may introspect each other's tokens")
    creating.set_defaults(run=create)


def create(settings: Settings, options: argparse.Namespace) -> int:
    """Print `client_id=…`, and `client_secret=…` unless the client is public; nobody can print the secret again."""
    from authsvc.cli.store import on_store  # noqa: PLC0415 - heavy, and only for commands on the database
    from authsvc.store.client_writes import ClientWrites, NewClient, Unregistrable  # noqa: PLC0415

    new = NewClient(
        name=options.name,
        client_id=options.client_id,
        public=options.public or options.native,
        native=options.native,
        trusted=options.trusted,
        redirect_uris=tuple(options.redirect_uri),
        post_logout_uris=tuple(options.post_logout_uri),
        grant_types=tuple(SHORT_NAMES[name] for name in choice("--grant", options.grant, list(SHORT_NAMES))),
        access_token_type=AccessTokenType.JWT if options.jwt else AccessTokenType.BEARER,
        project=_project(options.project),
    )
    try:
        client_id, value = on_store(settings, lambda _, writes: ClientWrites(writes).create(new))
    except Unregistrable as error:
        number = "" if error.fault.item is None else f" {error.fault.item + 1}"
        raise Refused(f"{_FLAGS[error.fault.field]}{number}: {error.fault.text}") from None
    print(f"client_id={client_id}")
    if value is not None:
        print(f"client_secret={value}")
        print("the secret is shown only this once", file=sys.stderr)
    return 0


def show(settings: Settings, options: argparse.Namespace) -> int:
    """Print a table of all clients, by their ids."""
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.store.clients import Clients  # noqa: PLC0415

    found = on_store(settings, lambda executor, _: Clients(executor).all())
    print(table([_HEADINGS, *map(_cells, found)]))
    return 0


def disable(settings: Settings, options: argparse.Namespace) -> int:
    """Disable a client. Twice is the same as once."""
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.store.client_writes import ClientWrites  # noqa: PLC0415

    on_store(settings, lambda _, writes: ClientWrites(writes).disable(options.client))
    return 0


def enable(settings: Settings, options: argparse.Namespace) -> int:
    """Let a client go on. Twice is the same as once."""
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.store.client_writes import ClientWrites  # noqa: PLC0415

    on_store(settings, lambda _, writes: ClientWrites(writes).enable(options.client))
    return 0


def secret(settings: Settings, options: argparse.Namespace) -> int:
    """Print the client's new secret, and nothing else, on standard output."""
    from authsvc.cli.store import on_store  # noqa: PLC0415
    from authsvc.store.client_writes import ClientWrites  # noqa: PLC0415

    print(on_store(settings, lambda _, writes: ClientWrites(writes).new_secret(options.client)))
    return 0


def _project(text: str | None) -> int | None:
    number = None if text is None else parse_id(text)
    if text is not None and number is None:
        raise Refused("--project: must be the id of a project")
    return number


def _cells(client: Client) -> tuple[str, ...]:
    kind = "native" if client.native else "public" if client.is_public else "confidential"
    grants = ",".join(name for name, grant in SHORT_NAMES.items() if client.may(grant))
    state = ClientState(client.state).name.lower()
    shown = f"{kind}, trusted" if client.trusted else kind
    return client.client_id, client.name, shown, grants, state, client.redirect_uris.replace("\n", " ") or "-"
