"""The record of calls: one line when a call ends, and the traceback of every unexpected failure."""

from __future__ import annotations

import time

import structlog


class CallLog:
    """Writes about calls. `clock` gives seconds, for durations only."""

    clock = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        self._log = structlog.get_logger("authsvc.calls")

    def ended(self, method: str, door: str, request_id: str, code: str, started: float, key: str | None = None) -> None:
        """A call ended with `code`; `key` is the name of the API key that made it, if one did."""
        caller = {} if key is None else {"key": key}
        milliseconds = round((self.clock() - started) * 1_000, 3)
        self._log.info("call", method=method, door=door, code=code, ms=milliseconds, request_id=request_id, **caller)

    def failed(self, method: str, request_id: str, error_id: str) -> None:
        """A call failed in a way nobody foresaw; called while the exception is being handled."""
        self._log.exception("call failed", method=method, request_id=request_id, error_id=error_id)
