"""What ASGI does not tell: that a client has gone whose request nobody reads on."""

from __future__ import annotations

from typing import Any


def client_gone(receive: Any) -> bool:
    """Whether the client of a request is known to be gone; `receive` is the request's, as the application got it.

    ASGI says so only to who asks for more of the body. uvicorn's `receive` is a method of its request, which knows.
    """
    return bool(getattr(getattr(receive, "__self__", None), "disconnected", False))
