"""Every test of the doors sees what is logged, and nothing else is printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.processors import format_exc_info
from structlog.testing import capture_logs


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """The entries logged during the test, tracebacks as text."""
    with capture_logs(processors=[format_exc_info]) as entries:
        yield entries
