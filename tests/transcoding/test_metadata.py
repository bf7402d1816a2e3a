"""Headers that are metadata, metadata that are headers, and deadlines."""

import pytest

from authsvc.transcoding import BadRequest, HeaderRules
from authsvc.transcoding.metadata import seconds_of


def test_only_listed_headers_become_metadata() -> None:
    """Those of the list under their own name, in the order they came, several of one name included."""
    headers = [
        (b"user-agent", b"test"),
        (b"cookie", b"a=b"),
        (b"authorization", b"Bearer a"),
        (b"authorization", b"Bearer b"),
        (b"x-forwarded-for", b"::1"),
        (b"accept-language", b"de"),
        (b"accept", b"*/*"),
    ]
    assert HeaderRules().metadata(headers) == [headers[0], headers[2], headers[3], headers[5]]
    assert HeaderRules(incoming=frozenset({b"cookie"})).metadata(headers) == [headers[1]]
    assert HeaderRules(incoming=frozenset()).metadata(headers) == []


def test_any_metadata_can_be_sent_with_a_prefix() -> None:
    """`Grpc-Metadata-X` is the metadata `x`, whatever the list says; without a name it is none."""
    headers = [
        (b"grpc-metadata-x-a", b"1"),
        (b"grpc-metadata-x-a", b"2"),
        (b"grpc-metadata-grpc-metadata-b", b"3"),
        (b"grpc-metadata-", b"4"),
        (b"grpc-metadata", b"5"),
        (b"x-grpc-metadata-c", b"6"),
    ]
    found = HeaderRules(incoming=frozenset()).metadata(headers)
    assert found == [(b"x-a", b"1"), (b"x-a", b"2"), (b"grpc-metadata-b", b"3")]


def test_the_prefix_is_an_option() -> None:
    """Another one, or none at all."""
    headers = [(b"meta-a", b"1"), (b"grpc-metadata-b", b"2"), (b"c", b"3")]
    assert HeaderRules(prefix=b"meta-").metadata(headers) == [(b"a", b"1")]
    assert HeaderRules(prefix=b"").metadata(headers) == []
    assert HeaderRules(prefix=b"", incoming=frozenset({b"grpc-metadata-b"})).metadata(headers) == [headers[1]]


def test_a_listed_header_comes_under_its_own_name_only() -> None:
    """With a prefix it would come past a proxy that checks it."""
    headers = [(b"grpc-metadata-authorization", b"Bearer a"), (b"grpc-metadata-cookie", b"a=b"), (b"user-agent", b"c")]
    assert HeaderRules().metadata(headers) == [(b"cookie", b"a=b"), headers[2]]
    assert HeaderRules(incoming=frozenset({b"cookie"})).metadata(headers) == [(b"authorization", b"Bearer a")]
    listed = HeaderRules(incoming=frozenset({b"grpc-metadata-cookie", b"cookie"}))
    assert listed.metadata(headers) == [(b"authorization", b"Bearer a"), headers[1]]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"", [b""]),
        (b"AAE", [b"\0\1"]),
        (b"AAE=", [b"\0\1"]),
        (b"AAE,AA==", [b"\0\1", b"\0"]),
        (b" AAE , AA,", [b"\0\1", b"\0", b""]),
        (b"+/+/", [b"\xfb\xff\xbf"]),
    ],
)
def test_binary_metadata_is_base64(value: bytes, found: list[bytes]) -> None:
    """With padding or without, several values in one header or in several; all other metadata is text."""
    headers = [(b"grpc-metadata-x-bin", value), (b"grpc-metadata-x", b"\xfc"), (b"y-bin", value)]
    rules = HeaderRules(incoming=frozenset({b"y-bin"}))
    assert rules.decoded(headers) == [
        *[("x-bin", each) for each in found],
        ("x", "\xfc"),
        *[("y-bin", each) for each in found],
    ]


@pytest.mark.parametrize("value", [b"*", b"A", b"AAAAA", b"-_-_", b"AA=A", b"AA==AA==", b"A A", b"AA,*", b"\xff"])
def test_other_binary_metadata_is_refused(value: bytes) -> None:
    """The header is named, as it was sent."""
    with pytest.raises(BadRequest, match=r"^grpc-metadata-x-bin: must be base64$"):
        HeaderRules().decoded([(b"grpc-metadata-x-bin", value)])
    with pytest.raises(BadRequest, match=r"^x-bin: must be base64$"):
        HeaderRules(incoming=frozenset({b"x-bin"})).decoded([(b"x-bin", value)])
    assert HeaderRules().decoded([(b"x-bin", value)]) == []


def test_only_listed_metadata_becomes_headers() -> None:
    """Whatever else a handler says stays inside."""
    metadata = [("cache-control", "no-store"), ("set-cookie", "a=b"), ("x", "y"), ("www-authenticate", "Bearer")]
    assert HeaderRules().headers(metadata) == [metadata[0], metadata[3]]
    assert HeaderRules(outgoing=frozenset({"x"})).headers(metadata) == [metadata[2]]


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        (b"1H", 3600.0),
        (b"2M", 120.0),
        (b"3S", 3.0),
        (b"4m", 0.004),
        (b"5u", 0.000005),
        (b"6n", 0.000000006),
        (b"0S", 0.0),
        (b"00000001S", 1.0),
        (b"99999999H", 99999999 * 3600.0),
    ],
)
def test_timeouts_are_read(timeout: bytes, seconds: float) -> None:
    """Up to eight digits and a unit."""
    assert seconds_of(timeout) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "timeout",
    [b"", b"1", b"S", b"1s", b"1h", b"123456789S", b"-1S", b"+1S", b"1.5S", b" 1S", b"1S ", b"1 S", b"1SS", b"1S,1S",
     b"1S\n", b"\xd9\xa1S"],
)  # fmt: skip
def test_other_timeouts_are_refused(timeout: bytes) -> None:
    """Anything else is the client's mistake, and the header is named."""
    with pytest.raises(BadRequest, match=r"^grpc-timeout: must be one to eight digits and a unit$"):
        seconds_of(timeout)
