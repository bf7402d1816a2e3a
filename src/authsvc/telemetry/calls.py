"""The record of calls: one line when a call ends, and the traceback of every unexpected failure."""

from __future__ import annotations

import logging
import time

import grpc
import structlog


class CallLog:
    """Writes about calls. `clock` gives seconds, for durations only."""

    clock = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        self._log = structlog.get_logger("authsvc.calls").bind()
        self._heard = self._log.is_enabled_for(logging.INFO)

    def ended(
        self, method: str, door: str, request_id: str, status: grpc.StatusCode, started: float, key: str | None = None
    ) -> None:
        """A call ended with this status; `key` is the name of the API key that made it, if one did."""
        if not self._heard:
            return
        caller = {} if key is None else {"key": key}
        milliseconds = round((self.clock() - started) * 1_000, 3)
        code = status.name
        self._log.info("call", method=method, door=door, code=code, ms=milliseconds, request_id=request_id, **caller)

    def failed(self, method: str, request_id: str, error_id: str) -> None:
        """A call failed in a way nobody foresaw; called while the exception is being handled."""
        self._log.exception("call failed", method=method, request_id=request_id, error_id=error_id)
