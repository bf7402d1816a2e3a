"""What people are told when something went wrong: a page, unless a client is to be told instead."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from authsvc.errors import Unavailable
from authsvc.oauth.authorization import Redirected, Unsafe
from authsvc.oauth.guessing import TooManyAttempts
from authsvc.oidc.browser import Forged
from authsvc.oidc.flow import to_client
from authsvc.oidc.forms import BadForm
from authsvc.oidc.pages import Pages, Problem, too_many
from authsvc.telemetry.requests import RequestLog


class PageFailures:
    """Says what went wrong as a page."""

    def __init__(self, pages: Pages, log: RequestLog) -> None:
        self._pages = pages
        self._log = log

    def refusal(self, request: Request, error: Exception) -> Response | None:
        """A failure that was foreseen."""
        if isinstance(error, Redirected | Unsafe):
            self._log.refused(request.scope["path"], error.client_id, error.reason, request.state.id)
        if isinstance(error, Redirected):
            return to_client(request, error.location)
        if isinstance(error, Unsafe):
            return self._pages.failure(request, Problem(error.key), number=request.state.id)
        if isinstance(error, Forged):
            # The same address shows the form once more, with what the browser's cookie says by now.
            query = request.scope["query_string"].decode("latin-1")
            again = f"{request.scope['path']}?{query}" if query else request.scope["path"]
            return self._pages.failure(request, Problem("error.forged", 403), again=again)
        problem = _problem(error)
        return self._pages.failure(request, problem) if problem else None

    def not_allowed(self, request: Request) -> Response:
        """A method that the page does not have."""
        return self._pages.failure(request, Problem("error.method", 405))

    def internal(self, request: Request) -> Response:
        """A failure that nobody foresaw."""
        return self._pages.failure(request, Problem("error.internal", 500), number=request.state.id)


def _problem(error: Exception) -> Problem | None:
    match error:
        case BadForm():
            return Problem(f"error.{error.key}", error.status)
        case TooManyAttempts():
            return too_many(error)
        case Unavailable():
            return Problem("error.unavailable", 503, retry_after=1)
    return None
