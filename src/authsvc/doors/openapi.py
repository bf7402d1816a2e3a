"""The OpenAPI document of what the JSON door serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from authsvc import __version__
from authsvc.transcoding import Transcoder
from authsvc.transcoding.openapi import SYSTEM_PARAMETERS, Security, document

_TITLE = "authsvc"
_DESCRIPTION = """\
Who am I, where am I signed in, what may I do: for whoever holds a token.

The same address serves the same calls as gRPC and gRPC-Web: an operation's `x-rpc` is the path, without its slash.

**Tokens** are opaque. `authsvc token create` makes one; paste it as `bearer`. The endpoints of `oauth2`, by which
people will sign in themselves, are not served yet.
"""
# Any one of these is enough.
_SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token that `authsvc token create` has made."},
    "oauth2": {
        "type": "oauth2",
        "description": "Sign in with a browser. Not served yet.",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "/oauth/v2/authorize",
                "tokenUrl": "/oauth/v2/token",
                "scopes": {"openid": "Know who you are."},
            }
        },
    },
}
_REQUIREMENTS: list[Mapping[str, list[str]]] = [{"bearer": []}, {"oauth2": ["openid"]}]


def describe(
    transcoder: Transcoder, comments: Mapping[str, str], needs_caller: Callable[[MethodDescriptor], bool]
) -> dict[str, Any]:
    """Describe every route of a transcoder.

    `comments` are the doc comments by full name; `needs_caller` tells which methods want a token.
    """
    return document(
        transcoder,
        title=_TITLE,
        version=__version__,
        description=_DESCRIPTION,
        comments=comments,
        security=Security(schemes=_SCHEMES, requirements=_REQUIREMENTS, needed=needs_caller),
        shared_parameters=SYSTEM_PARAMETERS,
    )
