"""The record of requests that are no calls: one line for each, and the traceback of every unexpected failure."""

from __future__ import annotations

import time

import structlog


class RequestLog:
    """Writes about requests. `clock` gives seconds, for durations only."""

    clock = staticmethod(time.perf_counter)

    def __init__(self) -> None:
        self._log = structlog.get_logger("authsvc.requests")

    def ended(self, path: str, method: str, request_id: str, status: int, started: float) -> None:
        """A request ended; `path` and `method` are words of ours, never what a client has sent."""
        milliseconds = round((self.clock() - started) * 1_000, 3)
        self._log.info("request", path=path, method=method, status=status, ms=milliseconds, request_id=request_id)

    def refused(self, path: str, client_id: str | None, reason: str, request_id: str) -> None:
        """What a client had people ask for was refused, for a reason in our words; without `client_id` nobody's."""
        self._log.info("request refused", path=path, client_id=client_id, reason=reason, request_id=request_id)

    def failed(self, path: str, method: str, request_id: str) -> None:
        """A request failed in a way nobody foresaw; called while the exception is being handled."""
        self._log.exception("request failed", path=path, method=method, request_id=request_id)
