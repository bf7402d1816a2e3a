"""The OpenAPI document of what the JSON door serves, in all its faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from google.protobuf.descriptor import MethodDescriptor

from authsvc import __version__
from authsvc.identity.caller import SCOPES
from authsvc.transcoding import Transcoder
from authsvc.transcoding.openapi import SYSTEM_PARAMETERS, Security, comments, document, merged

_TITLE = "authsvc"
_DESCRIPTION = """\
Who am I, where am I signed in, what may I do: for whoever holds a token. And for back ends that hold an API key: who
are the people, where are they signed in, and sign them out, as WorkOS's clients ask for it.

The same address serves the same calls as gRPC and gRPC-Web: an operation's `x-rpc` is the path, without its slash.

**Tokens** come from signing in, by the endpoints of `oauth2`, which `/.well-known/openid-configuration` describes.
`authsvc login --print` signs in and prints one, and `authsvc token create` makes one; paste it as `bearer`. **API
keys** are made by `authsvc apikey create`; paste one as `apiKey`. A token is good for nothing where an API key is asked
for, nor is a key where a token is.
"""
_SCHEMES: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token, such as `authsvc login --print` prints."},
    "oauth2": {
        "type": "oauth2",
        "description": "Sign in with a browser, as a client that is registered: authorization code with PKCE (S256).",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "/oauth/v2/authorize",
                "tokenUrl": "/oauth/v2/token",
                "refreshUrl": "/oauth/v2/token",
                "scopes": {
                    "openid": "Know who you are.",
                    "sign_out": "Sign people out in the browser in which you are signed in.",
                },
            }
        },
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key that `authsvc apikey create` has made, with the permission that the call asks for.",
    },
}
_Requirements = Sequence[Mapping[str, Sequence[str]]]
# By what a method declares as its permission, of which any one is enough; every other permission is one of API keys.
_OF_TOKENS: dict[str, _Requirements] = {
    permission: [{"bearer": []}, {"oauth2": [scope]}] for permission, scope in SCOPES.items()
}
_REQUIREMENTS: dict[str, _Requirements] = {"": [], **_OF_TOKENS}


def contract() -> bytes:
    """The contract with its comments, a FileDescriptorSet, as it is installed now."""
    return (files("authsvc_web") / "contract.binpb").read_bytes()


def describe(
    contract: bytes, transcoders: Iterable[Transcoder], permission: Callable[[MethodDescriptor], str]
) -> dict[str, Any]:
    """Describe every route of transcoders, of which there is one at least, in one document.

    The words are those of `contract`. `permission` tells what a method asks for: empty for nothing, one of `SCOPES` for
    a token, or a permission of API keys.
    """
    said = comments(contract)

    def required(method: MethodDescriptor) -> _Requirements:
        name = permission(method)
        # Of plain bearer schemes OpenAPI 3.1 takes what is needed as a list of roles.
        return _REQUIREMENTS.get(name, [{"apiKey": [name]}])

    first, *others = [
        document(
            transcoder,
            title=_TITLE,
            version=__version__,
            description=_DESCRIPTION,
            comments=said,
            security=Security(schemes=_SCHEMES, required=required),
            shared_parameters=SYSTEM_PARAMETERS if transcoder.dialect.system_parameters else None,
        )
        for transcoder in transcoders
    ]
    return merged(first, *others)
