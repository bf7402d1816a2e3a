"""WorkOS's SDK for Python, 5.x, as a back end uses it."""

from __future__ import annotations

from typing import Any

from channel import serve  # type: ignore[import-not-found]  # it lies beside this script
from workos import WorkOSClient  # type: ignore[import-not-found]  # installed for itself, see the Makefile
from workos.exceptions import BaseRequestException  # type: ignore[import-not-found]
from workos.session import Session  # type: ignore[import-not-found]

Values = dict[str, Any]


def connect(server: str, key: str) -> Any:
    """A client."""
    return WorkOSClient(api_key=key, client_id="client_test", base_url=server)


def page(found: Any) -> Values:
    """A page, and the types that the fields of its first row have."""
    return {
        "data": [row.model_dump(mode="json") for row in found.data],
        "types": {name: type(value).__name__ for name, value in found.data[0]} if found.data else {},
        "before": getattr(found.list_metadata, "before", None),
        "after": found.list_metadata.after,
    }


def list_sessions(client: Any, user: str, **options: Any) -> Values:
    """A page of a user's sessions."""
    return page(client.user_management.list_sessions(user_id=user, **options))


def walk_sessions(client: Any, user: str, **options: Any) -> list[str]:
    """The ids of all sessions, page after page."""
    return [session.id for session in client.user_management.list_sessions(user_id=user, **options)]


def sign_out_everywhere(client: Any, user: str, limit: int) -> int:
    """Revoke all sessions of a page, then go on behind it; how many there were."""
    count, after = 0, None
    while True:
        found = client.user_management.list_sessions(user_id=user, limit=limit, after=after)
        for session in found.data:
            client.user_management.revoke_session(session_id=session.id)
            count += 1
        after = found.list_metadata.after
        if not after:
            return count


def revoke_session(client: Any, session: str) -> Any:
    """Revoke a session."""
    return client.user_management.revoke_session(session_id=session)


def get_user(client: Any, user: str) -> Any:
    """A user."""
    return client.user_management.get_user(user).model_dump(mode="json")


def get_user_by_external_id(client: Any, external_id: str) -> Any:
    """A user, by the id that another system gave them."""
    return client.user_management.get_user_by_external_id(external_id).model_dump(mode="json")


def authenticate(client: Any, how: str, cookie_password: str, **options: Any) -> Values:
    """Somebody signs in; and what the SDK reads from the cookie that it makes of the answer."""
    if how not in {"password", "totp"}:
        options["session"] = {"seal_session": True, "cookie_password": cookie_password}
    answer = getattr(client.user_management, f"authenticate_with_{how}")(**options)
    about = {"access_token": answer.access_token, "user": answer.user.model_dump(mode="json")}
    sealed = answer.sealed_session or Session.seal_data(about, cookie_password)
    cookie = client.user_management.load_sealed_session(sealed_session=sealed, cookie_password=cookie_password)
    session = cookie.authenticate()
    return {
        "user": answer.user.id,
        "access_token": answer.access_token,
        "refresh_token": answer.refresh_token,
        "organization": answer.organization_id,
        "method": answer.authentication_method,
        "session": session.session_id,
        "session_organization": session.organization_id,
    }


def list_users(client: Any, **options: Any) -> Values:
    """A page of users."""
    return page(client.user_management.list_users(**options))


def list_events(client: Any, **options: Any) -> Values:
    """A page of events."""
    return page(client.events.list_events(**options))


def verify_event(client: Any, body: str, signature: str, secret: str) -> Any:
    """The event in a webhook's request, if its signature is right."""
    event = client.webhooks.verify_event(event_body=body.encode(), event_signature=signature, secret=secret)
    return event.model_dump(mode="json")


def describe(error: Exception) -> Values:
    """What an error of the API says."""
    if not isinstance(error, BaseRequestException):
        return {}
    return {
        "status": error.response.status_code,
        "message": error.message,
        "code": error.code,
        "request_id": error.request_id,
        "errors": error.errors,
        "entity_id": error.extract_from_json("entity_id"),
        "raw": {name: error.extract_from_json(name, None) for name in ("code", "error")},
    }


OPERATIONS = [
    list_sessions,
    walk_sessions,
    sign_out_everywhere,
    revoke_session,
    get_user,
    get_user_by_external_id,
    authenticate,
    list_users,
    list_events,
    verify_event,
]

if __name__ == "__main__":
    serve(connect, {operation.__name__: operation for operation in OPERATIONS}, describe)
