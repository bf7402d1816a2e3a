"""What programs are told: JSON, and errors as RFC 6749 (section 5.2) and RFC 6750 (section 3) have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from authsvc.errors import Unauthenticated, Unavailable
from authsvc.identity.bearer import REALM, challenge
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.guessing import TooManyAttempts
from authsvc.oauth.keyring import CACHE_LIFE
from authsvc.oidc.forms import BadForm

CACHED = {"cache-control": f"public, max-age={CACHE_LIFE}"}
"""Of what is the same for everybody and seldom changes; signing keys are published far longer before they are used."""
_FORM_PROBLEMS = {
    "malformed": "the form cannot be read, or has a field twice",
    "too_large": "the form is too large",
    "media_type": "the content type must be application/x-www-form-urlencoded",
}


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON, for programs."""
    return Response(orjson.dumps(content), status, dict(headers or {}), media_type="application/json")


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Those fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def problem(code: str, description: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """An error as OAuth clients know it."""
    return json_answer({"error": code, "error_description": description}, status, headers)


class JsonFailures:
    """Says what went wrong as JSON. `challenge` is the authentication scheme that a client without a token is told."""

    def __init__(self, scheme: str = "Basic") -> None:
        self._scheme = scheme

    def refusal(self, _: Request, error: Exception) -> Response | None:
        """A failure that was foreseen."""
        match error:
            case OAuthError():
                return self._oauth(error)
            case Unauthenticated():
                # Whoever sent no token at all is told of no error (RFC 6750, section 3.1).
                return Response(status_code=401, headers={"www-authenticate": challenge(error)})
            case TooManyAttempts():
                return problem("invalid_request", "too many attempts", 429, {"retry-after": str(error.retry_after)})
            case BadForm():
                return problem("invalid_request", _FORM_PROBLEMS[error.key], error.status)
            case Unavailable():
                return problem("temporarily_unavailable", "try again later", 503, {"retry-after": "1"})
        return None

    def not_allowed(self, _: Request) -> Response:
        """A method that the endpoint does not have."""
        return problem("invalid_request", "the method is not allowed", 405)

    def internal(self, request: Request) -> Response:
        """A failure that nobody foresaw."""
        return problem("server_error", f"an internal error occurred, number {request.state.id}", 500)

    def _oauth(self, error: OAuthError) -> Response:
        headers = {}
        if error.code in {"invalid_client", "invalid_token"}:
            parameters = f', error="{error.code}"' if self._scheme == "Bearer" else ""
            headers["www-authenticate"] = f'{self._scheme} realm="{REALM}"{parameters}'
            return problem(error.code, error.description, 401, headers)
        if error.code == "insufficient_scope":
            headers["www-authenticate"] = f'{self._scheme} realm="{REALM}", error="{error.code}", scope="openid"'
            return problem(error.code, error.description, 403, headers)
        return problem(error.code, error.description, 400)
