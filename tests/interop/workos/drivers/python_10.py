"""WorkOS's SDK for Python, 10.x, as a back end uses it."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from typing import Any

from channel import serve  # type: ignore[import-not-found]  # it lies beside this script
from workos import WorkOSClient  # type: ignore[import-not-found]  # installed for itself, see the Makefile
from workos._errors import APIError  # type: ignore[import-not-found]
from workos.session import seal_session_from_auth_response  # type: ignore[import-not-found]

Values = dict[str, Any]


def connect(server: str, key: str) -> Any:
    """A client."""
    return WorkOSClient(api_key=key, client_id="client_test", base_url=server)


def values(model: Any) -> Any:
    """The fields of a model as JSON; times must have come out in UTC."""
    if dataclasses.is_dataclass(model):
        return {field.name: values(getattr(model, field.name)) for field in dataclasses.fields(model)}
    if isinstance(model, datetime):
        if model.utcoffset() != timedelta(0):
            raise AssertionError(f"{model!r} is not in UTC")
        return model.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return getattr(model, "value", model)


def page(found: Any) -> Values:
    """A page, and the types that the fields of its first row have."""
    first = dataclasses.fields(found.data[0]) if found.data else ()
    return {
        "data": [values(row) for row in found.data],
        "types": {field.name: type(getattr(found.data[0], field.name)).__name__ for field in first},
        "before": found.before,
        "after": found.after,
    }


def list_sessions(client: Any, user: str, **options: Any) -> Values:
    """A page of a user's sessions."""
    return page(client.user_management.list_sessions(user, **options))


def walk_sessions(client: Any, user: str, **options: Any) -> list[str]:
    """The ids of all sessions, page after page."""
    found = client.user_management.list_sessions(user, **options)
    return [session.id for session in found.auto_paging_iter()]


def sign_out_everywhere(client: Any, user: str, limit: int) -> int:
    """Revoke all sessions of a page, then go on behind it; how many there were."""
    count, after = 0, None
    while True:
        found = client.user_management.list_sessions(user, limit=limit, after=after)
        for session in found.data:
            client.user_management.revoke_session(session_id=session.id)
            count += 1
        after = found.after
        if not after:
            return count


def revoke_session(client: Any, session: str) -> Any:
    """Revoke a session."""
    return client.user_management.revoke_session(session_id=session)


def get_user(client: Any, user: str) -> Any:
    """A user."""
    return values(client.user_management.get_user(user))


def get_user_by_external_id(client: Any, external_id: str) -> Any:
    """A user, by the id that another system gave them."""
    return values(client.user_management.get_user_by_external_id(external_id))


def authenticate(client: Any, how: str, cookie_password: str, **options: Any) -> Values:
    """Somebody signs in; and what the SDK reads from the cookie that it makes of the answer."""
    answer = getattr(client.user_management, f"authenticate_with_{how}")(**options)
    user = json.loads(json.dumps(answer.user.to_dict(), default=str))
    sealed = seal_session_from_auth_response(
        access_token=answer.access_token,
        refresh_token=answer.refresh_token,
        user=user,
        cookie_password=cookie_password,
    )
    cookie = client.user_management.load_sealed_session(session_data=sealed, cookie_password=cookie_password)
    session = cookie.authenticate()
    return {
        "user": answer.user.id,
        "access_token": answer.access_token,
        "refresh_token": answer.refresh_token,
        "organization": answer.organization_id,
        "method": getattr(answer.authentication_method, "value", answer.authentication_method),
        "session": session.session_id,
        "session_organization": session.organization_id,
    }


def get_jwks(client: Any, client_id: str) -> Any:
    """The keys that sign access tokens."""
    return [key.to_dict() for key in client.user_management.get_jwks(client_id).keys]


def list_users(client: Any, **options: Any) -> Values:
    """A page of users."""
    return page(client.user_management.list_users(**options))


def list_events(client: Any, **options: Any) -> Values:
    """A page of events."""
    return page(client.events.list_events(**options))


def verify_event(client: Any, body: str, signature: str, secret: str) -> Any:
    """The event in a webhook's request, if its signature is right."""
    return values(
        client.webhooks.verify_event(event_body=body.encode(), event_signature=signature, secret=secret),
    )


def describe(error: Exception) -> Values:
    """What an error of the API says."""
    if not isinstance(error, APIError):
        return {}
    names = {"status": "status_code", "message": "message", "code": "code", "request_id": "request_id"}
    return {name: getattr(error, attribute) for name, attribute in names.items()} | {"errors": error.errors}


OPERATIONS = [
    list_sessions,
    walk_sessions,
    sign_out_everywhere,
    revoke_session,
    get_user,
    get_user_by_external_id,
    authenticate,
    get_jwks,
    list_users,
    list_events,
    verify_event,
]

if __name__ == "__main__":
    serve(connect, {operation.__name__: operation for operation in OPERATIONS}, describe)
