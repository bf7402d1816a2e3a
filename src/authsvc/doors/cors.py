"""CORS (the Fetch standard, "HTTP-CORS protocol"): the pages of which other origins may call, behind every HTTP door.

Without an origin in the policy nothing is added to any response, and browsers keep the pages of other origins out.

CORS decides what a page may read, not what it may send. Calls cannot be forged across origins all the same: a caller is
whom the `authorization` header names, cookies count for nothing, and a browser sends that header, or a gRPC-Web content
type, to another origin only after a preflight has allowed it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from dataclasses import dataclass
from ipaddress import ip_address

from authsvc.doors.asgi_types import App, Headers, Message, Receive, Scope, Send

_MAX_AGE = b"7200"  # seconds; Chromium keeps no preflight longer
_METHODS = b"DELETE, GET, HEAD, PATCH, POST, PUT"
# What the doors read, and what clients in browsers send: connect-web, grpc-web, .NET's (grpc-accept-encoding), tracers.
_HEADERS = (
    "accept",
    "accept-language",
    "authorization",
    "content-type",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "traceparent",
    "tracestate",
    "x-goog-fieldmask",
    "x-grpc-web",
    "x-user-agent",
    "x-zitadel-orgid",
)
_STATUS = (b"grpc-status", b"grpc-message", b"grpc-status-details-bin")
# What pages may read anyway ("CORS-safelisted response-header name"), and what is of no use to them.
_NOT_EXPOSED = frozenset(
    {
        b"cache-control",
        b"content-language",
        b"content-length",
        b"content-type",
        b"expires",
        b"last-modified",
        b"pragma",
        b"set-cookie",
        b"vary",
    }
)
_PREFLIGHT_VARY: Headers = [(b"vary", b"origin, access-control-request-method")]

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?)(?::([1-9][0-9]{0,4}))?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]+")
# How an origin is usually miswritten; the first that is found counts.
_MISTAKES = tuple(
    (re.compile(pattern), sentence)
    for pattern, sentence in (
        (r"^$", "is empty"),
        (r"^null$", "is null, an origin that every page can give itself"),
        (r"\*", "has a wildcard, which is possible only as * alone"),
        (r"[^!-~]", "has a blank or a letter beyond ASCII, where browsers send punycode (xn--)"),
        (r"^(?!.*://)", "has no scheme, such as https://"),
        (r"://[^/?#\\]*@", "has a user name"),
        (r"://[^/?#\\]*[/?#\\]", "has a path, or a slash at its end"),
        (r"[A-Z]", "has capital letters, where browsers send small ones"),
        (r"^(http://.*:80|https://.*:443)$", "has the default port, which browsers leave out"),
    )
)


@dataclass(frozen=True, slots=True)
class Cors:
    """The policy.

    Attributes:
        origins: those whose pages may call, as browsers send them: `scheme://host` or `scheme://host:port`, compared
            letter by letter. `*` alone stands for all.
        credentials: whether these pages may have the browser add cookies, client certificates and HTTP authentication;
            only with origins by name.
        headers: names of request headers that pages may send beside those that the doors read.

    Raises:
        ValueError: the policy makes no sense or is not safe; the sentence names the setting.

    """

    origins: tuple[str, ...] = ()
    credentials: bool = False
    headers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.origins != ("*",):
            for number, origin in enumerate(self.origins, start=1):
                if mistake := origin_mistake(origin):
                    raise ValueError(f"item {number} of cors_origins {mistake}")
        elif self.credentials:
            raise ValueError("cors_credentials needs a cors_origins that names each origin, not *")
        for number, name in enumerate(self.headers, start=1):
            if not _NAME.fullmatch(name):
                raise ValueError(f"item {number} of cors_headers is not the name of a header")
        if not self.origins and (self.credentials or self.headers):
            raise ValueError(f"{'cors_credentials' if self.credentials else 'cors_headers'} needs cors_origins")

    def around(self, app: App) -> App:
        """The application under this policy; the application itself, at no cost, where no origin may call."""
        return _Guarded(self, app) if self.origins else app


CLOSED = Cors()


def origin_mistake(origin: str) -> str | None:
    """What keeps a browser from ever sending this origin, or makes it unsafe."""
    for pattern, sentence in _MISTAKES:
        if pattern.search(origin):
            return sentence
    parts = _ORIGIN.fullmatch(origin)
    if parts and int(parts[2] or 1) < 2**16 and _is_sent(parts[1]):
        return None
    return "is not as browsers send it, scheme://host or scheme://host:port"


def _is_sent(host: str) -> bool:
    """Whether browsers send a host so. What looks like an IP address is one for them, and has one spelling."""
    if not host.startswith("[") and not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return True
    address = host.strip("[]")
    try:
        return str(ip_address(address)) == address
    except ValueError:
        return False


class _Guarded:
    """An ASGI application under a policy."""

    def __init__(self, cors: Cors, app: App) -> None:
        self._app = app
        more = [(b"access-control-allow-credentials", b"true")] if cors.credentials else []
        self._granted: dict[bytes | None, Headers] = {
            origin.encode(): [(b"access-control-allow-origin", origin.encode()), *more] for origin in cors.origins
        }
        self._anybody = self._granted.get(b"*")
        self._preflight = [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", ", ".join((*_HEADERS, *cors.headers)).encode()),
            (b"access-control-max-age", _MAX_AGE),
            *_PREFLIGHT_VARY,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight; have the application serve any other request, and mark its response."""
        origin, preflight = None, False
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
            elif name == b"access-control-request-method":
                preflight = scope["method"] == "OPTIONS"
        granted = self._anybody or self._granted.get(origin)
        if preflight and origin is not None:
            headers = [*granted, *self._preflight] if granted else _PREFLIGHT_VARY
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, self._marking(granted, send))

    def _marking(self, granted: Headers | None, send: Send) -> Send:
        """`send`, with the headers of CORS added to the head of the response."""

        def marked(event: Message) -> Awaitable[None]:
            if event["type"] == "http.response.start":
                event = {**event, "headers": self._with(event["headers"], granted)}
            return send(event)

        return marked

    def _with(self, headers: Headers, granted: Headers | None) -> Headers:
        marks: Headers = []
        if granted:
            names = (name for name, _ in headers if name not in _NOT_EXPOSED)
            marks = [*granted, (b"access-control-expose-headers", b", ".join(dict.fromkeys((*_STATUS, *names))))]
        if self._anybody:  # the same for everyone, so that caches need not tell origins apart
            return [*headers, *marks]
        vary = [value for name, value in headers if name == b"vary"]
        marks.append((b"vary", b", ".join((*vary, b"origin"))))
        return [*(pair for pair in headers if pair[0] != b"vary"), *marks]
