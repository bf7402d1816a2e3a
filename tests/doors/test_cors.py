"""Which pages of other origins may call: the policy behind every door that a browser can use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from doors import stage
from doors.peers import WEB, WEB_TEXT, AsgiReply, Response, asgi, h2_peer, http1, http1_request, pack, web_reply
from doors.peers import web_request as web_bytes
from doors.stage import Engine, Line, path, playing, stage_service

from authsvc.doors.asgi_types import App, Receive, Scope, Send
from authsvc.doors.cors import CLOSED, Cors
from authsvc.doors.limits import Limits

APP = "https://app.example.com"
NAMED = Cors((APP, "http://localhost:3000", "https://xn--bcher-kva.example", "http://[::1]:8080", "tauri://localhost"))
WITH_CREDENTIALS = Cors(NAMED.origins, credentials=True)
ANYBODY = Cors(("*",))
STATUS = "grpc-status, grpc-message, grpc-status-details-bin"
PREFLIGHT = ("access-control-request-method", "POST")

GRANTED = list(NAMED.origins)
REFUSED = [
    "null",
    "*",
    "",
    "https://app.example.com/",
    "https://app.example.com:443",
    "https://app.example.com:8443",
    "http://app.example.com",
    "http://app.example.com:443",
    "HTTPS://app.example.com",
    "https://APP.example.com",
    "https://app.example.com.",
    "https://app.example.com ",
    "https://app.example.co",
    "https://app.example.comm",
    "https://app.example.com.evil.example",
    "https://app.example.com@evil.example",
    "https://app.example.com%2eevil.example",
    "https://evil.example#https://app.example.com",
    "https://evilapp.example.com",
    "https://evil.app.example.com",
    "https://appXexample.com",
    "https://example.com",
    "https://evil.example https://app.example.com",
    "https://app.example.com, https://evil.example",
    "https://app.example.com,http://localhost:3000",
    "https://app.example.com\thttp://localhost:3000",
    "//app.example.com",
    "app.example.com",
    "http://localhost",
    "http://localhost:30000",
    "http://localhost:03000",
    "http://127.0.0.1:3000",
    "http://[::1]",
    "http://[0:0:0:0:0:0:0:1]:8080",
    "https://bücher.example",
    "https://xn--bcher-kva.example.evil.example",
    "tauri://localhost:3000",
    "file://",
]


def _of_cors(response: Response) -> dict[str, str]:
    """The headers of CORS in a response, without their common beginning; each comes once at most."""
    start = "access-control-"
    found = [(name.removeprefix(start), value) for name, value in response.headers if name.startswith(start)]
    assert len(dict(found)) == len(found)
    return dict(found)


async def _plain(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"served"})


async def _ask(cors: Cors, *headers: tuple[str, str], method: str = "GET", app: App = _plain) -> AsgiReply:
    return await asgi(cors.around(app), headers=headers, method=method)


@pytest.mark.parametrize("origin", GRANTED)
async def test_origins_by_name(origin: str) -> None:
    """A listed origin is granted what it asks for, in its own name."""
    for asked in ([("origin", origin)], [("origin", origin), PREFLIGHT]):
        response = await _ask(NAMED, *asked, method="OPTIONS")
        assert _of_cors(response)["allow-origin"] == origin
        assert "allow-credentials" not in _of_cors(response)
        assert _of_cors(await _ask(WITH_CREDENTIALS, *asked, method="OPTIONS"))["allow-credentials"] == "true"


@pytest.mark.parametrize("origin", REFUSED)
async def test_origins_that_are_not_listed(origin: str) -> None:
    """Whatever differs in one letter is another origin, and is granted nothing, by no policy that has names."""
    for cors in (NAMED, WITH_CREDENTIALS):
        response = await _ask(cors, ("origin", origin))
        assert (response.status, response.body, _of_cors(response)) == (200, b"served", {})
        assert response.header("vary") == "origin"
        preflight = await _ask(cors, ("origin", origin), PREFLIGHT, method="OPTIONS")
        assert (preflight.status, preflight.body) == (204, b"")
        assert preflight.headers == [("vary", "origin, access-control-request-method")]


@pytest.mark.parametrize("origin", [*GRANTED, *REFUSED, None])
async def test_anybody(origin: str | None) -> None:
    """`*` says the same to everyone, also to who sends no origin, so that a cache may keep it; never credentials."""
    response = await _ask(ANYBODY, *[("origin", origin)] if origin is not None else [])
    assert _of_cors(response) == {"allow-origin": "*", "expose-headers": STATUS}
    assert response.header("vary") is None


@pytest.mark.parametrize("cors", [NAMED, WITH_CREDENTIALS, ANYBODY])
async def test_what_a_preflight_allows(cors: Cors) -> None:
    """Methods and headers are listed by name, for two hours; the door is not asked."""
    response = await _ask(cors, ("origin", APP), PREFLIGHT, method="OPTIONS")
    assert (response.status, response.body) == (204, b"")
    assert response.header("vary") == "origin, access-control-request-method"
    expected = {
        "allow-origin": "*" if cors is ANYBODY else APP,
        "allow-methods": "DELETE, GET, HEAD, PATCH, POST, PUT",
        "allow-headers": "accept, accept-language, authorization, content-type, grpc-accept-encoding, grpc-encoding, "
        "grpc-timeout, traceparent, tracestate, x-goog-fieldmask, x-grpc-web, x-user-agent, x-zitadel-orgid",
        "max-age": "7200",
    }
    assert _of_cors(response) == expected | ({"allow-credentials": "true"} if cors is WITH_CREDENTIALS else {})


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("OPTIONS", []),
        ("OPTIONS", [("origin", APP)]),
        ("OPTIONS", [PREFLIGHT]),
        ("OPTIONS", [("origin", APP), ("access-control-request-headers", "authorization")]),
        ("GET", [("origin", APP), PREFLIGHT]),
        ("POST", [("origin", APP), PREFLIGHT]),
        ("options", [("origin", APP), PREFLIGHT]),
    ],
)
async def test_what_is_no_preflight(method: str, headers: list[tuple[str, str]]) -> None:
    """Only OPTIONS with an origin and the method it asks for is a preflight; the door serves the rest."""
    assert (await _ask(NAMED, *headers, method=method)).body == b"served"


async def test_further_headers() -> None:
    """The names of a servicer's own metadata are allowed beside the usual ones, as they are written."""
    cors = Cors((APP,), headers=("X-Tenant", "x-trace-bin"))
    response = await _ask(cors, ("origin", APP), PREFLIGHT, method="OPTIONS")
    allowed = _of_cors(response)["allow-headers"].split(", ")
    assert allowed[-3:] == ["x-zitadel-orgid", "X-Tenant", "x-trace-bin"]


@pytest.mark.parametrize(
    ("sent", "vary"),
    [
        ([], "origin"),
        ([("vary", "accept-encoding")], "accept-encoding, origin"),
        ([("vary", "accept, x-goog-fieldmask"), ("vary", "cookie")], "accept, x-goog-fieldmask, cookie, origin"),
    ],
)
@pytest.mark.parametrize("origin", [APP, "https://evil.example", None])
async def test_caches_tell_origins_apart(sent: list[tuple[str, str]], vary: str, origin: str | None) -> None:
    """Every response depends on the origin, also one to a request that has none, and on what it depended on before."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in [("etag", "1"), *sent]]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body"})

    response = await _ask(NAMED, *[("origin", origin)] if origin else [], app=app)
    assert response.header("vary") == vary
    assert response.header("etag") == "1"
    assert ("allow-origin" in _of_cors(response)) is (origin == APP)


async def test_what_a_page_may_read() -> None:
    """Every header of the response that browsers would hide is exposed by its name, once, with those of the status."""
    sent = ["x-b", "Content-Type", "cache-control", "grpc-status", "x-a-bin", "x-b", "vary", "set-cookie", "expires"]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name.lower().encode(), b"1") for name in sent]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    for cors in (NAMED, WITH_CREDENTIALS, ANYBODY):
        response = await _ask(cors, ("origin", APP), app=app)
        exposed = _of_cors(response)["expose-headers"]
        assert exposed == f"{STATUS}, x-b, x-a-bin"
        assert [name for name, _ in response.headers].count("x-b") == 2


async def test_headers_of_a_door_stay_as_they_are() -> None:
    """What a door keeps for all its responses is not changed by one of them."""
    kept = [(b"vary", b"accept-encoding")]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": kept})
        await send({"type": "http.response.body"})

    await _ask(NAMED, ("origin", APP), app=app)
    assert kept == [(b"vary", b"accept-encoding")]


def test_no_policy_costs_nothing() -> None:
    """Without an origin the application is served as it is."""
    assert CLOSED.around(_plain) is _plain
    assert Cors().around(_plain) is _plain


@pytest.mark.parametrize(
    ("cors", "sentence"),
    [
        (lambda: Cors(("*",), credentials=True), "cors_credentials needs a cors_origins that names each origin, not *"),
        (lambda: Cors(credentials=True), "cors_credentials needs cors_origins"),
        (lambda: Cors((APP, "null")), "item 2 of cors_origins is null, an origin that every page can give itself"),
        (lambda: Cors((APP, "*")), "item 2 of cors_origins has a wildcard, which is possible only as * alone"),
        (lambda: Cors((APP,), headers=("*",)), "item 1 of cors_headers is not the name of a header"),
    ],
)
def test_unsafe_policies_cannot_be_made(cors: Any, sentence: str) -> None:
    """Who makes the policy in code is refused what the settings refuse; tests/test_config.py has the whole list."""
    with pytest.raises(ValueError, match="cors_") as caught:
        cors()
    assert str(caught.value) == sentence


# Behind the real doors


def _web(*headers: tuple[str, str], method: str = "Say", body: bytes = b"", kind: str = WEB) -> Any:
    return path(method), [("content-type", kind), *headers], body or pack(Line(number=2)), "POST"


def _json(verb: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> Any:
    return target, list(headers), body, verb


RESPONSES: list[tuple[int, Any]] = [
    # the status, and the request
    (200, _web()),
    (200, _web(method="Recite")),
    (200, _web(method="Whisper")),
    (200, _web(method="Nothing")),
    (200, _web(body=b"\x00\x00")),
    (200, _web(("x-long", "x" * 20_000))),
    (415, _web(kind="application/grpc-web+json")),
    (415, _web(kind="application/grpc+json")),
    (404, _web(kind="application/grpc")),
    (405, (path(), [("content-type", WEB)], b"", "GET")),
    (405, _json("GET", path())),
    (414, _json("GET", "/auth/v1/say/" + "x" * 5_000)),
    (200, _json("POST", "/auth/v1/say", body=b"{}")),
    (200, _json("GET", "/auth/v1/recite")),
    (400, _json("POST", "/auth/v1/say", body=b"{")),
    (401, _json("GET", "/auth/v1/whisper")),
    (404, _json("GET", "/nowhere")),
    (405, _json("DELETE", "/auth/v1/say")),
    (413, _json("POST", "/auth/v1/say", body=b'{"text":"' + b"x" * 5_000 + b'"}')),
    (415, _json("POST", "/auth/v1/say", ("content-encoding", "br"), body=b"{}")),
    (431, _json("POST", "/auth/v1/say", ("x-long", "x" * 20_000), body=b"{}")),
    (204, _json("OPTIONS", "/auth/v1/say")),
    (200, _json("GET", "/debug/healthz")),
    (405, _json("POST", "/debug/ready")),
    (200, _json("GET", "/docs")),
    (200, _json("GET", "/openapi.json")),
]


@pytest.mark.parametrize(("status", "request_"), RESPONSES)
async def test_every_response_of_every_door(status: int, request_: Any) -> None:
    """Answers, errors, streams, probes and files: listed pages may read all of them, and other pages none."""
    target, headers, body, verb = request_
    app = replace(stage_service(), cors=WITH_CREDENTIALS).one_address()
    granted = await asgi(app, target, [*headers, ("origin", APP)], [body], method=verb)
    assert granted.status == status
    assert _of_cors(granted).keys() == {"allow-origin", "allow-credentials", "expose-headers"}
    assert (granted.header("vary") or "").split(", ")[-1] == "origin"
    refused = await asgi(app, target, [*headers, ("origin", "https://evil.example")], [body], method=verb)
    assert (refused.status, _of_cors(refused)) == (status, {})
    assert refused.header("vary") == granted.header("vary")


@pytest.mark.parametrize(("status", "request_"), RESPONSES)
async def test_no_response_without_a_policy(status: int, request_: Any) -> None:
    """By default no response says anything about origins."""
    target, headers, body, verb = request_
    response = await asgi(stage_service().one_address(), target, [*headers, ("origin", APP)], [body], method=verb)
    assert (response.status, _of_cors(response)) == (status, {})
    assert "origin" not in (response.header("vary") or "")


@pytest.mark.parametrize("target", [path(), "/auth/v1/say", "/nowhere", "/debug/ready", "/docs", "*"])
@pytest.mark.parametrize("kind", [None, WEB, WEB_TEXT, "application/grpc", "application/grpc+json", "application/json"])
async def test_preflights_for_every_path(target: str, kind: str | None) -> None:
    """A preflight is answered in front of every door, of which browsers send neither body nor content type."""
    app = replace(stage_service(), cors=NAMED).one_address()
    headers = [("origin", APP), PREFLIGHT, *([("content-type", kind)] if kind else [])]
    response = await asgi(app, target, headers, method="OPTIONS", trailers=True)
    assert (response.status, _of_cors(response)["allow-origin"]) == (204, APP)


async def test_native_grpc_is_left_alone() -> None:
    """No browser speaks it, and a header would be metadata that the servicer has not sent."""
    app = replace(stage_service(), cors=NAMED).one_address()
    headers = [("content-type", "application/grpc"), ("origin", APP)]
    response = await asgi(app, path(), headers, [pack(Line())], trailers=True)
    assert (response.status, _of_cors(response), response.header("vary")) == (200, {}, None)


@pytest.fixture
async def playing_with_cors(monkeypatch: pytest.MonkeyPatch, http: Engine) -> AsyncIterator[stage.Stage]:
    """A stage on a real engine, with a policy, whose servicer sends metadata of its own."""

    async def say(request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("x-own", "1"),))
        return request

    monkeypatch.setattr(stage, "stage_service", lambda **given: replace(stage_service(**given), cors=NAMED))
    async with playing(http=http, Say=say) as running:
        yield running


@pytest.mark.parametrize("http", ["zttp", "httptools"])
@pytest.mark.parametrize("door", ["web", "web-text"])
async def test_grpc_web_on_the_wire(playing_with_cors: stage.Stage, door: str) -> None:
    """Binary and text, unary and stream: a whole exchange as a browser has it, and metadata is exposed."""
    port, origin = playing_with_cors.port, ("origin", APP)
    preflight = await http1(port, http1_request("OPTIONS", path(), [origin, PREFLIGHT]))
    assert (preflight.status, preflight.body) == (204, b"")
    assert (preflight.header("content-length"), preflight.header("transfer-encoding")) == (None, None)
    for method, count in (("Say", 1), ("Recite", 3)):
        request = web_bytes(door, method, [Line(number=3)], [origin])
        response = await http1(port, request)
        assert len(web_reply(response, text=door == "web-text").messages) == count
        assert _of_cors(response)["allow-origin"] == APP
        exposed = _of_cors(response)["expose-headers"].split(", ")
        assert {"grpc-status", "x-request-id"} <= set(exposed)
        assert ("x-own" in exposed) is (method == "Say")


@pytest.mark.parametrize("http", ["zttp"])
async def test_preflights_over_http_2(playing_with_cors: stage.Stage) -> None:
    """As in HTTP/1.1: 204 without a body, and the call may follow on the same connection."""
    async with h2_peer(playing_with_cors.port) as peer:
        preflight = peer.open(path(), [("origin", APP), PREFLIGHT], method="OPTIONS", end=True)
        await preflight.over.wait()
        call = peer.open(path(), [("origin", APP), ("content-type", WEB)])
        call.send(pack(Line(text="a")), end=True)
        await call.over.wait()
    assert (dict(preflight.headers)[":status"], bytes(preflight.data)) == ("204", b"")
    assert dict(preflight.headers)["access-control-max-age"] == "7200"
    assert dict(call.headers)["access-control-allow-origin"] == APP


async def test_the_policy_does_not_read_the_limits() -> None:
    """A preflight is answered however large the metadata is that the doors would refuse: it calls nothing."""
    app = replace(stage_service(limits=Limits(metadata=64)), cors=NAMED).one_address()
    headers = [("origin", APP), PREFLIGHT, ("access-control-request-headers", "x" * 1_000)]
    assert (await asgi(app, path(), headers, method="OPTIONS")).status == 204
