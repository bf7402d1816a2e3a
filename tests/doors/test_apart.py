"""Applications at the one address that have a policy of their own for pages elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from doors.peers import AsgiReply, asgi

from authsvc.doors.asgi import OneAddress
from authsvc.doors.asgi_types import App, Receive, Scope, Send
from authsvc.doors.cors import Cors
from authsvc.doors.http import respond

EVERYBODY = Cors(("*",))


def says(word: str) -> App:
    """An application that answers with a word and the path that it sees."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, [], f"{word} {scope['path']} {scope['raw_path'].decode()}".encode())

    return app


async def ask(path: str, method: str = "GET", headers: Any = ()) -> AsgiReply:
    """One request to an address where `/login` and a path below a face's are apart."""
    address = OneAddress(
        grpc=says("grpc"),
        grpc_web=says("grpc-web"),
        json=says("json"),
        faces={"face": says("face")},
        fixed={"/fixed": says("fixed")},
        rpcs=(),
        longest=100,
        cors=EVERYBODY,
        apart=dict.fromkeys(["/login", "/face/logout"], says("apart")),
    )
    return await asgi(address, path, headers, method=method)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/login", "apart /login /login"),
        ("/face/logout", "apart /face/logout /face/logout"),
        ("//face/logout", "apart /face/logout /face/logout"),
        ("/login/", "json /login/ /login/"),
        ("/face/other", "face /face/other /face/other"),
        ("/fixed", "fixed /fixed /fixed"),
    ],
)
async def test_paths(path: str, said: str) -> None:
    """They are found by whole paths, slashes in front aside, before a face with the same first segment."""
    assert (await ask(path)).body.decode() == said


async def test_no_policy_is_put_around_them() -> None:
    """What the setting allows for the doors does not hold for them, preflights included."""
    asked = [("origin", "https://page.example"), ("access-control-request-method", "POST")]
    for method, headers in (("GET", asked[:1]), ("OPTIONS", asked)):
        assert (await ask("/fixed", method, headers)).header("access-control-allow-origin") == "*"
        reply = await ask("/login", method, headers)
        assert reply.header("access-control-allow-origin") is None
        assert reply.body.startswith(b"apart")
