"""Whatever bytes arrive, the answer is a whole response with a status below 500, or one that is meant to be above."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from doors.peers import WEB, WEB_TEXT, asgi, pack, web_reply
from doors.stage import TOKEN, path, stage_service
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from transcoding.examples import examples

APP = stage_service().one_address()
ONCE = examples(100)

visible = st.binary(max_size=60)
segment = st.sampled_from(
    [b"auth", b"v1", b"say", b"whisper", b"%2F", b"..", b"", b"%", b":", b"*", b"\xff", b"stage.v1.Stage"]
)
raw_paths = st.one_of(
    st.lists(st.one_of(segment, visible), max_size=5).map(lambda parts: b"/" + b"/".join(parts)),
    st.one_of(segment, visible).map(lambda part: b"/auth/v1/say/" + part),
    st.sampled_from([b"/auth/v1/say", b"/auth/v1/whisper", path().encode(), b"/debug/ready"]),
)
queries = st.one_of(
    visible,
    st.lists(st.tuples(st.sampled_from([b"number", b"text", b"when", b"any", b"x.y"]), visible), max_size=4).map(
        lambda pairs: b"&".join(key + b"=" + value for key, value in pairs)
    ),
)
names = st.sampled_from(
    [
        b"authorization",
        b"accept-language",
        b"grpc-timeout",
        b"grpc-metadata-x-bin",
        b"grpc-metadata-",
        b"x-zitadel-orgid",
        b"content-length",
        b"grpc-encoding",
        b"accept",
        b"x-bin",
        b"te",
        b"cookie",
        b"content-encoding",
    ]
)
values = st.one_of(
    visible, st.sampled_from([b"Bearer " + TOKEN.encode(), b"1S", b"1n", b"gzip", b"AAE=", b"99999999H"])
)
headers = st.lists(st.tuples(names, values), max_size=4)
types = st.one_of(
    visible,
    st.sampled_from(
        [
            b"application/json",
            b"application/grpc",
            b"application/grpc+proto",
            WEB.encode(),
            WEB_TEXT.encode(),
            b"application/grpc-web+x",
        ]
    ),
)
bodies = st.one_of(
    visible,
    st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-(2**63), 2**63),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(max_size=9),
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["text", "number", "when", "any", "@type", "x"]), inner, max_size=3),
        ),
        max_leaves=6,
    ).map(orjson.dumps),
    visible.map(pack),
)
methods = st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT", "", "\xfc"])


@given(
    method=methods,
    raw=raw_paths,
    query=queries,
    sent=headers,
    kind=types,
    body=bodies,
    cut=st.integers(0, 60),
    trailers=st.booleans(),
)
@ONCE
def test_no_request_is_answered_with_a_server_error(
    method: str,
    raw: bytes,
    query: bytes,
    sent: Any,
    kind: bytes,
    body: bytes,
    cut: int,
    trailers: bool,  # noqa: FBT001
) -> None:
    """Any path, query, headers and body: a whole response, below 500 or 501 or 504, no traceback."""
    with capture_logs() as logs:
        response = asyncio.run(
            asgi(
                APP,
                raw.decode(errors="replace"),
                [("content-type", kind), *sent],
                [body[:cut], body[cut:]],
                method=method,
                query=query,
                raw_path=raw,
                trailers=trailers,
            )
        )
    assert response.status < 500 or response.status in {501, 504}
    assert [entry for entry in logs if entry["log_level"] != "info"] == []
    length = response.header("content-length")
    assert length is None or int(length) == len(response.body) or (method == "HEAD" and not response.body)
    if response.header("content-type") == "application/json" and method != "HEAD":
        orjson.loads(response.body)
    if (response.header("content-type") or "").startswith("application/grpc-web"):
        reply = web_reply(response, text="text" in (response.header("content-type") or ""))
        assert 0 <= reply.code <= 16
    if response.header("content-type") == "application/grpc":
        assert response.events[-1]["type"] == "http.response.trailers"


@given(body=st.binary(max_size=40), cuts=st.lists(st.integers(0, 60), max_size=5), text=st.booleans())
@ONCE
def test_how_a_body_is_cut_changes_nothing(body: bytes, cuts: list[int], text: bool) -> None:  # noqa: FBT001
    """Any bytes as a body, in any pieces, end the same way as in one."""
    kind = WEB_TEXT if text else WEB
    places = sorted(cut for cut in cuts if cut < len(body))
    pieces = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]

    async def post(chunks: list[bytes]) -> tuple[int, str, int]:
        reply = web_reply(await asgi(APP, path(), [("content-type", kind)], chunks), text=text)
        return reply.code, reply.message, len(reply.messages)

    whole, cut = asyncio.run(post([body])), asyncio.run(post(pieces))
    if text and whole[0] == 13:  # which of two faults is found first may differ
        assert cut[0] in {8, 12, 13}
    else:
        assert cut == whole


@pytest.mark.parametrize("kind", [WEB, WEB_TEXT, "application/json", "application/grpc"])
async def test_a_request_may_have_no_headers_at_all(kind: str) -> None:
    """HTTP/1.0 without Host, agent or length."""
    response = await asgi(APP, "/auth/v1/whisper", [("content-type", kind)], [b""])
    assert response.status < 500
