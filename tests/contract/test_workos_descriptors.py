from __future__ import annotations

from typing import Any

import pytest
from authsvc_workos.user_management.v1 import events_pb2, options_pb2, user_management_pb2
from google.api.annotations_pb2 import http
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from zitadel.options_pb2 import auth_option

from authsvc.domain.tokens import Permission
from authsvc.doors.workos import WORKOS
from authsvc.transcoding import http_rules

MESSAGES: dict[str, Descriptor] = {
    **user_management_pb2.DESCRIPTOR.message_types_by_name,
    **events_pb2.DESCRIPTOR.message_types_by_name,
}
METHODS: dict[str, MethodDescriptor] = {
    method.name: method
    for file in (user_management_pb2.DESCRIPTOR, events_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
}
# What WorkOS documents and its servers have been seen to send: always there and never null, null when there is nothing
# to say, left out when there is nothing to say.
ALWAYS, NULL, LEFT_OUT = "always", "null", "left out"
KEYS = {
    "Session": {
        "object": ALWAYS,
        "id": ALWAYS,
        "impersonator": LEFT_OUT,
        "ip_address": NULL,
        "organization_id": LEFT_OUT,
        "user_agent": NULL,
        "user_id": ALWAYS,
        "auth_method": ALWAYS,
        "status": ALWAYS,
        "expires_at": ALWAYS,
        "ended_at": NULL,
        "created_at": ALWAYS,
        "updated_at": ALWAYS,
    },
    "Impersonator": {"email": ALWAYS, "reason": NULL},
    "User": {
        "object": ALWAYS,
        "id": ALWAYS,
        "email": ALWAYS,
        "email_verified": ALWAYS,
        "first_name": NULL,
        "last_name": NULL,
        "profile_picture_url": NULL,
        "last_sign_in_at": NULL,
        "external_id": NULL,
        "metadata": ALWAYS,
        "name": NULL,
        "locale": NULL,
        "created_at": ALWAYS,
        "updated_at": ALWAYS,
    },
    "ListMetadata": {"before": NULL, "after": NULL},
    "EventListMetadata": {"after": NULL},
    "ListSessionsResponse": {"object": ALWAYS, "data": ALWAYS, "list_metadata": ALWAYS},
    "ListUsersResponse": {"object": ALWAYS, "data": ALWAYS, "list_metadata": ALWAYS},
    "ListEventsResponse": {"object": ALWAYS, "data": ALWAYS, "list_metadata": ALWAYS},
    "Event": {"object": ALWAYS, "id": ALWAYS, "event": ALWAYS, "data": ALWAYS, "created_at": ALWAYS},
    "RevokeSessionRequest": {"session_id": ALWAYS},
    "RevokeSessionResponse": {},
}
# Messages that servicers always set: presence is all that messages have, and tells nothing.
SET = {"list_metadata", "data", "expires_at", "created_at", "updated_at"}


def behaviour(field: FieldDescriptor) -> str:
    """What becomes of a field that has nothing to say."""
    options: Any = field.GetOptions()
    if options.Extensions[options_pb2.nullable]:
        return NULL if field.has_presence else "cannot be null"
    if field.has_presence and not (field.message_type is not None and field.name in SET):
        return LEFT_OUT
    return ALWAYS


@pytest.mark.parametrize("name", KEYS)
def test_the_keys_are_those_of_workos(name: str) -> None:
    """Fields have the names that clients read, and each is null or left out where theirs are."""
    assert {field.name: behaviour(field) for field in MESSAGES[name].fields} == KEYS[name]


@pytest.mark.parametrize(
    ("enum", "names"),
    [
        ("SessionStatus", "active expired revoked"),
        (
            "AuthMethod",
            "cross_app_auth external_auth impersonation magic_code migrated_session oauth passkey password sso unknown",
        ),
        ("Order", "asc desc normal"),
    ],
)
def test_the_values_are_those_of_workos(enum: str, names: str) -> None:
    """Beside the one that says nothing, an enum has the values that clients know, and no others."""
    values = user_management_pb2.DESCRIPTOR.enum_types_by_name[enum].values
    assert [WORKOS.style.enum_name(value) for value in values] == ["", *names.split()]


ROUTES = {
    "GetUser": ("GET", "/user_management/users/{id}", "", "user", "user.read"),
    "GetUserByExternalId": ("GET", "/user_management/users/external_id/{external_id}", "", "user", "user.read"),
    "ListUsers": ("GET", "/user_management/users", "", "", "user.read"),
    "ListSessions": ("GET", "/user_management/users/{id}/sessions", "", "", "session.read"),
    "RevokeSession": ("POST", "/user_management/sessions/revoke", "*", "", "session.write"),
    "ListEvents": ("GET", "/events", "", "", "event.read"),
}


def test_every_method_is_where_clients_ask_for_it() -> None:
    """HTTP method, path, body and answer are those of WorkOS; each method asks for one permission of API keys."""
    found = {}
    for name, method in METHODS.items():
        (rule,) = http_rules(method)
        options: Any = method.GetOptions()
        permission = options.Extensions[auth_option].permission
        found[name] = (rule.http_method, rule.path, rule.body, rule.response_body, permission)
        assert options.HasExtension(http)
    assert found == ROUTES


def test_every_permission_of_a_key_is_asked_for() -> None:
    """The contract asks for no permission that a key cannot have, and a key can have none that nothing asks for."""
    assert {route[-1] for route in ROUTES.values()} == {permission.value for permission in Permission}


def test_parameters_of_lists_are_those_of_workos() -> None:
    """The query of each list has the documented parameters, a deprecated one included, and no others."""
    paging = {"limit", "before", "after", "order"}
    names = {name: {field.name for field in MESSAGES[name].fields} for name in MESSAGES}
    assert names["ListSessionsRequest"] == paging | {"id"}
    assert names["ListUsersRequest"] == paging | {"email", "organization_id", "organization"}
    assert MESSAGES["ListUsersRequest"].fields_by_name["organization"].GetOptions().deprecated
    assert names["ListEventsRequest"] == paging | {"events", "range_start", "range_end", "organization_id"}
