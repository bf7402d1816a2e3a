"""Which door a request goes through, the probes, and the methods that nobody serves."""

from __future__ import annotations

from typing import Any, NamedTuple, cast
from uuid import UUID

import grpc
import orjson
import pytest
from doors.peers import asgi, h2_peer, http1, http1_request, pack
from doors.stage import Line, path, playing, stage_service
from google.protobuf.descriptor import MethodDescriptor
from grpc.aio import insecure_channel
from transcoding.foreign import method, rule

from authsvc.doors.asgi import OneAddress
from authsvc.doors.json import Json
from authsvc.doors.limits import Limits
from authsvc.doors.metadata import peer_of
from authsvc.doors.probes import Probes
from authsvc.errors import StartupError
from authsvc.rpc.method import Method
from authsvc.web.docs import docs

GRPC, WEB, JSON, FACE, PROBES, DOCS = "grpc", "grpc_web", "json", "another face", "probes", "docs"
ROUTES = [
    # content type, HTTP method, path, with HTTP/2's trailers, without
    ("application/grpc", "POST", "/a/b", GRPC, JSON),
    ("application/grpc+proto", "POST", "/a/b", GRPC, JSON),
    (" Application/GRPC ; charset=utf-8", "POST", "/a/b", GRPC, JSON),
    ("application/grpc", "GET", "/a/b", 405, JSON),
    ("application/grpc", "POST", "/debug/ready", GRPC, JSON),
    ("application/grpc+json", "POST", "/a/b", 415, 415),
    ("application/grpcfoo", "POST", "/a/b", 415, 415),
    ("application/grpc-web", "POST", "/a/b", WEB, WEB),
    ("application/grpc-web+json", "GET", "/debug/ready", WEB, WEB),
    ("APPLICATION/GRPC-WEB-TEXT;x", "POST", "/a/b", WEB, WEB),
    ("application/json", "POST", "/a/b", JSON, JSON),
    ("xapplication/grpc", "POST", "/a/b", JSON, JSON),
    ("", "GET", "/a/b", JSON, JSON),
    ("", "GET", "/another", FACE, FACE),
    ("", "GET", "/another/", FACE, FACE),
    ("application/json", "POST", "/another/a/b", FACE, FACE),
    ("", "GET", "//another/a", FACE, FACE),
    ("", "GET", "///another", FACE, FACE),
    ("", "GET", "//other/another", JSON, JSON),
    ("", "GET", "//debug/ready", JSON, JSON),
    ("", "GET", "/anothera/b", JSON, JSON),
    ("", "GET", "/a/another", JSON, JSON),
    ("application/grpc-web", "POST", "/another/b", WEB, WEB),
    ("", "GET", "/debug/healthz", PROBES, PROBES),
    ("", "GET", "/debug/ready", PROBES, PROBES),
    ("application/json", "POST", "/debug/ready", PROBES, PROBES),
    ("", "GET", "/debug/ready/", JSON, JSON),
    ("", "GET", "/openapi.json", DOCS, DOCS),
    ("application/grpc-web", "POST", "/docs", WEB, WEB),
    ("application/json", "POST", "/an/rpc", 415, 415),
    ("", "POST", "/an/rpc", 415, 415),
    ("image/jpeg", "POST", "/an/rpc", 415, 415),
    ("", "GET", "/an/rpc", 405, 405),
    ("application/json", "OPTIONS", "/an/rpc", 405, 405),
    ("application/grpc", "DELETE", "/an/rpc", 405, JSON),
    ("application/grpc-web", "GET", "/an/rpc", WEB, WEB),
    ("", "GET", "/" + "x" * 99, JSON, JSON),
    ("", "GET", "/" + "x" * 100, 414, 414),
    ("application/grpc", "POST", "/" + "x" * 100, 414, 414),
]


@pytest.mark.parametrize(("kind", "method", "target", "over_h2", "over_h1"), ROUTES)
@pytest.mark.parametrize("trailers", [True, False])
async def test_the_content_type_chooses_the_door(
    kind: str,
    method: str,
    target: str,
    over_h2: Any,
    over_h1: Any,
    trailers: bool,  # noqa: FBT001
) -> None:
    """One address, four doors beside what has fixed paths; native gRPC needs POST and trailers."""
    taken: list[Any] = []

    def door(name: str) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            taken.append(name)

        return app

    fixed = dict.fromkeys(Probes.PATHS, door(PROBES)) | dict.fromkeys(docs(dict).paths, door(DOCS))
    app = OneAddress(
        grpc=door(GRPC),
        grpc_web=door(WEB),
        json=door(JSON),
        faces={"another": door(FACE)},
        fixed=fixed,
        rpcs={"/an/rpc"},
        longest=100,
    )
    response = await asgi(app, target, [("content-type", kind)], method=method, trailers=trailers)
    assert (taken or [response.status]) == [over_h2 if trailers else over_h1]


class Rules(NamedTuple):
    """Methods as `Json` takes them, by their descriptors alone."""

    descriptor: MethodDescriptor


def _json(prefix: str, path: str) -> Json:
    return Json([cast("Method", Rules(method(rule("GET", path))))], prefix, Limits())


@pytest.mark.parametrize(
    ("prefix", "path", "segment"),
    [("", "/a/{id}", "a"), ("", "/a.b-c_d~e:poll", "a.b-c_d~e:poll"), ("/auth/v1", "/{id}", "auth")],
)
def test_a_face_is_found_by_its_first_segments(prefix: str, path: str, segment: str) -> None:
    """They are literal, be it by the prefix of the face."""
    assert _json(prefix, path).segments() == {segment}


@pytest.mark.parametrize("path", ["/{id}", "/{name=a/*}", "/*/a", "/**", "/{id}:poll", "/caf%C3%A9/a"])
def test_a_path_that_no_segment_leads_to_stops_the_start(path: str) -> None:
    """A rule whose first segment may be anything would silently never be reached."""
    with pytest.raises(StartupError, match=r"^shop\.Shop\.Do: the path .* must begin with a literal segment"):
        _json("", path).segments()


@pytest.mark.parametrize("http", ["zttp", "httptools"])
@pytest.mark.parametrize("slashes", [1, 2, 5])
async def test_a_face_takes_several_slashes(http: Any, slashes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is served with as many slashes in front of it as a client's base URL makes, below a face alone."""
    monkeypatch.setattr("authsvc.app._of_workos", lambda each: each.descriptor.name == "Announce")
    async with playing(http=http) as stage:
        replies = [
            await http1(stage.port, http1_request("GET", "/" * slashes + path))
            for path in ("announce", "announce/nothing", "auth/v1/whisper")
        ]
    assert [(reply.status, orjson.loads(reply.body)) for reply in replies[:2]] == [
        (401, {"message": "Unauthorized"}),
        (404, {"message": "Not Found"}),
    ]
    assert replies[2].status == (401 if slashes == 1 else 404)


async def test_refusals_say_what_would_do() -> None:
    """415 lists the types that an RPC takes, 405 the method."""
    app = stage_service().one_address()
    wrong_type = await asgi(app, path(), [("content-type", "application/json")], [b"{}"])
    assert (wrong_type.header("accept-post") or "").split(", ") == [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpc-web-text+proto",
    ]
    wrong_method = await asgi(app, path(), method="GET")
    assert wrong_method.header("allow") == "POST"
    for refused in (wrong_type, wrong_method):
        # Connect's clients take JSON for an error of their own protocol.
        assert (refused.body, refused.header("content-type")) == (b"", None)
    too_long = await asgi(app, "/" + "x" * 9000, method="GET")
    assert (too_long.status, too_long.body) == (414, b'{"message":"URI Too Long"}')


@pytest.mark.parametrize("target", ["/stage.v1.Stage/Say", "/" + "x" * 9000, "/nowhere", "/auth/v1/say/a"])
async def test_refusals_have_a_request_id(target: str) -> None:
    """Requests that are no calls can be named as well: each answer has a UUID of its own (RFC 9562, version 4)."""
    app = stage_service().one_address()
    ids = [(await asgi(app, target, method="DELETE")).header("x-request-id") or "" for _ in range(2)]
    assert ids[0] != ids[1]
    for each in ids:
        assert str(UUID(each, version=4)) == each


async def test_a_query_counts_as_part_of_the_target() -> None:
    """Path and query together have at most the allowed length."""
    app = stage_service(limits=Limits(target=300)).one_address()
    for length, status in ((300, 200), (301, 414)):
        target = "/auth/v1/say/".ljust(length - len("number=1"), "a")
        assert (await asgi(app, target, method="GET", query=b"number=1")).status == status


async def test_extensions_may_be_missing() -> None:
    """A server without any ASGI extension is one without trailers."""
    reply = await asgi(stage_service().one_address(), path(), [("content-type", "application/grpc")], [pack(Line())])
    assert reply.status == 404


@pytest.mark.parametrize("ready", [True, False])
async def test_probes(ready: bool) -> None:  # noqa: FBT001
    """`healthz` says that the process lives, `ready` whether it can answer; 412 is ZITADEL's word for no."""

    async def is_ready() -> bool:
        return ready

    probes = Probes(is_ready)
    alive = await asgi(probes, "/debug/healthz", method="GET")
    assert (alive.status, alive.body, alive.header("content-type")) == (200, b"ok", "text/plain; charset=utf-8")
    answer = await asgi(probes, "/debug/ready", method="GET")
    assert (answer.status, answer.body) == ((200, b'"ok"') if ready else (412, b"not ready"))
    for response in (alive, answer):
        assert response.header("cache-control") == "no-store"


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "DELETE"])
@pytest.mark.parametrize("target", ["/debug/healthz", "/debug/ready"])
async def test_probes_are_only_for_get(method: str, target: str) -> None:
    """405 with `Allow`."""
    response = await asgi(stage_service().one_address(), target, method=method)
    assert (response.status, response.header("allow")) == (405, "GET")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/stage.v1.Stage/Sing", "unknown method Sing for service stage.v1.Stage"),
        ("/stage.v1.Other/Say", "unknown service stage.v1.Other"),
        ("/stage.v1.Stage%2FSay", "unknown service "),
        ("/stage.v1/Say", "unknown service stage.v1"),
        ("/Say", "unknown service "),
    ],
)
async def test_unknown_methods_over_native_grpc(target: str, message: str, logs: list[Any]) -> None:
    """Both native doors say UNIMPLEMENTED in the same words, to unary calls and to streams."""
    async with playing() as stage:
        for port in (stage.port, stage.grpcio_port):
            async with insecure_channel(f"127.0.0.1:{port}") as channel:
                unary: Any = channel.unary_unary(target)
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await unary(b"")
                assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNIMPLEMENTED, message)
                stream: Any = channel.stream_stream(target)()
                assert await stream.code() is grpc.StatusCode.UNIMPLEMENTED
    assert logs == []


async def test_native_answers_over_http_2() -> None:
    """Head, one message and trailers; the head says what may be sent; an error has no message."""
    async with playing() as stage, h2_peer(stage.port) as peer:
        good = await peer.call("Say", pack(Line(text="a"))).reply()
        bad = await peer.call("Say", pack(b"\xff")).reply()
    assert dict(good.initial)["content-type"] == "application/grpc"
    assert dict(good.initial)["grpc-accept-encoding"] == "identity,deflate,gzip"
    assert good.trailing == [("grpc-status", "0")]
    assert [key for key, _ in bad.trailing] == ["grpc-status", "grpc-message"]
    assert bad.messages == []


async def test_a_json_get_may_share_the_connection_with_grpc() -> None:
    """One HTTP/2 connection carries all three protocols."""
    async with playing() as stage, h2_peer(stage.port) as peer:
        native = peer.call("Say", pack(Line(text="a")))
        json = peer.open("/auth/v1/say/b", method="GET")
        json.send(b"", end=True)
        web = peer.open(path(), [("content-type", "application/grpc-web")])
        web.send(pack(Line(text="c")), end=True)
        assert (await native.reply()).messages == [Line(text="a")]
        for stream in (json, web):
            await stream.over.wait()
    assert bytes(json.data) == b'{"text":"b"}'
    assert bytes(web.data).startswith(pack(Line(text="c")))


@pytest.mark.parametrize(
    ("client", "peer"),
    [
        (("127.0.0.1", 5), "ipv4:127.0.0.1:5"),
        (("::1", 5), "ipv6:%5B::1%5D:5"),
        (None, "unix:"),
    ],
)
def test_peers_are_written_as_grpc_does(client: Any, peer: str) -> None:
    """IPv4, IPv6 in brackets, and a socket without a name."""
    assert peer_of(client) == peer
