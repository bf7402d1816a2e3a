"""The RPCs that sign people in: how refusals of the authorization server are told."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, cast

import pytest
from authsvc_workos.user_management.v1.authentication_pb2 import AuthenticateRequest

from authsvc.api.authentication import AuthenticationServicer
from authsvc.domain.accounts import Visitor
from authsvc.doors.workos import WORKOS
from authsvc.errors import AuthsvcError, InvalidParameter
from authsvc.oauth.back_ends import TOTP
from authsvc.oauth.errors import OAuthError
from authsvc.oauth.exchange import TokenRequest
from authsvc.oauth.sign_in import PendingOver, SecondFactor, TooManyAttempts, WrongCredentials
from authsvc.rpc.translate import status_of


class _SignIns:
    """Answers with one thing, and keeps what it was asked."""

    def __init__(self, outcome: object) -> None:
        self._outcome = outcome
        self.asked: list[tuple[TokenRequest, Visitor]] = []

    async def answer(self, request: TokenRequest, person: Visitor) -> object:
        self.asked.append((request, person))
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


class _Call:
    """A call from a back end, behind a proxy or not."""

    def __init__(self, peer: str = "ipv4:192.0.2.1:50312") -> None:
        self._peer = peer

    def peer(self) -> str:
        return self._peer

    def invocation_metadata(self) -> list[tuple[str, str | bytes]]:
        return [("x-forwarded-for", "203.0.113.9"), ("user-agent", "WorkOS Python/10"), ("other-bin", b"")]


def _servicer(sign_ins: _SignIns) -> AuthenticationServicer:
    nothing = cast("Any", None)
    trusted = [ip_network("10.0.0.0/8")]
    return AuthenticationServicer(cast("Any", sign_ins), nothing, nothing, nothing, trusted)


@pytest.mark.parametrize(
    ("outcome", "grant_type", "http_status", "body"),
    [
        (
            OAuthError("invalid_grant", "the code is not good"),
            "authorization_code",
            400,
            {"error": "invalid_grant", "error_description": "The code is not good."},
        ),
        (WrongCredentials(), "password", 400, {"code": "invalid_credentials", "message": "Invalid credentials."}),
        (WrongCredentials(), TOTP, 400, {"code": "invalid_one_time_code", "message": "Invalid one-time code."}),
        (
            PendingOver(),
            TOTP,
            400,
            {"code": "invalid_pending_authentication_token", "message": "Invalid pending authentication token."},
        ),
        (
            SecondFactor("sealed"),
            "password",
            403,
            {
                "code": "mfa_challenge",
                "message": "The user must complete an MFA challenge to finish authenticating.",
                "pending_authentication_token": "sealed",
            },
        ),
        (TooManyAttempts(7), "password", 429, {"code": "rate_limit_exceeded", "message": "Too many requests."}),
    ],
)
async def test_refusal_has_the_form_that_clients_know(
    outcome: object, grant_type: str, http_status: int, body: dict[str, str]
) -> None:
    """Each refusal is told in JSON as WorkOS does: OAuth's with `error`, the others with `code`."""
    with pytest.raises(AuthsvcError) as refused:
        await _servicer(_SignIns(outcome)).Authenticate(AuthenticateRequest(grant_type=grant_type), _Call())
    status = status_of(refused.value, ()).proto()
    assert WORKOS.errors(status, list(status.details), http_status) == (http_status, body)


async def test_too_many_attempts_say_when_to_try_again() -> None:
    """The seconds are those of the bucket."""
    with pytest.raises(AuthsvcError) as refused:
        await _servicer(_SignIns(TooManyAttempts(7))).Authenticate(AuthenticateRequest(), _Call())
    assert getattr(refused.value, "retry_after", None) == 7


async def test_person_is_where_the_back_end_says() -> None:
    """The address and the user agent are those of the body; what is not given is not known."""
    sign_ins = _SignIns(SecondFactor("x"))
    for request in (
        AuthenticateRequest(grant_type="password", email="a", ip_address="2001:db8::1", user_agent="Phone/1.0"),
        AuthenticateRequest(grant_type="password"),
    ):
        with pytest.raises(AuthsvcError):
            await _servicer(sign_ins).Authenticate(request, _Call())
    (asked, known), (_, unknown) = sign_ins.asked
    assert known == ("2001:db8::1", "Phone/1.0")
    assert asked.form["email"] == "a"
    assert unknown == (None, None)


@pytest.mark.parametrize(
    ("given", "shown"),
    [("::ffff:192.0.2.7", "192.0.2.7"), ("2001:DB8:0::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1")],
)
async def test_person_is_told_of_as_a_visitor(given: str, shown: str) -> None:
    """An address has one spelling and no zone, and a user agent at most 500 characters, as of any visitor."""
    sign_ins = _SignIns(SecondFactor("x"))
    with pytest.raises(AuthsvcError):
        await _servicer(sign_ins).Authenticate(AuthenticateRequest(ip_address=given, user_agent="x" * 501), _Call())
    assert sign_ins.asked[0][1] == (shown, "x" * 500)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:50312", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:50312", "2001:db8::1"),
        ("ipv4:10.0.0.1:50312", "203.0.113.9"),
        ("unix:", None),
    ],
)
async def test_back_end_is_where_its_connection_comes_from(peer: str, address: str | None) -> None:
    """By that it is counted while it has not shown who it is: behind a trusted proxy what that says, never the body."""
    sign_ins = _SignIns(SecondFactor("x"))
    with pytest.raises(AuthsvcError):
        await _servicer(sign_ins).Authenticate(AuthenticateRequest(ip_address="2001:db8::7"), _Call(peer))
    assert sign_ins.asked[0][0].visitor.ip_address == address


@pytest.mark.parametrize(("field", "value"), [("ip_address", "somewhere"), ("invitation_token", "x")])
async def test_field_is_refused(field: str, value: str) -> None:
    """What is no address, and an invitation, which nobody has, are refused before anything happens."""
    sign_ins = _SignIns(SecondFactor("x"))
    with pytest.raises(InvalidParameter) as refused:
        await _servicer(sign_ins).Authenticate(AuthenticateRequest(**cast("Any", {field: value})), _Call())
    assert refused.value.field == field
    assert sign_ins.asked == []
