"""What the authorization server says of itself: exactly what works (OIDC Discovery, section 3; RFC 8414, section 2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from authsvc.domain.clients import SIGNING_ALGORITHMS, GrantType
from authsvc.oauth.authorization_request import PROMPTS
from authsvc.oauth.clients import METHODS, SECRET_METHODS
from authsvc.oauth.id_token import ACR_VALUES
from authsvc.oauth.scopes import KNOWN
from authsvc.oauth.userinfo import CLAIMS

AUTHORIZE = "/oauth/v2/authorize"
TOKEN = "/oauth/v2/token"  # noqa: S105 - a path
KEYS = "/oauth/v2/keys"
INTROSPECT = "/oauth/v2/introspect"
REVOKE = "/oauth/v2/revoke"
DEVICE_AUTHORIZATION = "/oauth/v2/device_authorization"
USERINFO = "/oidc/v1/userinfo"
END_SESSION = "/oidc/v1/end_session"
_ID_TOKEN_CLAIMS = ("iss", "aud", "azp", "exp", "iat", "auth_time", "nonce", "at_hash", "acr", "amr", "sid")


def metadata(issuer: str, grant_types: Iterable[str], ui_locales: Iterable[str]) -> dict[str, Any]:
    """The JSON object that both documents are, by the grant types and the languages of the pages that there are."""
    grants = list(grant_types)
    device = {"device_authorization_endpoint": issuer + DEVICE_AUTHORIZATION}
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE,
        "token_endpoint": issuer + TOKEN,
        "jwks_uri": issuer + KEYS,
        "userinfo_endpoint": issuer + USERINFO,
        "introspection_endpoint": issuer + INTROSPECT,
        "revocation_endpoint": issuer + REVOKE,
        "end_session_endpoint": issuer + END_SESSION,
        **(device if GrantType.DEVICE_CODE in grants else {}),
        "scopes_supported": list(KNOWN),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": grants,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "token_endpoint_auth_methods_supported": list(METHODS),
        "introspection_endpoint_auth_methods_supported": list(SECRET_METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "acr_values_supported": list(ACR_VALUES),
        "claim_types_supported": ["normal"],
        "claims_supported": [*_ID_TOKEN_CLAIMS, *CLAIMS],
        "prompt_values_supported": list(PROMPTS),
        "ui_locales_supported": list(ui_locales),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
