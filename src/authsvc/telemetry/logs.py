"""Logs: one JSON object a line on standard error, our own and those of libraries alike.

Nothing that a client sent is logged but the names of methods, which come from the contract, and no header, token
or body ever is.
"""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from typing import Any

import orjson
import structlog

_SHARED: list[structlog.types.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
]


def configure(level: str) -> None:
    """Send everything of `level` and above to standard error. Called once per process, before anything else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=lambda event, **_: _dumps(event).decode()),
            ],
        )
    )
    # uvicorn tells of its life as news; the supervisor has said it already.
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    # grpcio repeats headers that it cannot decode, tokens included.
    logging.getLogger("grpc").setLevel(logging.CRITICAL + 1)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    structlog.configure(
        # Not by way of the standard library: a line about a call would cost as much as half of the call.
        processors=[*_SHARED, structlog.processors.JSONRenderer(serializer=_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=_Lines,
        cache_logger_on_first_use=True,
    )


class _Lines:
    """Writes our own lines. One that cannot be written is lost: no call fails for it."""

    def __init__(self, *_: str) -> None:
        self._file = sys.stderr.buffer

    def info(self, line: bytes) -> None:
        """Write a line; what its level is says it itself."""
        with suppress(OSError, ValueError):
            self._file.write(line + b"\n")
            self._file.flush()

    debug = warning = error = critical = info


def _dumps(event: Any, **_: Any) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except TypeError:  # half a character, or a number beyond 64 bits
        return json.dumps(event, default=str).encode()
