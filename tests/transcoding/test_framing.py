"""Streams as bodies: what a client reads out of them."""

import json
from typing import Any

import pytest

from authsvc.transcoding._framing import ARRAY, EVENTS, LINES, STREAM_TYPES, Framing, Raw, choose

MESSAGES = [b'{"a":1}', b"{}", b'"\\n"']
PRETTY = b'{\n  "a": 1\n}'
ERROR = b'{"error":{"code":8}}'


def framed(framing: Framing, *messages: bytes, error: bytes | None = None) -> bytes:
    """A whole body."""
    items = [framing.item(each) for each in messages]
    end = framing.end() if error is None else framing.error(error)
    assert end is not None
    return b"".join([*items, end])


def events(body: bytes) -> list[tuple[str, str]]:
    """The events that a browser would dispatch: type and data (HTML, section 9.2.6)."""
    found, kind, data = [], "", list[str]()
    *lines, rest = body.decode().split("\n")
    assert rest == "", "the last line has no end"
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                found.append((kind or "message", "\n".join(data)))
            kind, data = "", []
        elif name == "event":
            kind = value
        elif name == "data":
            data.append(value)
    assert not data, "the last event is not complete"
    return found


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_an_array_is_one_json_value(count: int) -> None:
    """However many messages, the body is a JSON array of them."""
    body = framed(choose("")[1], *MESSAGES[:count])
    assert json.loads(body) == [json.loads(each) for each in MESSAGES[:count]]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_an_error_ends_an_array(count: int) -> None:
    """It is the last element of an array that is still JSON."""
    body = framed(choose(ARRAY)[1], *MESSAGES[:count], error=ERROR)
    assert json.loads(body) == [*(json.loads(each) for each in MESSAGES[:count]), json.loads(ERROR)]


def test_an_element_of_an_array_can_be_read_when_it_comes() -> None:
    """Each element leaves whole, with what divides it from the one before and not from the next."""
    framing = choose(ARRAY)[1]
    assert [framing.item(each) for each in MESSAGES] == [b'[{"a":1}', b",\n{}", b',\n"\\n"']
    assert framing.end() == b"]"


@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("error", [None, ERROR])
def test_each_line_is_a_json_value(count: int, error: bytes | None) -> None:
    """Every message and an error is a line of its own, with its end."""
    body = framed(choose(LINES)[1], *MESSAGES[:count], error=error)
    expected = MESSAGES[:count] + ([error] if error else [])
    assert body == b"".join(each + b"\n" for each in expected)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_each_event_is_a_message(count: int) -> None:
    """A browser dispatches one `message` for each, as it was sent."""
    body = framed(choose(EVENTS)[1], *MESSAGES[:count])
    assert events(body) == [("message", each.decode()) for each in MESSAGES[:count]]


def test_an_error_is_an_event_of_its_own_type() -> None:
    """Listeners of messages do not get it."""
    body = framed(choose(EVENTS)[1], b"{}", error=ERROR)
    assert events(body) == [("message", "{}"), ("error", ERROR.decode())]


def test_events_may_have_several_lines() -> None:
    """Every line of an indented message is data, and a browser puts them together again."""
    body = framed(choose(EVENTS)[1], PRETTY, b"{}")
    assert events(body) == [("message", PRETTY.decode()), ("message", "{}")]


def test_raw_content_is_left_alone() -> None:
    """Pieces follow each other, and an error cannot be told in them."""
    assert framed(Raw(), b"a", b"", b"\n", b"b") == b"a\nb"
    assert Raw().error(ERROR) is None


@pytest.mark.parametrize(("accept", "kind"), [("", ARRAY), *((each, each) for each in STREAM_TYPES)])
def test_accept_chooses_the_framing(accept: str, kind: Any) -> None:
    """The content type is the one asked for, and each stream has a state of its own."""
    content_type, framing = choose(accept)
    assert content_type == kind
    assert choose(accept)[1] is not framing
