"""Devices that wait for a person to let them in, and the codes that people type for them (RFC 8628)."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from authsvc.domain.authorizations import DeviceState

# Consonants that are hard to confuse, so that no code is a word (RFC 8628, section 6.1): 20^8 codes, of which few live.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_HALF = 4
_LENGTH = 2 * _HALF
_MOST_TYPED = 64  # characters, whatever stands between the letters


def new_user_code() -> str:
    """A code for a person to type: two halves of four letters, with a dash between."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def parse_user_code(typed: str) -> str | None:
    """The code that somebody typed, as we write it, whatever its case, dashes and spaces; None if it cannot be one."""
    if len(typed) > _MOST_TYPED:
        return None
    letters = "".join(character for character in typed.upper() if character != "-" and not character.isspace())
    if len(letters) != _LENGTH or not set(letters) <= set(_LETTERS):
        return None
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


class Device(NamedTuple):
    """A device as the store holds it. Times in microseconds, `interval` in seconds.

    `client_id` is the number of the client's row. `user_id` and `session_id` are whose decision it was, once there is
    one, and `authorization_id` what came of it.
    """

    id: int
    client_id: int
    scope: str
    state: DeviceState
    user_id: int | None
    session_id: int | None
    authorization_id: int | None
    expires_at: int
    interval: int
    asked_at: int | None


class PendingDevice(NamedTuple):
    """What a person is asked to let in: the client's name, and its scopes separated by spaces."""

    client_name: str
    scope: str
