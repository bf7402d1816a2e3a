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
    assert decode_capture(raw, multi=False) == single
    assert decode_capture(raw, multi=True) == multi


_RESERVED = ":/?#[]@!$&'()*+,;="


@pytest.mark.parametrize("write", ["%{:02x}", "%{:02X}"])
def test_reserved_expansion_keeps_every_reserved_character(write: str) -> None:
    """With that reading a multi-segment capture keeps exactly the reserved characters of RFC 6570 encoded."""
    for code in range(128):
        raw = f"a{write.format(code)}b"
        kept = raw if chr(code) in _RESERVED else f"a{chr(code)}b"
        assert decode_capture(raw, multi=True, reserved_expansion=True) == kept
        assert decode_capture(raw, multi=False, reserved_expansion=True) == f"a{chr(code)}b"
    assert decode_capture("%C3%A9%2F", multi=True, reserved_expansion=True) == "é%2F"


@pytest.mark.parametrize("raw", ["%", "%2", "%zz", "a%", "%ff", "%C3", "%ED%A0%80", "%C0%AF", chr(0xD800), chr(0xDCFF)])
def test_broken_encoding_is_refused(raw: str) -> None:
    """Malformed escapes and bytes that are not UTF-8 are errors, never replacement characters."""
    with pytest.raises(Unreadable):
        decode_capture(raw, multi=False)


@pytest.mark.parametrize("raw", [b"/a", "/é".encode(), b"/\xff"])
def test_raw_bytes_survive_as_text(raw: bytes) -> None:
    """A path given as bytes keeps them, so that decoding judges what was really sent."""
    assert path_text(raw).encode(errors="surrogateescape") == raw
    assert path_text("/a") == "/a"


def test_query_text_is_form_encoded() -> None:
    """In a query `+` is a space, as in HTML forms, and a broken name is a name no field has."""
    assert decode_query_value("a+b%2B%20") == "a b+ "
    assert decode_query_value("é+") == "é "
    assert decode_query_name("a%2Eb") == "a.b"
    assert decode_query_name("%ff") == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("raw", ["%ff", "%", chr(0xDCFF), chr(0xD800)])
def test_broken_query_value_is_refused(raw: str) -> None:
    """Query values are as strict about escapes and UTF-8 as captures are."""
    with pytest.raises(Unreadable):
        decode_query_value(raw)
