"""Every test of the doors sees what is logged, and nothing else is printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from authsvc import app


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """The entries logged during the test, tracebacks as text."""
    with capture_logs(processors=[format_exc_info]) as entries:
        yield entries


@pytest.fixture(autouse=True)
def undescribed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads here what the API is like, and describing it takes longer than making all the rest of a service."""
    monkeypatch.setattr(app, "describe", lambda *given: {})
