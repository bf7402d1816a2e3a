"""What OAuth clients are told when something is wrong: a registered code and a sentence that echoes nothing."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    # RFC 6749, sections 4.1.2.1 and 5.2
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_response_type",
    "invalid_scope",
    "access_denied",
    "temporarily_unavailable",
    # OpenID Connect Core, section 3.1.2.6
    "login_required",
    "account_selection_required",
    "consent_required",
    "request_not_supported",
    "request_uri_not_supported",
    "registration_not_supported",
    # RFC 8628, section 3.5
    "authorization_pending",
    "slow_down",
    "expired_token",
    # RFC 8693, section 2.2.2, and RFC 6750, section 3.1
    "invalid_target",
    "invalid_token",
    "insufficient_scope",
]


class OAuthError(Exception):
    """A refusal."""

    def __init__(self, code: Code, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code: Code = code
        self.description = description
