"""`authsvc migrate`, `authsvc apply FILE` and `authsvc export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from authsvc.config import Settings


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the commands."""
    migrating = commands.add_parser("migrate", parents=[database], help="bring the database to this version's schema")
    migrating.set_defaults(run=migrate)
    applying = commands.add_parser("apply", parents=[database], help="create and change what a directory file lists")
    applying.add_argument("file", type=Path, metavar="FILE", help="YAML directory file")
    applying.set_defaults(run=apply)
    exporting = commands.add_parser("export", parents=[database], help="print the database as a directory file")
    exporting.set_defaults(run=export)


def migrate(settings: Settings, options: argparse.Namespace) -> int:
    """Migrate, and say from where to where."""
    from authsvc.store.migrate import migrate as bring_up  # noqa: PLC0415 - only this command needs Alembic

    before, after = bring_up(settings.database_url)
    change = f"already at revision {after}" if before == after else f"from {before or 'empty'} to revision {after}"
    print(f"{settings.database_url}: {change}")
    return 0


def apply(settings: Settings, options: argparse.Namespace) -> int:
    """Apply a file, and say what changed."""
    from authsvc import directory  # noqa: PLC0415 - YAML and its models are for these commands only
    from authsvc.cli.store import on_store  # noqa: PLC0415

    document = directory.read(options.file)
    print(on_store(settings, lambda _, writes: directory.apply(writes, document)))
    return 0


def export(settings: Settings, options: argparse.Namespace) -> int:
    """Print the directory."""
    from authsvc import directory  # noqa: PLC0415
    from authsvc.cli.store import on_store  # noqa: PLC0415

    print(on_store(settings, lambda executor, _: directory.export(executor)), end="")
    return 0
