"""`authsvc login`: sign in as a person and keep the token, so that `$(authsvc login --print)` fits a command line.

It talks to the service as any other native app would (RFC 8252): by a browser, or by another device (RFC 8628).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from authsvc.config import Settings
from authsvc.errors import Refused

_CLIENT = "cli"
_SCOPE = "openid profile offline_access"
_INTERRUPTED = 130  # what shells call the end by Ctrl+C


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the command."""
    about = "sign in with a browser and store the token; --print prints it, from the store as long as it is good"
    parser = commands.add_parser("login", help=about)
    parser.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    at = "URL of the service; if left out, by its settings: issuer, or else listen"
    parser.add_argument("--issuer", metavar="URL", help=at)
    parser.add_argument("--client", default=_CLIENT, metavar="ID", help=f"client to sign in to; {_CLIENT} if left out")
    parser.add_argument("--scope", default=_SCOPE, metavar="LIST", help=f"what the token is for; default: {_SCOPE}")
    parser.add_argument("--print", action="store_true", help="print the token, and nothing else, on standard output")
    parser.add_argument("--device", action="store_true", help="show a code to enter in a browser on another device")
    parser.add_argument("--no-browser", action="store_true", help="only print the address to open")
    parser.add_argument("--cacert", type=Path, metavar="FILE", help="PEM file with certificates to trust")
    parser.set_defaults(run=run, settings=["issuer", "listen"])


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Store a token; what is not the token goes to standard error."""
    from authsvc.cli.login.provider import Provider  # noqa: PLC0415 - heavy, and only for this command
    from authsvc.cli.login.saved import Saved  # noqa: PLC0415
    from authsvc.cli.login.sign_in import SignIn  # noqa: PLC0415

    if options.cacert is not None and not options.cacert.is_file():
        raise Refused("--cacert: names a file that does not exist")
    issuer = settings.at(settings.listen).issuer
    saved = Saved.of_this_user()
    try:
        with Provider(issuer, options.client, cacert=options.cacert) as provider:
            sign_in = SignIn(provider, saved, options.scope)
            tokens = sign_in.known() if options.print else None
            if tokens is None:
                tokens = sign_in.by_device() if options.device else sign_in.by_browser(opens=not options.no_browser)
                print(f"signed in as {provider.name(tokens)}; the token is in {saved.path}", file=sys.stderr)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return _INTERRUPTED
    if options.print:
        print(tokens.access_token)
    return 0
