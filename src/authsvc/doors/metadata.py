"""Between HTTP headers and gRPC metadata (gRPC over HTTP/2: "Requests", "Responses")."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sized
from typing import TypeVar
from urllib.parse import quote

from grpc import StatusCode

from authsvc.doors.asgi_types import Headers
from authsvc.doors.limits import Limits
from authsvc.rpc.call import DETAILS_KEY, Metadata
from authsvc.rpc.status import OK, Status, StatusError
from authsvc.transcoding import BadRequest
from authsvc.transcoding.metadata import decode_binary, encode_binary, seconds_of

# Headers that carry the call rather than belong to it.
_TRANSPORT = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"grpc-accept-encoding",
        b"grpc-encoding",
        b"grpc-message-type",
        b"grpc-timeout",
        b"host",
        b"keep-alive",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"x-grpc-web",
    }
)
_PLAIN = {"transport_security_type": [b"insecure"], "security_level": [b"TSI_SECURITY_NONE"]}
_ENCRYPTED = {"transport_security_type": [b"ssl"], "security_level": [b"TSI_PRIVACY_AND_INTEGRITY"]}
_SUCCESS = (b"grpc-status", b"0")
_HEADER_OVERHEAD = 32  # what a header counts beside its bytes (RFC 9113, section 10.5.1)
_T = TypeVar("_T")


class Malformed(Exception):
    """A header that cannot be read; the text says which."""


def header(headers: Headers, name: bytes, default: _T = b"") -> bytes | _T:  # type: ignore[assignment]
    """The first value of a header."""
    for key, value in headers:
        if key == name:
            return value
    return default


def accepted_encodings(headers: Headers) -> set[bytes]:
    """What `grpc-accept-encoding` lists."""
    lists = [value for key, value in headers if key == b"grpc-accept-encoding"]
    return {encoding.strip() for encoding in b",".join(lists).split(b",")}


def check_size(entries: Collection[tuple[Sized, Sized]], limits: Limits) -> None:
    """Raise RESOURCE_EXHAUSTED if there are too many headers or metadata, or if they are too large."""
    size = len(entries) * _HEADER_OVERHEAD
    for key, value in entries:
        size += len(key) + len(value)
    if size > limits.metadata:
        raise StatusError(StatusCode.RESOURCE_EXHAUSTED, f"metadata larger than {limits.metadata} bytes")
    if len(entries) > limits.headers:
        raise StatusError(StatusCode.RESOURCE_EXHAUSTED, f"more than {limits.headers} headers")


def metadata_of(headers: Headers) -> Metadata:
    """The metadata in a request's headers, in order. Raises `Malformed` for bad base64 in a `-bin` header."""
    metadata: list[tuple[str, str | bytes]] = []
    for name, value in headers:
        if name in _TRANSPORT:
            continue
        key = name.decode("latin-1")
        if name.endswith(b"-bin"):  # several headers of one name may arrive joined
            metadata += [(key, _decode_binary(key, part.strip())) for part in value.split(b",")]
        else:
            metadata.append((key, value.decode("latin-1")))
    return metadata


def _decode_binary(key: str, value: bytes) -> bytes:
    try:
        return decode_binary(value)
    except ValueError:
        raise Malformed(f"{key}: not base64") from None


def header_pairs(metadata: Metadata) -> Headers:
    """Metadata as headers or trailers; bytes as base64 without padding."""
    return [
        (key.encode(), value.encode() if isinstance(value, str) else encode_binary(value)) for key, value in metadata
    ]


def status_trailers(status: Status, trailing: Metadata) -> Headers:
    """How a call ended, as trailers: status, message, rich details, then the servicer's own."""
    if status is OK and not trailing:
        return [_SUCCESS]
    trailers = [(b"grpc-status", str(status.code.value[0]).encode())]
    if status.message:
        trailers.append((b"grpc-message", percent_encode(status.message)))
    if status.details:
        trailers += header_pairs([(DETAILS_KEY, status.proto().SerializeToString())])
    return trailers + header_pairs(trailing)


def timeout_of(headers: Headers) -> float | None:
    """The seconds in `grpc-timeout`; None without it. Raises `Malformed`."""
    value = header(headers, b"grpc-timeout", None)
    if value is None:
        return None
    try:
        return seconds_of(value)
    except BadRequest as error:
        raise Malformed(str(error)) from None


def percent_encode(message: str) -> bytes:
    """A status message for the header `grpc-message`: printable ASCII stays, all else becomes %XX of its UTF-8."""
    encoded = quote(message, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
    if encoded.strip() != encoded:  # HTTP does not carry spaces at the ends of a value
        encoded = encoded.replace(" ", "%20")
    return encoded.encode()


def peer_of(client: tuple[str, int] | None) -> str:
    """A client's address as gRPC writes it."""
    if client is None:
        return "unix:"
    host, port = client
    return f"ipv6:{quote(f'[{host}]', safe=':')}:{port}" if ":" in host else f"ipv4:{host}:{port}"


def auth_context_of(scheme: str) -> Mapping[str, Iterable[bytes]]:
    """What gRPC tells servicers of a connection by which no client has identified itself."""
    return _ENCRYPTED if scheme == "https" else _PLAIN
