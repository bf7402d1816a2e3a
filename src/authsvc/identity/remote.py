"""Questions to other issuers by HTTP. Slow to import, so it is done only where another issuer is trusted."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote_plus

import httpx2

from authsvc.identity.http_client import http_client
from authsvc.identity.source import NoAnswer

TIMEOUT = 5.0
"""Seconds that an answer may take."""
LARGEST = 256 * 1024
"""Bytes of an answer at most."""


class Remote:
    """Asks for JSON objects. Follows no redirects, keeps no cookies, and verifies certificates."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        self._client = http_client(timeout, {"accept": "application/json"})

    async def get(self, url: str) -> dict[str, Any]:
        """The JSON object at an address. Raises `NoAnswer`."""
        return await self._object(self._client.build_request("GET", url))

    async def post(self, url: str, form: dict[str, str], name: str, secret: str) -> dict[str, Any]:
        """The JSON object that answers a form; name and secret prove who asks (RFC 6749, 2.3.1). Raises `NoAnswer`."""
        request = self._client.build_request("POST", url, data=form)
        credentials = httpx2.BasicAuth(quote_plus(name), quote_plus(secret))
        return await self._object(next(credentials.auth_flow(request)))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _object(self, request: httpx2.Request) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.send(request, stream=True)
                try:
                    body = await _body(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx2.HTTPError) as error:
            raise NoAnswer(type(error).__name__) from None
        if response.status_code != httpx2.codes.OK:
            raise NoAnswer(f"status {response.status_code}")
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise NoAnswer("the answer is not JSON") from None
        if not isinstance(found, dict):
            raise NoAnswer("the answer is not a JSON object")
        return found


async def _body(response: httpx2.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST:
            raise NoAnswer("the answer is too large")
    return body
