"""What ZITADEL's documentation shows: a curl line for each call, and an example of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

HOST = "https://$CUSTOM-DOMAIN"
TOKEN = "<TOKEN>"

CURL = {
    "GetMyUser": r"""curl -L -X GET 'https://$CUSTOM-DOMAIN/auth/v1/users/me' \
-H 'Accept: application/json' \
-H 'Authorization: Bearer <TOKEN>'""",
    "ListMyUserSessions": r"""curl -L 'https://$CUSTOM-DOMAIN/auth/v1/users/me/sessions/_search' \
-H 'Content-Type: application/json' \
-H 'Accept: application/json' \
-H 'Authorization: Bearer <TOKEN>' \
-d '{}'""",
    "ListMyUserGrants": r"""curl -L 'https://$CUSTOM-DOMAIN/auth/v1/usergrants/me/_search' \
-H 'Content-Type: application/json' \
-H 'Accept: application/json' \
-H 'Authorization: Bearer <TOKEN>' \
-d '{
"query": {
"offset": "0",
"limit": 100,
"asc": true
}
}'""",
}

_DETAILS = {
    "sequence": "2",
    "creationDate": "2025-03-05T21:29:21.303Z",
    "changeDate": "2025-03-05T21:29:21.303Z",
    "resourceOwner": "69629023906488334",
}
ANSWERS: dict[str, Any] = {
    "GetMyUser": {
        "user": {
            "id": "69629023906488334",
            "details": _DETAILS,
            "state": "USER_STATE_UNSPECIFIED",
            "userName": "gigi-giraffe",
            "loginNames": ["gigi@zitadel.com", "gigi@zitadel.zitadel.ch"],
            "preferredLoginName": "gigi@zitadel.com",
            "human": {
                "profile": {
                    "firstName": "Gigi",
                    "lastName": "Giraffe",
                    "nickName": "gigi-giraffe",
                    "displayName": "Gigi Giraffe",
                    "preferredLanguage": "en",
                    "gender": "GENDER_UNSPECIFIED",
                    "avatarUrl": "https://api.zitadel.ch/assets/v1/avatar-32432jkh4kj32",
                },
                "email": {"email": "gigi@zitadel.com", "isEmailVerified": True},
                "phone": {"phone": "+41 71 000 00 00", "isPhoneVerified": True},
            },
            "machine": {
                "name": "zitadel",
                "description": "The one and only IAM",
                # The documentation shows the text "true", but the field is a bool.
                "hasSecret": True,
                "accessTokenType": "ACCESS_TOKEN_TYPE_BEARER",
            },
        },
        "lastLogin": "2024-05-24T19:39:26.478Z",
    },
    "ListMyUserSessions": {
        "result": [
            {
                "sessionId": "69629023906488334",
                "agentId": "69629023906488334",
                "authState": "SESSION_STATE_UNSPECIFIED",
                "userId": "69629023906488334",
                "userName": "gigi-giraffe",
                "loginName": "gigi@zitadel.com",
                "displayName": "Gigi Giraffe",
                "details": _DETAILS,
                "avatarUrl": "https://api.zitadel.ch/assets/v1/avatar-32432jkh4kj32",
            }
        ]
    },
    "ListMyUserGrants": {
        "details": {
            "totalResult": "2",
            "processedSequence": "267831",
            "viewTimestamp": "2025-03-25T16:32:58.427Z",
        },
        "result": [
            {
                "orgId": "69629026806489455",
                "projectId": "98729028932384528",
                "userId": "28746028909593987",
                "roles": ["RoleKey1", "RoleKey2"],
                "orgName": "ZITADEL",
                "grantId": "",
                "details": _DETAILS,
                "orgDomain": "zitadel.cloud",
                "projectName": "ZITADEL",
                "projectGrantId": "28746028909586246",
                "roleKeys": ["RoleKey1", "RoleKey2"],
                "userType": "TYPE_UNSPECIFIED",
                "state": "USER_GRANT_STATE_UNSPECIFIED",
            }
        ],
    },
}

_KINDS = {
    "number in digits": re.compile(r"[0-9]+"),
    "time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
    "enum": re.compile(r"[A-Z]+(_[A-Z]+)+"),
}


def kinds(document: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value in a JSON document that holds no others, as the path to it and its kind; lists count as one item."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from kinds(value, f"{path}.{key}".removeprefix("."))
    elif isinstance(document, list):
        for value in document:
            yield from kinds(value, f"{path}[]")
    else:
        yield path, _kind(document)


def _kind(value: Any) -> str:
    if not isinstance(value, str):
        return type(value).__name__
    kind = next((name for name, pattern in _KINDS.items() if pattern.fullmatch(value)), "text")
    # The values of an enum share what stands before the last word.
    return f"enum {value.rpartition('_')[0]}" if kind == "enum" else kind
