"""The record of requests that are no calls."""

from __future__ import annotations

import structlog

from authsvc.telemetry.requests import RequestLog


def test_a_request_is_one_line() -> None:
    """The line says what was asked for, how it ended, and how long it took, in milliseconds."""
    log = RequestLog()
    with structlog.testing.capture_logs() as lines:
        log.ended("/login", "GET", "id-1", 200, log.clock() - 2)
    (line,) = lines
    assert 2_000 <= line.pop("ms") < 3_000
    assert line == {
        "event": "request",
        "log_level": "info",
        "path": "/login",
        "method": "GET",
        "status": 200,
        "request_id": "id-1",
    }


def test_a_failure_has_its_traceback() -> None:
    """What nobody foresaw is logged whole, under the number of its request."""
    log = RequestLog()
    with structlog.testing.capture_logs() as lines:
        try:
            int("x")
        except ValueError:
            log.failed("/login", "POST", "id-2")
    assert [(line["event"], line["request_id"], line["exc_info"]) for line in lines] == [
        ("request failed", "id-2", True)
    ]
