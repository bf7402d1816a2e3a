"""The RPCs that sign people in: how refusals of the authorization server are told."""

from __future__ import annotations

from typing import Any, cast

import pytest
from authsvc_workos.user_management.v1.authentication_pb2 import AuthenticateRequest

from authsvc.api.authentication import AuthenticationServicer
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
        self.asked: list[TokenRequest] = []

    async def answer(self, request: TokenRequest) -> object:
        self.asked.append(request)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def _servicer(sign_ins: _SignIns) -> AuthenticationServicer:
    return AuthenticationServicer(cast("Any", sign_ins), cast("Any", None), cast("Any", None), cast("Any", None))


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
        await _servicer(_SignIns(outcome)).Authenticate(AuthenticateRequest(grant_type=grant_type), None)
    status = status_of(refused.value, ()).proto()
    assert WORKOS.errors(status, list(status.details), http_status) == (http_status, body)


async def test_too_many_attempts_say_when_to_try_again() -> None:
    """The seconds are those of the bucket."""
    with pytest.raises(AuthsvcError) as refused:
        await _servicer(_SignIns(TooManyAttempts(7))).Authenticate(AuthenticateRequest(), None)
    assert getattr(refused.value, "retry_after", None) == 7


async def test_person_is_where_the_back_end_says() -> None:
    """The address and the user agent are those of the body; what is not given is not known."""
    sign_ins = _SignIns(SecondFactor("x"))
    for request in (
        AuthenticateRequest(grant_type="password", email="a", ip_address="2001:db8::1", user_agent="Phone/1.0"),
        AuthenticateRequest(grant_type="password"),
    ):
        with pytest.raises(AuthsvcError):
            await _servicer(sign_ins).Authenticate(request, None)
    known, unknown = sign_ins.asked
    assert known.visitor == ("2001:db8::1", "Phone/1.0")
    assert known.form["email"] == "a"
    assert unknown.visitor == (None, None)


@pytest.mark.parametrize(("field", "value"), [("ip_address", "somewhere"), ("invitation_token", "x")])
async def test_field_is_refused(field: str, value: str) -> None:
    """What is no address, and an invitation, which nobody has, are refused before anything happens."""
    sign_ins = _SignIns(SecondFactor("x"))
    with pytest.raises(InvalidParameter) as refused:
        await _servicer(sign_ins).Authenticate(AuthenticateRequest(**cast("Any", {field: value})), None)
    assert refused.value.field == field
    assert sign_ins.asked == []
