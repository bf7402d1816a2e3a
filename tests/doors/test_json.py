"""The JSON door: routes, bodies, headers in and out, and what is refused how."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import grpc
import orjson
import pytest
from doors.peers import REQUEST_ID, AsgiReply, Headers, asgi, h2_peer, http1, http1_request, json_reply
from doors.stage import LIMIT, TOKEN, Line, Stage, playing, stage_service

from authsvc.doors.limits import Limits

SAY = "/auth/v1/say"
BEARER = ("authorization", f"Bearer {TOKEN}")


async def ask(
    target: str, body: bytes = b"", headers: Headers = (), method: str = "POST", query: bytes = b"", **behaviours: Any
) -> AsgiReply:
    """One request straight into the one address."""
    app = stage_service(**behaviours).one_address()
    raw = target.encode("latin-1")
    return await asgi(app, "decoded by the server", headers, [body], method=method, query=query, raw_path=raw)


def error(response: Any) -> tuple[int, int, str]:
    """HTTP status, gRPC code and message of an error."""
    body = orjson.loads(response.body)
    assert set(body) <= {"code", "message", "details"}
    return response.status, body["code"], body.get("message", "")


async def _never(request: Any, context: Any) -> Any:
    raise AssertionError("the RPC ran")


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "",
        "/auth/v1",
        "/auth/v1/",
        SAY + "/",
        SAY + "//",
        "/auth/v1//say",
        "/AUTH/v1/say",
        "/say",
        "/auth/v1/sayy",
        "/auth/v1/say/a/b",
        "/auth/v1/say/",
        "/auth/v1/say:verb",
        "/auth%2Fv1/say",
        "/auth/v1/%73ay/",
        "/stage.v1.Stage%2FSay",
        "/auth/v1/../v1/say",
        "*",
        "/auth/v1/say;x=1",
        "/\xff",
        "/debug/healthz/",
        "/debug",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "BREW"])
async def test_a_path_without_a_route_is_not_found(target: str, method: str) -> None:
    """Any other path is 404 with the gateway's body, whatever the HTTP method; a trailing slash is another path."""
    response = await ask(target, method=method, Say=_never)
    assert error(response) == (404, 5, "Not Found")
    assert response.header("content-type") == "application/json"
    assert response.header("x-content-type-options") == "nosniff"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "post", "BREW"])
async def test_another_method_is_not_allowed(method: str) -> None:
    """The path exists for other HTTP methods only: 405, `Allow`, and the gateway's body."""
    response = await ask(SAY, method=method, Say=_never)
    assert response.status == 405
    assert response.header("allow") == "OPTIONS, POST"
    assert response.header("content-type") == "application/json"
    if method != "HEAD":
        assert error(response) == (405, 12, "Method Not Allowed")


@pytest.mark.parametrize(("target", "allow"), [(SAY, "OPTIONS, POST"), (SAY + "/hello", "GET, HEAD, OPTIONS")])
async def test_options_tells_the_methods(target: str, allow: str) -> None:
    """OPTIONS of a known path is answered with the methods that it has, and runs nothing."""
    response = await ask(target, method="OPTIONS", Say=_never)
    assert (response.status, response.header("allow"), response.body) == (204, allow, b"")


async def test_head_is_get_without_the_body() -> None:
    """HEAD of a path with GET runs the call, and answers with the headers that GET would have."""
    async with playing() as stage:
        got = await http1(stage.port, http1_request("GET", SAY + "/hello"))
        head = await http1(stage.port, http1_request("HEAD", SAY + "/hello"))
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == got.header("content-length") == str(len(got.body))
    assert head.header("x-request-id") != got.header("x-request-id")


async def test_head_has_no_body_on_the_wire() -> None:
    """HEAD of a path without GET is refused like any method that is not served, and its answer is only a head."""
    async with playing() as stage:
        response = await http1(stage.port, http1_request("HEAD", SAY))
    assert (response.status, response.body) == (405, b"")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", Line()),
        (b"{}", Line()),
        (b" \r\n\t{} \n", Line()),
        (b'{"text": "a", "number": "7"}', Line(text="a", number=7)),
        (b'{"number": 7}', Line(number=7)),
        (b'{"text": "a", "unknown": {"deep": [1, {}]}, "number": 1}', Line(text="a", number=1)),
        (b'{"text": "a"} trailing garbage {', Line(text="a")),
        (b'{"text": "a"}{"text": "b"}', Line(text="a")),
        (b'{"text": null}', Line()),
        ('{"text": "ü\U0001f992"}'.encode(), Line(text="ü\U0001f992")),
        (b'{"text": "\\u00fc"}', Line(text="ü")),
    ],
)
async def test_bodies_that_are_read(body: bytes, line: Any) -> None:
    """ProtoJSON; unknown fields are dropped, and so is what follows the first value, as at the gateway."""
    reply = json_reply(await ask(SAY, body))
    assert reply.messages == [line]


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"{",
        b"}",
        b"[]",
        b"1",
        b'"text"',
        b"true",
        b"nul",
        b'{"text"}',
        b'{"text": 1}',
        b'{"number": "x"}',
        b'{"number": 1.5}',
        b"{'text': 'a'}",
        b'{"text": "\xff"}',
        b'{"text": "\\ud800"}',
        b'{"when": "yesterday"}',
        b"\xef\xbb\xbf{}",
        b"\0",
        b'{"text": "a", "text": "b"}',
        b'{"a":' * 5000,
        b"[" * 4000,
        b'{"number": 9223372036854775808}',
        b'{"number": ' + b"9" * 3000 + b"}",
        b"text=a&number=1",
    ],
)
@pytest.mark.parametrize("target", [SAY])
async def test_bodies_that_are_refused(target: str, body: bytes) -> None:
    """What is no JSON, or not that of the message, is 400 INVALID_ARGUMENT; none of it comes back."""
    if len(body) > LIMIT:
        body = body[:LIMIT]
    response = await ask(target, body, Say=_never)
    status, code, message = error(response)
    assert (status, code) == (400, 3)
    assert 0 < len(message) <= 200
    assert b"yesterday" not in response.body


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", "garbage", ""])
async def test_the_content_type_is_ignored(kind: str) -> None:
    """A body is JSON whatever it says it is."""
    assert json_reply(await ask(SAY, b'{"text": "a"}', [("content-type", kind)])).messages == [Line(text="a")]


async def test_the_query_counts_only_without_a_body_rule() -> None:
    """With `body: "*"` every field comes from the body; otherwise query parameters fill what the path does not."""
    assert json_reply(await ask(SAY, b'{"text": "a"}', query=b"number=7&text=b")).messages == [Line(text="a")]
    reply = json_reply(await ask(SAY + "/a", b"ignored {", method="GET", query=b"number=7&unknown=1"))
    assert reply.messages == [Line(text="a", number=7)]
    assert (await ask(SAY + "/a", method="GET", query=b"number=x", Say=_never)).status == 400


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("a%20b", "a b"),
        ("%61", "a"),
        ("a%2Fb", "a/b"),
        ("%C3%BC", "ü"),
        ("a+b", "a+b"),
        ("%25", "%"),
        ("%2e%2e", ".."),
        ("a:b", "a:b"),
    ],
)
async def test_the_path_is_decoded_once(raw: str, text: str) -> None:
    """An escaped slash splits no segment, and nothing is decoded twice."""
    assert json_reply(await ask(f"{SAY}/{raw}", method="GET")).messages == [Line(text=text)]


@pytest.mark.parametrize("raw", ["%", "%4", "%GG", "%FF", "%C3", "\xff", "\xfc", "%ED%A0%80"])
async def test_a_path_that_is_not_text_is_refused(raw: str) -> None:
    """Broken escapes and bytes that are no UTF-8, escaped or raw, are 400."""
    assert error(await ask(f"{SAY}/{raw}", method="GET", Say=_never))[:2] == (400, 3)


async def test_malformed_input_is_named_before_the_caller_is_checked() -> None:
    """400 for a bad request even without a token: the request is read first."""
    response = await ask("/auth/v1/whisper", method="GET", query=b"number=x", Whisper=_never)
    assert error(response)[:2] == (400, 3)
    assert error(await ask("/auth/v1/whisper", method="GET", Whisper=_never))[:2] == (401, 16)


CHALLENGE = re.compile(r'Bearer realm="[^"\\]*"(, error="(invalid_token|invalid_request|insufficient_scope)")?')


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ([], 'Bearer realm="authsvc"'),
        ([("authorization", "Basic eA==")], 'Bearer realm="authsvc"'),
        ([BEARER, BEARER], 'Bearer realm="authsvc"'),
        ([("authorization", "Bearer not a token")], 'Bearer realm="authsvc", error="invalid_token"'),
        ([("authorization", "Bearer " + "x" * 9000)], 'Bearer realm="authsvc", error="invalid_token"'),
        ([("authorization", b"Bearer \xff")], 'Bearer realm="authsvc", error="invalid_token"'),
    ],
)
async def test_a_401_challenges(headers: Headers, challenge: str) -> None:
    """`WWW-Authenticate` names an error only when a token was sent."""
    response = await ask("/auth/v1/whisper", headers=headers, method="GET", Whisper=_never)
    assert response.status == 401
    assert response.header("www-authenticate") == challenge
    assert CHALLENGE.fullmatch(challenge)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("POST", SAY, 200), ("GET", "/auth/v1/whisper", 401), ("GET", SAY + "/%FF", 400)],
)
async def test_answers_may_not_be_kept(method: str, target: str, status: int) -> None:
    """Every outcome of a call forbids caching and sniffing, and carries the id of the request."""
    response = await ask(target, method=method)
    assert response.status == status
    assert response.header("cache-control") == "no-store"
    assert response.header("pragma") == "no-cache"
    assert response.header("expires") == "0"
    assert response.header("x-content-type-options") == "nosniff"
    assert response.header("content-type") == "application/json"
    assert response.header("content-length") == str(len(response.body))
    assert REQUEST_ID.fullmatch(response.header("x-request-id") or "")


async def test_only_listed_metadata_becomes_headers() -> None:
    """A servicer's own metadata stays inside, but for the few names that mean something to HTTP."""

    async def behaviour(request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("x-a", "1"), ("www-authenticate", "Bearer")))
        context.set_trailing_metadata((("x-b", "2"), ("set-cookie", "a=b"), ("location", "/")))
        return request

    response = await ask(SAY, Say=behaviour)
    assert response.header("www-authenticate") == "Bearer"
    assert {"x-a", "x-b", "set-cookie", "location"}.isdisjoint(key for key, _ in response.headers)


async def test_only_listed_headers_become_metadata() -> None:
    """Four headers under their own name only, others by `Grpc-Metadata-` without it; cookies and all else stay out."""
    seen: list[Any] = []

    async def behaviour(request: Any, context: Any) -> Any:
        seen.extend((entry.key, entry.value) for entry in context.invocation_metadata())
        return request

    headers: Headers = [
        ("Cookie", "a=b"),
        ("Authorization", "Bearer x"),
        ("Accept-Language", "de"),
        ("User-Agent", "test"),
        ("X-Zitadel-Orgid", "1"),
        ("Grpc-Metadata-X-A", "1"),
        ("Grpc-Metadata-X-A", b"\xfc"),
        ("Grpc-Metadata-X-B-Bin", "AAE"),
        ("Grpc-Metadata-Authorization", "Bearer y"),
        ("Grpc-Metadata-Host", "h"),
        ("Grpc-Metadata-Grpc-Timeout", "1n"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-A", "2"),
        ("Origin", "https://example.com"),
    ]
    assert (await ask(SAY, headers=headers, Say=behaviour)).status == 200
    assert seen == [
        ("authorization", "Bearer x"),
        ("accept-language", "de"),
        ("user-agent", "test"),
        ("x-zitadel-orgid", "1"),
        ("x-a", "1"),
        ("x-a", "\xfc"),
        ("x-b-bin", b"\0\1"),
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (("Grpc-Timeout", "abc"), "grpc-timeout: must be one to eight digits and a unit"),
        (("Grpc-Timeout", ""), "grpc-timeout: must be one to eight digits and a unit"),
        (("Grpc-Metadata-X-Bin", "*"), "x-bin: not base64"),
    ],
)
async def test_a_header_that_cannot_be_read_is_the_clients_mistake(header: tuple[str, str], message: str) -> None:
    """Where gRPC says INTERNAL, HTTP says 400."""
    assert error(await ask(SAY, headers=[header], Say=_never)) == (400, 3, message)


async def test_grpc_timeout_is_a_deadline() -> None:
    """`Grpc-Timeout` bounds a call here too: 504."""

    async def behaviour(request: Any, context: Any) -> Any:
        await asyncio.sleep(5)

    assert error(await ask(SAY, headers=[("Grpc-Timeout", "10m")], Say=behaviour)) == (504, 4, "deadline exceeded")


TOO_LARGE = (413, 8, f"request message larger than {LIMIT} bytes")


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1, 10 * LIMIT])
async def test_a_large_body_is_413(framing: str, size: int) -> None:
    """A body above the limit is refused, however it is framed; exactly the limit is taken."""
    body = b'{"text":"' + b"x" * (size - 11) + b'"}'
    async with playing() as stage:
        if framing == "chunked":
            chunks = [body[start : start + 1000] for start in range(0, size, 1000)]
            framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
            request = http1_request("POST", SAY, [("transfer-encoding", "chunked")]) + framed
        else:
            request = http1_request("POST", SAY, body=body)
        response = await http1(stage.port, request)
    if size <= LIMIT:
        assert response.status == 200
    else:
        assert error(response) == TOO_LARGE


async def test_where_no_body_is_taken_none_is_read() -> None:
    """A GET is answered without waiting for a body, and one that comes is dropped, whatever its size."""
    reply = json_reply(await ask(SAY + "/a", bytes(LIMIT + 1), method="GET"))
    assert reply.messages == [Line(text="a")]
    async with playing() as stage:
        request = http1_request("GET", SAY + "/a", [("content-length", "9")])
        assert json_reply(await http1(stage.port, request)).messages == [Line(text="a")]


async def test_a_get_over_http_2_needs_no_body() -> None:
    """As browsers and curl send it: the head ends the request."""
    async with playing() as stage, h2_peer(stage.port) as peer:
        stream = peer.open(SAY + "/a", method="GET", end=True)
        async with asyncio.timeout(2):
            await stream.over.wait()
    assert bytes(stream.data) == b'{"text":"a"}'


async def test_a_post_over_http_2_may_come_without_a_body() -> None:
    """The same for a route that takes a body: `curl --http2-prior-knowledge -X POST`."""
    async with playing() as stage, h2_peer(stage.port) as peer:
        stream = peer.open(SAY, end=True)
        async with asyncio.timeout(2):
            await stream.over.wait()
    assert bytes(stream.data) == b"{}"


async def test_large_headers_are_431() -> None:
    """Headers above the limit are refused by name; many small ones count as well."""
    service = stage_service(Say=_never, limits=Limits(message=LIMIT, metadata=1024))
    for headers in ([("x-a", "x" * 1024)], [(f"x-{number}", "") for number in range(40)]):
        response = await asgi(service.one_address(), SAY, headers)
        assert error(response) == (431, 8, "metadata larger than 1024 bytes")
    assert (await asgi(service.one_address(), SAY, [("x-a", "x" * 900)], method="GET")).status == 405


async def test_large_headers_on_the_wire() -> None:
    """Between our limit and zttp's 16 KiB with line ends it is 431; beyond, zttp itself says 400 and closes."""
    async with playing() as stage:
        for size, status in ((16_000, 200), (16_300, 431), (17_000, 400), (60_000, 400)):
            response = await http1(stage.port, http1_request("POST", SAY, [("x-a", "x" * size)], b""))
            assert response.status == status
        async with h2_peer(stage.port) as peer:
            for size, status in ((16_000, 200), (17_000, 431), (60_000, 431)):
                stream = peer.open(SAY, [("x-a", "x" * size)])
                stream.send(b"", end=True)
                async with asyncio.timeout(2):
                    await stream.over.wait()
                assert dict(stream.headers)[":status"] == str(status)


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "APPLICATION/GRPC; x=y"])
async def test_native_grpc_needs_http_2(kind: str) -> None:
    """Over HTTP/1.1 there are no trailers: an RPC's path is one that nobody knows."""
    async with playing() as stage:
        request = http1_request("POST", "/stage.v1.Stage/Say", [("content-type", kind)], b"\0\0\0\0\0")
        assert error(await http1(stage.port, request)) == (404, 5, "Not Found")


@pytest.mark.parametrize(
    "kind", ["application/grpc+json", "application/grpc+thrift", "application/grpcx", "application/grpc-"]
)
@pytest.mark.parametrize("trailers", [False, True], ids=["HTTP/1.1", "HTTP/2"])
async def test_other_codecs_of_grpc_are_415(kind: str, trailers: bool) -> None:  # noqa: FBT001
    """An unknown kind of gRPC is refused with the types that are served."""
    app = stage_service(Say=_never).one_address()
    response = await asgi(app, SAY, [("content-type", kind)], trailers=trailers)
    assert response.status == 415
    assert (response.header("accept-post") or "").startswith("application/grpc, application/grpc+proto, ")


async def _keep_alive(stage: Stage, *requests: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    for request in requests:
        writer.write(request)
        await asyncio.sleep(0.02)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


async def test_a_refused_request_does_not_spoil_the_connection() -> None:
    """After a 413, 404 or 400 whose body was not read, the next request on the connection is understood."""
    last = http1_request("POST", SAY, body=b'{"text":"last"}')
    async with playing() as stage:
        for target, body in ((SAY, bytes(LIMIT * 99)), ("/none", bytes(LIMIT)), (SAY, b"{")):
            first = http1_request("POST", target, body=body).replace(b"connection: close\r\n", b"")
            answer = await _keep_alive(stage, first, last)
            assert answer.count(b"HTTP/1.1 ") == 2
            assert answer.endswith(b'{"text":"last"}')


async def test_a_status_of_each_kind_has_its_http_status() -> None:
    """Whatever code a servicer chooses, HTTP says the nearest, and the body holds code and message."""
    for code in grpc.StatusCode:
        if code is grpc.StatusCode.OK:
            continue

        async def behaviour(request: Any, context: Any, code: grpc.StatusCode = code) -> Any:
            await context.abort(code, "why")

        response = await ask(SAY, Say=behaviour)
        assert error(response)[1:] == (code.value[0], "why")


async def test_a_raw_byte_in_the_path_is_the_clients_mistake() -> None:
    """A path that is not ASCII is answered with 400, not with a closed connection."""
    async with playing() as stage:
        request = http1_request("GET", SAY + "/x").replace(b"/x ", b"/\xff ")
        assert (await http1(stage.port, request)).status == 400
