"""What the account page sends and keeps, as the browser saw it while two people used it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from web.people import ADA, BORIS, PASSWORD, PICTURE
from web.site import Site

UNARY = {
    "/zitadel.auth.v1.AuthService/GetMyUser",
    "/zitadel.auth.v1.AuthService/ListMyUserSessions",
    "/zitadel.auth.v1.AuthService/ListMyUserGrants",
    "/authsvc.account.v1.AccountService/SignOut",
    "/authsvc.account.v1.AccountService/SignOutAll",
}
WATCH = "/grpc.health.v1.Health/Watch"
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' https: data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}


def by_content_type(switching: Any, content_type: str) -> set[str]:
    """The paths to which something of this type was sent."""
    return {urlsplit(sent["url"]).path for sent in switching["requests"] if sent["contentType"] == content_type}


def test_calls_are_binary(switching: Any) -> None:
    """Unary calls go over the wire as gRPC-Web in its binary format."""
    assert by_content_type(switching, "application/grpc-web+proto") == UNARY


def test_the_stream_is_text(switching: Any) -> None:
    """The stream goes in the text format, which alone can be read while it comes, and without a token."""
    assert by_content_type(switching, "application/grpc-web-text") == {WATCH}
    assert {sent["token"] for sent in switching["requests"] if sent["url"].endswith(WATCH)} == {None}


def test_nobody_else_is_asked(switching: Any, site: Site) -> None:
    """But for pictures of people, nothing is asked of any other origin."""
    elsewhere = {sent["url"] for sent in switching["requests"] if not sent["url"].startswith((f"{site.url}/", "data:"))}
    assert elsewhere == {PICTURE}


def test_nothing_is_complained_about(switching: Any) -> None:
    """The browser has stopped nothing by the page's policy, and no script has failed."""
    assert switching["complaints"] == []


def test_no_token_lies_around(switching: Any) -> None:
    """No token is in an address, in the page, in the browser's storage or in a cookie that scripts can read."""
    secrets = {answer[name] for answer in switching["issued"] for name in ("access_token", "refresh_token", "id_token")}
    places = [*map(str, switching["places"]), *(sent["url"] for sent in switching["requests"])]
    assert len(secrets) == 3 * len(switching["issued"]) > 0
    assert [place for place in places if any(secret in place for secret in secrets | {PASSWORD})] == []


def test_only_a_name_is_kept(switching: Any) -> None:
    """In the tab is the login name of who was shown last, until they sign out; nothing is kept for longer."""
    kept = [place["session"] for place in switching["places"]]
    assert [list(each.values()) for each in kept] == [[ADA.login], [BORIS.login], [ADA.login], []]
    others = [(place["local"], place["cookie"], place["state"]) for place in switching["places"]]
    assert others == [({}, "", None)] * len(kept)


def test_cookies_are_out_of_reach(switching: Any) -> None:
    """No script reads the cookies."""
    assert switching["cookies"]
    assert {cookie["httpOnly"] for cookie in switching["cookies"]} == {True}


def test_the_policy_is_strict(switching: Any) -> None:
    """The page comes with a policy that allows its own files, its own server and pictures, and no code out of text."""
    policy = dict(part.strip().split(" ", 1) for part in switching["headers"]["content-security-policy"].split(";"))
    assert policy == POLICY


def test_codes_are_proved(switching: Any) -> None:
    """Each code is exchanged with a verifier of its own (RFC 7636)."""
    forms = [sent["form"] for sent in switching["requests"] if sent["form"] and sent["url"].endswith("/oauth/v2/token")]
    verifiers = {part for form in forms for part in form.split("&") if part.startswith("code_verifier=")}
    assert len(verifiers) == len(forms) == len(switching["issued"])
