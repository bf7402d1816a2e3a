"""Percent-decoding of paths and queries (RFC 3986, section 2), strict about UTF-8."""

import re
from urllib.parse import unquote_to_bytes

from ._errors import Unreadable

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPED_SLASH = re.compile(rb"%(?=2[Ff])")


def path_text(raw_path: bytes | str) -> str:
    """Return a raw path as text that `decode` can turn back into the same bytes."""
    return raw_path if isinstance(raw_path, str) else raw_path.decode(errors="surrogateescape")


def decode_capture(raw: str, *, keep_slashes: bool) -> str:
    """Decode what a path variable captured.

    With `keep_slashes`, as google.api.http asks of multi-segment variables, `%2F` stays as it is written.

    Raises:
        Unreadable: an escape is malformed, or the result is not UTF-8.

    """
    if raw.isascii() and "%" not in raw:
        return raw
    try:
        encoded = raw.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise Unreadable(_NOT_UTF8) from None
    # Escaping the percent sign of %2F makes decoding give %2F back.
    return _decode(_ESCAPED_SLASH.sub(b"%25", encoded) if keep_slashes else encoded)


def decode_query_value(raw: bytes) -> str:
    """Decode a query value, in which `+` is a space as in HTML forms; raises as `decode_capture` does."""
    return _decode(raw.replace(b"+", b" "))


def decode_query_name(raw: bytes) -> str:
    """Decode a query name; one that is broken comes out as some name that no field has."""
    return unquote_to_bytes(raw).decode(errors="replace")


_NOT_UTF8 = "is not UTF-8"


def _decode(raw: bytes) -> str:
    if _BROKEN_ESCAPE.search(raw):
        raise Unreadable("has a malformed percent-encoding")
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Unreadable(_NOT_UTF8) from None
