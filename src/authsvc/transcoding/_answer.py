"""Whole HTTP answers: status, headers, body."""

import gzip
import re
from collections.abc import Sequence
from typing import NamedTuple

from ._accept import accepts_gzip

HeaderList = list[tuple[bytes, bytes]]

JSON = "application/json"

# Below this, the answer is one packet anyway.
_WORTH_COMPRESSING = 1400
# Other content, such as images, mostly is compressed already.
_COMPRESSIBLE = re.compile(r"text/|application/(?:[^;]*\+)?(?:json|xml|yaml|javascript)\b", re.IGNORECASE)
_LEVEL = 1  # four times as fast as the usual 6, and a tenth larger


class Answer(NamedTuple):
    """An HTTP answer, ready to be sent; the headers have `content-length`."""

    status: int
    headers: HeaderList
    body: bytes


def answer(
    status: int,
    content_type: str,
    body: bytes,
    *,
    accept_encoding: str | None = None,
    vary: Sequence[bytes] = (),
    head: bool = False,
) -> Answer:
    """Put an answer together.

    Args:
        status: of HTTP.
        content_type: of the body; empty for an answer without one.
        body: before compression.
        accept_encoding: the header of the request; a body that is worth it is compressed with gzip. None compresses
            nothing.
        vary: the headers of the request, beside this one, that the answer depends on.
        head: whether the method is HEAD, whose answer has the headers without the body.

    """
    headers = [(b"content-type", content_type.encode("latin-1"))] if content_type else []
    headers.append((b"x-content-type-options", b"nosniff"))
    if accept_encoding is None or len(body) < _WORTH_COMPRESSING or not _COMPRESSIBLE.match(content_type):
        accept_encoding = ""
    else:
        vary = [b"accept-encoding", *vary]
    if vary:
        headers.append((b"vary", b", ".join(vary)))
    if accepts_gzip(accept_encoding):
        body = gzip.compress(body, _LEVEL, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(body)).encode()))
    return Answer(status, headers, b"" if head else body)
