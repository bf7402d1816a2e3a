"""Webhooks: addresses that are told what happens to sessions, and the deliveries to them. Times in microseconds."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from authsvc.domain.sessions import event_actions


class DeliveryState(IntEnum):
    """What has become of a delivery. A pending one is tried again; a failed one is not."""

    PENDING = 1
    DELIVERED = 2
    FAILED = 3


class Webhook(NamedTuple):
    """An address. `events` are the names it wants, separated by spaces, none for all.

    `cursor` is the number of the last change of which deliveries have been made, and `key_fingerprint` that of the key
    from which the secret is made.
    """

    id: int
    url: str
    events: str
    cursor: int
    disabled: int
    created_at: int
    key_fingerprint: str

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions behind the events it wants."""
        return event_actions(self.events.split())


class Due(NamedTuple):
    """A delivery to be tried now, after so many attempts; `sequence` is the number of the change."""

    id: int
    webhook_id: int
    url: str
    sequence: int
    attempts: int


class Delivery(NamedTuple):
    """A delivery as the log shows it: the change behind it, and what became of the last attempt.

    `last_status` is that of the HTTP response, `last_error` says why there is none or why it is not good enough.
    """

    id: int
    webhook_id: int
    sequence: int
    at: int
    action: str
    state: int
    attempts: int
    next_at: int
    last_at: int | None
    last_status: int | None
    last_error: str | None
