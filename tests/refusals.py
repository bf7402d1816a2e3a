"""Settings that are refused: the sentence, whichever way they were given."""

from __future__ import annotations

from pathlib import Path

import pytest

from authsvc.config import load
from authsvc.errors import StartupError


def toml(folder: Path, text: str) -> Path:
    """A file with settings."""
    file = folder / "authsvc.toml"
    file.write_text(text)
    return file


def refusal(
    flags: dict[str, str] | None = None, environment: dict[str, str] | None = None, file: Path | None = None
) -> str:
    """The one line in which such settings are refused."""
    with pytest.raises(StartupError) as caught:
        load(flags or {}, environment or {}, file)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)
