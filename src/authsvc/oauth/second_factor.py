"""The second factor: time-based one-time passwords (RFC 6238), and the time between the password and the code."""

from __future__ import annotations

import hmac
from typing import NamedTuple, Protocol

import orjson
import pyotp

from authsvc.domain.clock import SECOND
from authsvc.domain.sealed import TOTP

PENDING_LIFE = 300 * SECOND
"""How long after the password the code may come, in microseconds."""
STEP = 30 * SECOND
"""How long a code is shown, in microseconds (RFC 6238, section 5.2)."""
_WINDOW = (0, -1, 1)  # steps by which the clock of a telephone may be wrong
_PENDING = "second-factor"


class Seals(Protocol):
    """What keeps texts sealed for a purpose."""

    def seal(self, purpose: str, text: str) -> str:
        """The text, sealed."""

    def open(self, purpose: str, sealed: str) -> str | None:
        """The text, or None if it was not sealed here for this purpose."""


class Pending(NamedTuple):
    """A person whose password was right `at` this time, from the known device `agent_id` if it is one.

    `secrets` is that of the account then.
    """

    user_id: int
    amr: str
    at: int
    agent_id: int | None
    secrets: str


def seal_pending(seals: Seals, pending: Pending) -> str:
    """What goes into the form that asks for the code."""
    return seals.seal(_PENDING, orjson.dumps(list(pending)).decode())


def open_pending(seals: Seals, sealed: str, at: int) -> Pending | None:
    """What comes back in the form; None if it is not ours or too old."""
    text = seals.open(_PENDING, sealed)
    if text is None:
        return None
    pending = Pending._make(orjson.loads(text))
    return pending if 0 <= at - pending.at < PENDING_LIFE else None


def new_secret() -> str:
    """A new secret: 160 random bits in base32 (RFC 4226, section 4)."""
    return pyotp.random_base32(32)


def seal_secret(seals: Seals, user_id: int, secret: str) -> str:
    """The secret of an account as the store keeps it; in another account's row it is worth nothing."""
    return seals.seal(TOTP, f"{user_id} {secret}")


def provisioning_uri(secret: str, login_name: str, issuer: str) -> str:
    """The `otpauth:` address by which an authenticator app takes the secret in."""
    return pyotp.TOTP(secret).provisioning_uri(name=login_name, issuer_name=issuer)


def matching_step(seals: Seals, user_id: int, sealed: str, code: str, at: int) -> int | None:
    """The time step whose code this is, of the present one and its neighbours; None if it is of none of them.

    Nothing is right for a secret that cannot be opened.
    """
    owner, _, secret = (seals.open(TOTP, sealed) or "").partition(" ")
    if owner != str(user_id):
        return None
    given = "".join(code.split())
    present = at // STEP
    # All three are compared, whatever the first says.
    codes = {present + offset: pyotp.HOTP(secret).at(present + offset) for offset in _WINDOW}
    matching = [step for step, right in codes.items() if hmac.compare_digest(right.encode(), given.encode())]
    return max(matching, default=None)
