"""Files for browsers over HTTP, whatever is in them."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest
from doors.peers import AsgiReply, asgi, http1, http1_request
from doors.stage import playing, stage_service

from authsvc.web.docs import docs

TYPES = {
    "/account": "text/html; charset=utf-8",
    "/account/": "text/html; charset=utf-8",
    "/account/account.css": "text/css; charset=utf-8",
    "/account/account.js": "text/javascript; charset=utf-8",
    "/account/icon.svg": "image/svg+xml",
    "/docs": "text/html; charset=utf-8",
    "/docs/start.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/openapi.json": "application/json",
}
PATHS = sorted(TYPES)


async def ask(path: str, method: str = "GET", headers: Any = ()) -> AsgiReply:
    """One request to the one address, without a token."""
    return await asgi(stage_service().one_address(), path, headers, method=method)


@pytest.mark.parametrize("path", PATHS)
async def test_files_are_served_to_anybody(path: str) -> None:
    """Each is there without a token, of its type, to be asked for again and never guessed at."""
    reply = await ask(path)
    assert (reply.status, reply.header("content-type")) == (200, TYPES[path])
    assert reply.header("cache-control") == "no-cache"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("content-length") == str(len(reply.body))
    assert len(reply.body) > 100


GZIP = [("accept-encoding", "gzip, deflate, br")]


@pytest.mark.parametrize("headers", [[], GZIP], ids=["plain", "gzip"])
async def test_head_is_get_without_the_content(headers: Any) -> None:
    """Status and headers are those of GET."""
    got, head = await ask("/docs", headers=headers), await ask("/docs", "HEAD", headers)
    assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")


@pytest.mark.parametrize("path", PATHS)
async def test_files_are_compressed_for_those_who_ask(path: str) -> None:
    """The same content, smaller, under a tag of its own; caches are told what it depends on."""
    plain, small = await ask(path), await ask(path, headers=GZIP)
    assert (plain.header("content-encoding"), small.header("content-encoding")) == (None, "gzip")
    assert gzip.decompress(small.body) == plain.body
    assert int(small.header("content-length") or 0) == len(small.body) < len(plain.body)
    assert plain.header("vary") == small.header("vary") == "accept-encoding"
    assert small.header("etag") != plain.header("etag")
    assert small.header("content-type") == plain.header("content-type")


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=0.5, identity"])
async def test_nothing_is_compressed_for_others(accepted: str) -> None:
    """Who does not like gzip gets the files as they are."""
    reply = await ask("/openapi.json", headers=[("accept-encoding", accepted)])
    assert reply.header("content-encoding") is None
    assert orjson.loads(reply.body)["info"]["title"] == "authsvc"


async def test_what_is_known_compressed_is_not_sent_again() -> None:
    """Each form has its own tag: that of one is no reason to keep back the other."""
    files = docs(dict)
    plain, small = await asgi(files, "/docs", method="GET"), await asgi(files, "/docs", GZIP, method="GET")
    for first, headers, status in [(small, GZIP, 304), (small, [], 200), (plain, GZIP, 200), (plain, [], 304)]:
        again = [*headers, ("if-none-match", first.header("etag") or "")]
        reply = await asgi(files, "/docs", again, method="GET")
        assert (reply.status, reply.header("vary")) == (status, "accept-encoding")
        assert reply.header("content-encoding") == (("gzip" if headers else None) if status == 200 else None)


async def test_a_file_is_compressed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at the start, which it would make slower, but when it is first asked for; then it is kept."""
    done: list[int] = []
    compress = gzip.compress

    def count(data: bytes, *options: Any, **more: Any) -> bytes:
        done.append(len(data))
        return compress(data, *options, **more)

    monkeypatch.setattr(gzip, "compress", count)
    files = docs(dict)
    await asgi(files, "/docs", method="GET")
    assert done == []
    bodies = [(await asgi(files, "/docs", GZIP, method="GET")).body for _ in range(2)]
    assert (len(done), bodies[0]) == (1, bodies[1])


async def test_the_description_is_made_once() -> None:
    """Not at the start, which it would make slower, but when it is first asked for; then it is kept."""
    made: list[dict[str, Any]] = []

    def make() -> dict[str, Any]:
        made.append({"number": len(made)})
        return made[-1]

    files = docs(make)
    await asgi(files, "/docs", method="GET")
    assert made == []
    bodies = [(await asgi(files, "/openapi.json", method="GET")).body for _ in range(2)]
    assert bodies == [b'{"number":0}'] * 2


@pytest.mark.parametrize("tags", ["{}", "W/{}", '"other", {}', "*"])
async def test_what_is_known_is_not_sent_again(tags: str) -> None:
    """A request that names the entity tag gets 304, with the headers that matter to a cache."""
    tag = (await ask("/openapi.json")).header("etag")
    reply = await ask("/openapi.json", headers=[("if-none-match", tags.format(tag))])
    assert (reply.status, reply.body, reply.header("etag")) == (304, b"", tag)
    assert reply.header("cache-control") == "no-cache"


async def test_what_has_changed_is_sent() -> None:
    """Another tag is no reason to send nothing, and different files have different tags."""
    assert (await ask("/openapi.json", headers=[("if-none-match", '"other"')])).status == 200
    assert len({(await ask(path)).header("etag") for path in PATHS}) == len(PATHS) - 1  # /account has two


@pytest.mark.parametrize("path", PATHS)
async def test_other_methods_are_not_allowed(path: str) -> None:
    """Files can be read only; OPTIONS tells so."""
    for method in ("POST", "PUT", "DELETE", "get"):
        reply = await ask(path, method)
        assert (reply.status, reply.header("allow")) == (405, "GET, HEAD, OPTIONS")
    reply = await ask(path, "OPTIONS")
    assert (reply.status, reply.body, reply.header("allow")) == (204, b"", "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    "path",
    [
        *("/docs/", "/docs/index.html", "/docs/../openapi.json", "/openapi.json/", "/docs/LICENSE"),
        *("/account/index.html", "/account/account.js/", "/account/../docs", "/account/LICENSES.txt"),
    ],
)
async def test_only_fixed_paths_are_served(path: str) -> None:
    """No path leads to any other file."""
    assert (await ask(path)).status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_files_over_a_real_connection(method: str) -> None:
    """The server adds nothing to the head that would contradict it."""
    async with playing() as stage:
        reply = await http1(stage.port, http1_request(method, "/docs"))
    assert reply.status == (204 if method == "OPTIONS" else 200)
    assert reply.body.startswith(b"<!DOCTYPE html>") == (method == "GET")
