"""Where other issuers are asked, without a word about how."""

from __future__ import annotations

from typing import Any, Protocol


class NoAnswer(Exception):
    """There was no answer that could be used. The text says why, and nothing of what was sent."""


class Source(Protocol):
    """Answers questions with JSON objects; both methods raise `NoAnswer`."""

    async def get(self, url: str) -> dict[str, Any]:
        """The object at an address."""

    async def post(self, url: str, form: dict[str, str], name: str, secret: str) -> dict[str, Any]:
        """The object that answers a form; `name` and `secret` prove who asks."""

    async def close(self) -> None:
        """Let go of all connections."""
