"""What servers ask of an ASGI application beside requests, how they mount it, and what stops its start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any

import pytest

from authsvc.transcoding import RouteError
from authsvc.transcoding.asgi import Application

from .driver import Request, ask
from .foreign import methods, rule

SERVICE = methods({"Get": rule("GET", "/items/{id=**}")})[0].containing_service


async def _echo(request: Any, context: Any) -> Any:
    return request


def application(get: Any = _echo) -> Application:
    """An application with one route."""
    return Application(SERVICE, SimpleNamespace(Get=get), prefix="/v1")


Event = MutableMapping[str, Any]


async def events(kind: str, *incoming: str) -> list[Event]:
    """What the application sends in a scope of this kind, when these events come in."""
    queue, sent = asyncio.Queue[Event](), list[Event]()
    for each in incoming:
        queue.put_nowait({"type": each})

    async def send(event: Event) -> None:
        sent.append(event)

    async with asyncio.timeout(5):
        await application()({"type": kind, "path": "/v1/items/a", "headers": []}, queue.get, send)
    assert queue.empty()
    return sent


async def test_a_server_starts_and_stops() -> None:
    """There is nothing to do for it, and it is told so."""
    sent = await events("lifespan", "lifespan.startup", "lifespan.shutdown")
    assert sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


async def test_a_websocket_is_refused() -> None:
    """Closed before it was accepted, which is 403 on the wire."""
    assert await events("websocket", "websocket.connect") == [{"type": "websocket.close"}]


async def test_another_protocol_is_an_exception() -> None:
    """As ASGI wants it of what an application does not know."""
    with pytest.raises(NotImplementedError):
        await events("telepathy")


@pytest.mark.parametrize(
    ("root", "raw", "found"),
    [
        ("", b"/v1/items/a", "a"),
        ("/api", b"/api/v1/items/a%2Fb/c", "a%2Fb/c"),
        ("/api", b"/%61p%69/v1/items/a", "a"),
        ("/a b/\u00fc", b"/a%20b/%C3%BC/v1/items/a", "a"),
        ("/a b/\u00fc", b"/a%20b%2f%c3%bc/v1/items/a", "a"),
        ("/a b", b"/a b/v1/items/a", "a"),  # as uvicorn has it, whatever the option was
        ("/a%20b", b"/a%20b/v1/items/a", "a"),  # likewise
        ("/a%20b", b"/a%2520b/v1/items/a", "a"),
        ("/api/", b"/api/v1/items/a", "a"),
        ("/api/", b"/api//v1/items/a", "a"),
        ("/", b"/v1/items/a", "a"),
        ("/v1", b"/v1/v1/items/a", "a"),
        ("/api", b"/v1/items/a", "a"),
        ("/v1/items/a/b/c", b"/v1/items/a", "a"),
        ("/v", b"/v1/items/a", "a"),
        ("/api", b"/api", None),
        ("/api", b"/api/", None),
        ("/api", b"/apiv1/items/a", None),
        ("/api", b"/api%2Fv1/items/a", None),
        ("/api", b"/ap%69", None),
        ("/api", b"/ap%6", None),
        ("/a b", b"/a+b/v1/items/a", None),
        ("/\udcff", b"/%FF/v1/items/a", None),
    ],
)
async def test_an_application_can_be_mounted(root: str, raw: bytes, found: str | None) -> None:
    """What lies before it is left out of the path, however that is written; a path that lies elsewhere is whole."""
    reply = await ask(application(), "GET", "/", raw_path=raw, root_path=root)
    assert (reply.status, reply.body) == (200, f'{{"id":"{found}"}}'.encode()) if found else reply.status == 404


async def test_an_application_is_mounted_without_a_raw_path() -> None:
    """The decoded path has it too."""
    reply = await ask(
        application(), "GET", "/", raw_path=None, path="/a b/\u00fc/v1/items/a:%", root_path="/a b/\u00fc"
    )
    assert reply.body == b'{"id":"a:%"}'


@pytest.mark.parametrize("raw_path", [None, b""])
async def test_the_raw_path_is_optional(raw_path: Any) -> None:
    """A server need not give it; then the decoded path has to do."""
    scope = {"path": "/v1/items/a \u00fc@:%", "raw_path": raw_path}
    assert (await ask(application(), "GET", "/", **scope)).body == '{"id":"a \u00fc@:%"}'.encode()
    request = Request(application(), "GET", "/v1/items/a", **scope)
    assert (await request.reply()).status == 200


@pytest.mark.parametrize("lost", [chr(0xD800), chr(0xDCFF), "\udfff\ud800"])
async def test_a_path_that_is_not_unicode_is_refused(lost: str) -> None:
    """Where a server decodes it leniently and gives no raw path: 400 for a variable, 404 elsewhere."""
    for path, status in ((f"/v1/items/{lost}", 400), (f"/v1/{lost}/a", 404), (lost, 404)):
        for root in (None, "/other", lost, f"/{lost}"):
            assert (await ask(application(), "GET", "/", path=path, raw_path=None, root_path=root)).status == status


def test_a_missing_handler_stops_the_start() -> None:
    """Every method with a rule needs one, and a method without a rule needs none."""
    service = methods({"Get": rule("GET", "/items/{id}"), "Hidden": None})[0].containing_service
    with pytest.raises(AttributeError, match="Get"):
        Application(service, SimpleNamespace(Hidden=_echo))
    Application(service, SimpleNamespace(Get=_echo))


def test_a_bad_rule_stops_the_start() -> None:
    """As everywhere in this library."""
    broken = methods({"Get": rule("GET", "/{no}")})[0].containing_service
    with pytest.raises(RouteError):
        Application(broken, SimpleNamespace(Get=_echo))


async def test_handlers_may_be_anything_that_is_called() -> None:
    """A function that returns an awaitable will do, such as a decorated handler."""

    class Get:
        def __call__(self, request: Any, context: Any) -> Any:
            return _echo(request, context)

    assert (await ask(application(Get()), "GET", "/v1/items/a")).body == b'{"id":"a"}'


def test_the_log_is_that_of_the_library() -> None:
    """Its name is the module's, so that it can be configured."""
    assert "authsvc.transcoding.asgi" in logging.root.manager.loggerDict
