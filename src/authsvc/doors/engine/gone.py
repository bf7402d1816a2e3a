"""How a request of uvicorn's learns that its client has gone, and what ASGI does not tell of that."""

from __future__ import annotations

from typing import Any


def client_gone(receive: Any) -> bool:
    """Whether the client of a request is known to be gone; `receive` is the request's, as the application got it.

    ASGI says so only to who asks for more of the body. uvicorn's `receive` is a method of its request, which knows.
    """
    return bool(getattr(getattr(receive, "__self__", None), "disconnected", False))


def tell_gone(cycle: Any) -> None:
    """Tell the application of a request of uvicorn's that nobody takes its answer any more."""
    if not cycle.response_complete:
        cycle.disconnected = True
    cycle.message_event.set()
