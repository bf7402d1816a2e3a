"""What browsers and clients send: forms and queries (the URL standard: application/x-www-form-urlencoded)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request

LONGEST = 64 * 1024  # bytes of a form
_MOST = 100  # fields

Pairs = tuple[tuple[str, str], ...]


class BadForm(Exception):
    """What was sent is no form that can be read: `status` is that of the response, `key` names a text of the pages."""

    def __init__(self, status: int, key: Literal["malformed", "too_large", "media_type"]) -> None:
        super().__init__(key)
        self.status = status
        self.key = key


async def read_form(request: Request, longest: int = LONGEST) -> Pairs:
    """The fields of a form in their order; none if there is no body.

    Raises:
        BadForm: it is larger than `longest` bytes, of another media type, or not UTF-8.
    """
    body = await _body(request, longest)
    if body and not _is_form(request.headers.get("content-type", "")):
        raise BadForm(415, "media_type")
    try:
        return _pairs(body.decode("ascii"))
    except UnicodeDecodeError:
        raise BadForm(400, "malformed") from None


def read_query(request: Request) -> Pairs:
    """The fields of the address in their order. Raises `BadForm` as `read_form` does."""
    try:
        return _pairs(request.scope["query_string"].decode("ascii"))
    except UnicodeDecodeError:
        raise BadForm(400, "malformed") from None


def single(pairs: Pairs) -> dict[str, str]:
    """The fields by name.

    Raises:
        BadForm: one is there twice (RFC 6749, section 3.1: none may be).
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise BadForm(400, "malformed")
    return fields


def first(pairs: Iterable[tuple[str, str]], name: str) -> str:
    """The first value of a field; empty if it is not there."""
    return next((value for key, value in pairs if key == name), "")


def address(path: str, pairs: Iterable[tuple[str, str]], **changes: str) -> str:
    """A path with a query: `pairs`, but those that are named in `changes` with these values, or without for empty."""
    kept = [(name, value) for name, value in pairs if name not in changes]
    query = urlencode([*kept, *((name, value) for name, value in changes.items() if value)])
    return f"{path}?{query}" if query else path


async def _body(request: Request, longest: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > longest:
        raise BadForm(413, "too_large")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > longest:
            raise BadForm(413, "too_large")
    return bytes(body)


def _is_form(content_type: str) -> bool:
    media_type, _, parameters = content_type.lower().partition(";")
    return media_type.strip() == "application/x-www-form-urlencoded" and parameters.strip() in {"", "charset=utf-8"}


def _pairs(text: str) -> Pairs:
    try:
        return tuple(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST))
    except ValueError:  # UnicodeDecodeError is one
        raise BadForm(400, "malformed") from None
