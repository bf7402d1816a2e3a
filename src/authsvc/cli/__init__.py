"""The command line: a module for each command, or for those that belong together."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

# Settings are made by pydantic, which would search everything that is installed for plugins: 40 ms of each command.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from authsvc import __version__, config
from authsvc.cli import (
    apikeys,
    clients,
    demo,
    directory,
    impersonate,
    keys,
    login,
    machines,
    openapi,
    serve,
    tokens,
    users,
    webhooks,
)
from authsvc.errors import Refused, StartupError, Unavailable

_COMMANDS = (
    *(serve, directory, login, tokens, users, impersonate),
    *(apikeys, clients, machines, keys, webhooks, openapi, demo),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0, 1 for a failure that is told in a sentence, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        flags = {name: value for name, value in vars(options).items() if name in config.Settings.model_fields}
        given = {name: value for name, value in flags.items() if value is not None}
        options.reload = partial(config.load, given, os.environ, options.config, only=options.settings)
        status: int = options.run(options.reload(), options)
        sys.stdout.flush()
    except StartupError as error:
        return _fail(str(error))
    except Refused as error:
        return _fail(str(error), located=error.located)
    except Unavailable as error:
        return _fail(f"the database does not answer: {error.__cause__}")
    except UnicodeError:
        return _fail("arguments and input must be UTF-8 text")
    except BrokenPipeError:
        # Whoever read our output has left; what is still to be written would fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _fail(sentence: str, *, located: bool = False) -> int:
    print(sentence if located else f"authsvc: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="authsvc", description="Who am I, where am I signed in, what may I do.")
    parser.add_argument("--version", action="version", version=f"authsvc {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    settings = _settings_parser(list(config.Settings.model_fields))
    database = _settings_parser(["database_url", "database_prepared"])
    for module in _COMMANDS:
        module.add_to(commands, settings=settings, database=database)
    return parser


def _settings_parser(names: list[str]) -> argparse.ArgumentParser:
    """Flags for settings; their values are checked together with those of the file and the environment."""
    parser = argparse.ArgumentParser(add_help=False, argument_default=None)
    group = parser.add_argument_group("settings", "also AUTHSVC_<NAME> in the environment, or `name = value` in FILE")
    group.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings")
    for name in names:
        field = config.Settings.model_fields[name]
        group.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=field.description)
    parser.set_defaults(settings=names)
    return parser
