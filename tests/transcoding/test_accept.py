"""Content negotiation and media types (RFC 9110, sections 8.3, 12.4, 12.5)."""

import time

import pytest

from authsvc.transcoding._accept import accepts_gzip, best, header, is_json, media_type

OFFERS = ("application/json", "application/x-ndjson", "text/event-stream")
ARRAY, LINES, EVENTS = OFFERS


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", ARRAY),
        ("*/*", ARRAY),
        ("application/json", ARRAY),
        ("application/x-ndjson", LINES),
        ("text/event-stream", EVENTS),
        ("TEXT/Event-Stream", EVENTS),
        ("  text/event-stream  ", EVENTS),
        ("text/event-stream;charset=utf-8", EVENTS),
        ("application/*", ARRAY),
        ("text/*", EVENTS),
        ("application/x-ndjson, application/json", ARRAY),
        ("application/x-ndjson, application/json;q=0.9", LINES),
        ("application/json;q=0.5,text/event-stream;q=0.7,application/x-ndjson;q=0.6", EVENTS),
        ("text/event-stream;q=0.001", EVENTS),
        ("application/json;q=0, */*", LINES),
        ("application/*;q=0, */*", EVENTS),
        ("*/*, text/event-stream;q=0.1", ARRAY),
        ("*/*;q=0.1, application/*;q=0.2, application/x-ndjson;q=0.3", LINES),
        ("application/x-ndjson;q=0.3, application/*;q=0.2, */*;q=0.1", LINES),
        ("application/*;q=0.9, application/json;q=0.1", LINES),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", ARRAY),
        ("application/json;q=0.2, text/event-stream ; Q = 0.3", EVENTS),
        ("text/html, image/gif, *; q=.2, */*; q=.2", ARRAY),
    ],
)
def test_the_best_liked_offer_is_chosen(accept: str, chosen: str) -> None:
    """The most specific range decides, then the quality, then the order of the offers; case and blanks do not."""
    assert best(OFFERS, accept) == chosen


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("image/png", ARRAY),
        ("*/*;q=0", ARRAY),
        ("application/json;q=0", ARRAY),
        (",,;,;q,;q=,/,*", ARRAY),
        ("application/xx-ndjson", ARRAY),
        ("\u00fc", ARRAY),
    ],
)
def test_the_first_offer_answers_who_likes_none(accept: str, chosen: str) -> None:
    """Nothing acceptable, or nothing that can be read, is answered as if nothing were asked."""
    assert best(OFFERS, accept) == chosen


@pytest.mark.parametrize("quality", ["1.5", "2", "-1", "0.1234", "x", "", "1e0", "\u0661"])
def test_a_malformed_quality_counts_as_one(quality: str) -> None:
    """A quality that is none neither outdoes a good one nor hides the range."""
    assert best(OFFERS, f"application/json, text/event-stream;q={quality}") == ARRAY
    assert best(OFFERS, f"application/json;q=0.9, text/event-stream;q={quality}") == EVENTS


@pytest.mark.parametrize(
    "accepted",
    [
        "gzip",
        "GZip",
        "x-gzip",
        "deflate, gzip, br, zstd",
        "gzip;q=0.001",
        "gzip;q=1.0, identity; q=0.5, *;q=0",
        "*",
        "br, *;q=0.1",
        "identity;q=0.5, gzip;q=0.5",
        "br;q=1, gzip;q=0.8",
    ],
)
def test_gzip_is_asked_for(accepted: str) -> None:
    """By either name or by the wildcard, in any case, with any quality but zero."""
    assert accepts_gzip(accepted)


@pytest.mark.parametrize(
    "accepted",
    [
        "",
        "identity",
        "br, zstd",
        "gzip;q=0",
        "gzip;q=0.000",
        "gzip;q=0, *",
        "*;q=0",
        "gzipped",
        "x-gzip;q=0",
        "identity, gzip;q=0.5",
        "gzip;q=0.2, identity;q=0.3",
    ],
)
def test_gzip_is_not_asked_for(accepted: str) -> None:
    """Unnamed, at quality zero, or less liked than the body as it is."""
    assert not accepts_gzip(accepted)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        'application/json; charset="utf-8"',
        'application/json ; Charset="UTF-8" ; x=y',
        "application/json; charset=utf8",
        "application/json;",
        "application/json; x",
        "application/problem+json",
        "application/merge-patch+json; charset=utf-8",
    ],
)
def test_types_of_json(content_type: str) -> None:
    """JSON by its own name or by suffix, in UTF-8, which is the only charset it has; and what says nothing."""
    assert is_json(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=latin1",
        'application/json; charset="utf-16"',
        "application/json;charset=iso-8859-1",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "application/json-seq",
        "application/x-ndjson",
        "json",
        "garbage",
        "image/svg+json",
        "application/json, application/json",
    ],
)
def test_types_that_are_no_json(content_type: str) -> None:
    """Anything else, and JSON in another charset."""
    assert not is_json(content_type)


def test_media_types_are_split() -> None:
    """The type and its charset, both in lower case."""
    assert media_type('Text/HTML; X="a"; CharSet="UTF-8"') == ("text/html", "utf-8")
    assert media_type("text/html") == ("text/html", "")


def test_lines_of_a_header_are_one_list() -> None:
    """Several lines are joined, in their order; a header that is not there is empty."""
    headers = [(b"accept", b"text/html"), (b"x", b"y"), (b"accept", b"text/event-stream;q=0.5")]
    assert header(headers, b"accept") == "text/html,text/event-stream;q=0.5"
    assert best(OFFERS, header(headers, b"accept")) == EVENTS
    assert header(headers, b"accept-encoding") == ""


@pytest.mark.parametrize("piece", [",", ";", "q=", " ", "*/*,", ";q=0.5", "a/b;q=1,", "\t;q = "])
def test_long_headers_are_cheap(piece: str) -> None:
    """Whatever fills a header to its limit, reading it takes no time to speak of."""
    started = time.process_time()
    value = "text/event-stream;" + piece * (16_000 // len(piece))
    best(OFFERS, value)
    accepts_gzip(value)
    is_json(value)
    assert time.process_time() - started < 0.2
