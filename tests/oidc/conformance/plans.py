"""The plans of the OpenID Foundation's conformance suite that are mirrored here, with their modules in their order."""

from __future__ import annotations

from typing import NamedTuple


class Module(NamedTuple):
    """A module: its Java class, and the name under which its results are published."""

    java: str
    name: str

    @property
    def test(self) -> str:
        """The name of the test that mirrors it."""
        return "test_" + self.name.replace("-", "_")


def _modules(*names: tuple[str, str]) -> tuple[Module, ...]:
    return tuple(Module("OIDCC" + java, "oidcc-" + name) for java, name in names)


_OR_REJECTED_JAVA = "SupportedCorrectlyOrRejectedAsUnsupported"
_OR_REJECTED = "supported-correctly-or-rejected-as-unsupported"

BASIC = _modules(
    ("ServerTest", "server"),
    ("ResponseTypeMissing", "response-type-missing"),
    ("IdTokenSignature", "idtoken-signature"),
    ("IdTokenUnsigned", "idtoken-unsigned"),
    ("UserInfoGet", "userinfo-get"),
    ("UserInfoPostHeader", "userinfo-post-header"),
    ("UserInfoPostBody", "userinfo-post-body"),
    ("EnsureRequestWithoutNonceSucceedsForCodeFlow", "ensure-request-without-nonce-succeeds-for-code-flow"),
    ("ScopeProfile", "scope-profile"),
    ("ScopeEmail", "scope-email"),
    ("ScopeAddress", "scope-address"),
    ("ScopePhone", "scope-phone"),
    ("ScopeAll", "scope-all"),
    ("AlternateHappyFlow", "alternate-happy-flow"),
    ("DisplayPage", "display-page"),
    ("DisplayPopup", "display-popup"),
    ("PromptLogin", "prompt-login"),
    ("PromptNoneNotLoggedIn", "prompt-none-not-logged-in"),
    ("PromptNoneLoggedIn", "prompt-none-logged-in"),
    ("MaxAge1", "max-age-1"),
    ("MaxAge10000", "max-age-10000"),
    ("EnsureRequestWithUnknownParameterSucceeds", "ensure-request-with-unknown-parameter-succeeds"),
    ("IdTokenHint", "id-token-hint"),
    ("LoginHint", "login-hint"),
    ("UiLocales", "ui-locales"),
    ("ClaimsLocales", "claims-locales"),
    ("EnsureRequestWithAcrValuesSucceeds", "ensure-request-with-acr-values-succeeds"),
    ("AuthCodeReuse", "codereuse"),
    ("AuthCodeReuseAfter30Seconds", "codereuse-30seconds"),
    ("EnsureRegisteredRedirectUri", "ensure-registered-redirect-uri"),
    ("EnsurePostRequestSucceeds", "ensure-post-request-succeeds"),
    ("ServerTestClientSecretPost", "server-client-secret-post"),
    (f"RequestUriUnsigned{_OR_REJECTED_JAVA}", f"request-uri-unsigned-{_OR_REJECTED}"),
    (f"UnsignedRequestObject{_OR_REJECTED_JAVA}", f"unsigned-request-object-{_OR_REJECTED}"),
    ("ClaimsEssential", "claims-essential"),
    ("EnsureRequestObjectWithRedirectUri", "ensure-request-object-with-redirect-uri"),
    ("RefreshToken", "refresh-token"),
    ("EnsureRequestWithValidPkceSucceeds", "ensure-request-with-valid-pkce-succeeds"),
)
"""OIDCCBasicTestPlan."""
CONFIG = _modules(("DiscoveryEndpointVerification", "discovery-endpoint-verification"))
"""OIDCCConfigTestPlan."""
_LOGOUT, _logout = "RpInitiatedLogout", "rp-initiated-logout"
RP_LOGOUT = _modules(
    (f"{_LOGOUT}DiscoveryEndpointVerification", f"{_logout}-discovery-endpoint-verification"),
    (_LOGOUT, _logout),
    (f"{_LOGOUT}BadLogoutRedirectUri", f"{_logout}-bad-post-logout-redirect-uri"),
    (f"{_LOGOUT}ModifiedIdTokenHint", f"{_logout}-modified-id-token-hint"),
    (f"{_LOGOUT}NoIdTokenHint", f"{_logout}-no-id-token-hint"),
    (f"{_LOGOUT}NoParams", f"{_logout}-no-params"),
    (f"{_LOGOUT}NoPostLogoutRedirectUri", f"{_logout}-no-post-logout-redirect-uri"),
    (f"{_LOGOUT}NoState", f"{_logout}-no-state"),
    (f"{_LOGOUT}OnlyState", f"{_logout}-only-state"),
    (f"{_LOGOUT}QueryAddedToLogoutRedirectUri", f"{_logout}-query-added-to-post-logout-redirect-uri"),
    (f"{_LOGOUT}BadIdTokenHint", f"{_logout}-bad-id-token-hint"),
)
"""OIDCCRpInitiatedLogoutTestPlan."""
