"""Flags for single settings, of commands that need few."""

from __future__ import annotations

import argparse

from authsvc.config import Settings


def with_settings(database: argparse.ArgumentParser, *names: str) -> argparse.ArgumentParser:
    """The flags of these settings, for a command that has those of the database already."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("settings")
    for name in names:
        description = Settings.model_fields[name].description
        group.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=description)
    parser.set_defaults(settings=[*database.get_default("settings"), *names])
    return parser
