"""Percent-decoding of paths and queries (RFC 3986, section 2), strict about UTF-8."""

import re
from urllib.parse import unquote_to_bytes

from ._errors import Unreadable

_NOT_UTF8 = "is not UTF-8"

_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPED_SLASH = re.compile(rb"%(?=2[Ff])")
# The percent signs of the escapes of :/?#[]@!$&'()*+,;= (RFC 6570, section 1.5).
_ESCAPED_RESERVED = re.compile(rb"%(?=2[13-46-9A-CFa-cf]|3[ABDFabdf]|40|5[BDbd])")


def path_text(raw: bytes | str) -> str:
    """Return a raw path or query as text that the functions below can turn back into the same bytes."""
    return raw if isinstance(raw, str) else raw.decode(errors="surrogateescape")


def decode_capture(raw: str, *, multi: bool, reserved_expansion: bool = False) -> str:
    """Decode what a path variable captured.

    Args:
        raw: the text as it was sent.
        multi: whether the variable spans segments. Then `%2F` stays as it is written, in either case of
            its letter, as google.api.http asks: it is no separator.
        reserved_expansion: whether all reserved characters of RFC 6570 stay encoded in such a variable;
            the other reading that google.api.http gives of itself.

    Raises:
        Unreadable: an escape is malformed, or the result is not UTF-8.

    """
    if raw.isascii() and "%" not in raw:
        return raw
    encoded = _encode(raw)
    if multi:
        # Escaping the percent sign of an escape makes decoding give the escape back.
        encoded = (_ESCAPED_RESERVED if reserved_expansion else _ESCAPED_SLASH).sub(b"%25", encoded)
    return _decode(encoded)


def decode_query_value(raw: str) -> str:
    """Decode a query value, in which `+` is a space as in HTML forms; raises as `decode_capture` does."""
    if raw.isascii() and "%" not in raw:
        return raw.replace("+", " ")
    return _decode(_encode(raw).replace(b"+", b" "))


def decode_query_name(raw: str) -> str:
    """Decode a query name; one that is broken comes out as some name that no field has."""
    if "%" not in raw:
        return raw
    return unquote_to_bytes(raw.encode(errors="surrogateescape")).decode(errors="replace")


def _encode(raw: str) -> bytes:
    try:
        return raw.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        raise Unreadable(_NOT_UTF8) from None


def _decode(raw: bytes) -> str:
    if _BROKEN_ESCAPE.search(raw):
        raise Unreadable("has a malformed percent-encoding")
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Unreadable(_NOT_UTF8) from None
