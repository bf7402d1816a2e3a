"""Sends deliveries by HTTP. Slow to import, so the dispatcher does it only when there is something to send."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator

import httpx2

from authsvc.identity.http_client import http_client
from authsvc.webhooks.outcome import Outcome, answered
from authsvc.webhooks.signing import HEADER

TIMEOUT = 10.0
"""Seconds that one attempt may take from the look-up of the host name to the end of the answer."""
_ANSWER = 16 * 1024  # bytes of an answer that are taken, so that its connection can serve again
_LONGEST_ERROR = 200
_FAULTS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror,), "the host name cannot be resolved"),
    ((ConnectionRefusedError,), "the connection was refused"),
    ((httpx2.ProxyError,), "the proxy refused"),
    (
        (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError),
        "the connection was closed, or the answer is no HTTP",
    ),
)


class HttpSender:
    """Sends to any address. Follows no redirects, keeps no cookies, and verifies certificates."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        # How many there are at once is the dispatcher's business.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=16, keepalive_expiry=15.0)
        self._client = http_client(timeout, {"content-type": "application/json"}, limits=limits)

    async def send(self, url: str, body: bytes, signature: str) -> Outcome:
        """Make one attempt. It never raises: whatever happens is an outcome.

        The status decides, whatever follows it: of the answer's body only the beginning is taken.
        """
        status = None
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream("POST", url, content=body, headers={HEADER: signature}) as response,
            ):
                status = response.status_code
                await _take(response)
        except Exception as error:  # noqa: BLE001 - one delivery's trouble, to be told in its record
            if status is None:
                return Outcome(None, self._fault(error))
        return answered(status)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _fault(self, error: Exception) -> str:
        """What went wrong, in a few words, and nothing of what the peer sent."""
        if isinstance(error, TimeoutError | httpx2.TimeoutException):
            return f"no answer within {self._timeout:g} seconds"
        for cause in _causes(error):
            fault = _known(cause)
            if fault:
                return fault[:_LONGEST_ERROR]
        return type(error).__name__


async def _take(response: httpx2.Response) -> None:
    taken = 0
    async for chunk in response.aiter_raw():
        taken += len(chunk)
        if taken > _ANSWER:
            return


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what led to it, from the root on."""
    chain = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    return reversed(chain)


def _known(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {(error.reason or 'unknown').lower().replace('_', ' ')}"
    fault = next((fault for kinds, fault in _FAULTS if isinstance(error, kinds)), None)
    return fault or (error.strerror if isinstance(error, OSError) else None)
