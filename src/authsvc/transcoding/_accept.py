"""Content negotiation: `Accept`, `Accept-Encoding`, `Content-Type` (RFC 9110, sections 8.3, 12.5)."""

import re
from collections.abc import Iterable, Sequence

Headers = Iterable[tuple[bytes, bytes]]

_QUALITY = re.compile(r"\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.ASCII)


def header(headers: Headers, name: bytes) -> str:
    """Return the values of a header, joined by commas as RFC 9110, section 5.3, allows."""
    return ",".join([value.decode("latin-1") for key, value in headers if key == name])


def best(offers: Sequence[str], accept: str) -> str:
    """Return the offered media type that an `Accept` header likes best, or the first where it likes none.

    Of equally liked ones the first offered wins. Answering with something else than what was asked for is better
    here than 406: errors are written in the same types.
    """
    if not accept:
        return offers[0]
    ranges = list(_preferences(accept))
    return max(offers, key=lambda offer: _quality(offer, ranges))


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` header asks for gzip, and likes nothing better than it."""
    if not accept_encoding:
        return False
    qualities = dict(_preferences(accept_encoding))
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    return gzip > 0.0 and gzip >= qualities.get("identity", 0.0)


def media_type(content_type: str) -> tuple[str, str]:
    """Return the type of a `Content-Type` header and its charset, both in lower case."""
    kind, *parameters = content_type.lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    charset = next((value.strip().strip('"') for name, _, value in pairs if name.strip() == "charset"), "")
    return kind.strip(), charset


def is_json(content_type: str) -> bool:
    """Whether a body of this type is JSON in UTF-8; one without a type is taken for it."""
    kind, charset = media_type(content_type)
    return charset in {"", "utf-8", "utf8"} and (kind in {"", "application/json"} or _is_suffixed(kind))


def _is_suffixed(kind: str) -> bool:
    return kind.startswith("application/") and kind.endswith("+json")


def _preferences(value: str) -> Iterable[tuple[str, float]]:
    for element in value.lower().split(","):
        name, *parameters = element.split(";")
        found = (_QUALITY.fullmatch(parameter) for parameter in parameters)
        yield name.strip(), next((float(each[1]) for each in found if each), 1.0)


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    # The most specific range that covers the offer decides.
    for candidate in (offer, f"{offer.partition('/')[0]}/*", "*/*"):
        for name, quality in ranges:
            if name == candidate:
                return quality
    return 0.0
