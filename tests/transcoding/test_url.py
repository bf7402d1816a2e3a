"""Percent-decoding (RFC 3986, section 2)."""

import pytest

from authsvc.transcoding._errors import Unreadable
from authsvc.transcoding._url import decode_capture, decode_query_name, decode_query_value, path_text


@pytest.mark.parametrize(
    ("raw", "single", "multi"),
    [
        ("plain", "plain", "plain"),
        ("a+b", "a+b", "a+b"),
        ("p%20q%2Fr", "p q/r", "p q%2Fr"),
        ("p%2fq/%2A", "p/q/*", "p%2fq/*"),
        ("%252F", "%2F", "%2F"),
        ("%C3%A9%00", "é\0", "é\0"),
        ("é", "é", "é"),
    ],
)
def test_multi_segment_captures_keep_encoded_slashes(raw: str, single: str, multi: str) -> None:
    """One segment decodes fully; across segments `%2F` stays as written, the rest decodes."""
    assert decode_capture(raw, keep_slashes=False) == single
    assert decode_capture(raw, keep_slashes=True) == multi


@pytest.mark.parametrize("raw", ["%", "%2", "%zz", "a%", "%ff", "%C3", "%ED%A0%80", "%C0%AF", chr(0xD800), chr(0xDCFF)])
def test_broken_encoding_is_refused(raw: str) -> None:
    """Malformed escapes and bytes that are not UTF-8 are errors, never replacement characters."""
    with pytest.raises(Unreadable):
        decode_capture(raw, keep_slashes=False)


@pytest.mark.parametrize("raw", [b"/a", "/é".encode(), b"/\xff"])
def test_raw_bytes_survive_as_text(raw: bytes) -> None:
    """A path given as bytes keeps them, so that decoding judges what was really sent."""
    assert path_text(raw).encode(errors="surrogateescape") == raw
    assert path_text("/a") == "/a"


def test_query_text_is_form_encoded() -> None:
    """In a query `+` is a space, as in HTML forms, and a broken name is a name no field has."""
    assert decode_query_value(b"a+b%2B%20") == "a b+ "
    assert decode_query_name(b"a%2Eb") == "a.b"
    assert decode_query_name(b"%ff") == "\N{REPLACEMENT CHARACTER}"
    with pytest.raises(Unreadable):
        decode_query_value(b"%ff")
