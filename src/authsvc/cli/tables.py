"""Lists for people to read."""

from __future__ import annotations

from datetime import UTC, datetime

from authsvc.domain.clock import SECOND


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows as lines of columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def moment(at: int | None) -> str:
    """A time in microseconds, if there is one, as a cell."""
    return "-" if at is None else f"{datetime.fromtimestamp(at // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"
