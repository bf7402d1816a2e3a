"""`authsvc openapi`."""

from __future__ import annotations

import argparse
import json
from typing import Any

from authsvc.config import Settings


def add_to(commands: Any, *, settings: argparse.ArgumentParser, database: argparse.ArgumentParser) -> None:
    """Add the command."""
    parser = commands.add_parser("openapi", help="print the OpenAPI document of the JSON API")
    parser.set_defaults(run=run, config=None, settings=[])


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print the document; nothing is opened for it."""
    from authsvc.app import api_document  # noqa: PLC0415 - heavy, and only this command's

    print(json.dumps(api_document(), indent=2, ensure_ascii=False))
    return 0
